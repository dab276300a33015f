"""Customers of a partner: POST …/v3/general/customers/batch, or GET /partner/customers."""

from collections.abc import Iterable
from typing import ClassVar

from exporter.avepoint.endpoints import CUSTOMERS
from exporter.collectors.base import AccountCollector, CollectorContext, Family, Sample
from exporter.collectors.customer_list import Listing
from exporter.collectors.unread import Unread, unread_samples
from exporter.config.schema import CollectorOptions
from exporter.errors import AvePointError

_SOURCE = "from POST …/customers/batch or GET /partner/customers, cached between refreshes"

INFO = Family(
    "avepoint_customer_info",
    f"Information about a customer, always 1; join with group_left; {_SOURCE}.",
    ("account", "customer_id", "organization", "country", "owner_email"),
)
TENANT_INFO = Family(
    "avepoint_customer_tenant_info",
    f"Information about a customer's Microsoft 365 tenant, always 1; join with group_left; {_SOURCE}.",
    ("account", "customer_id", "tenant_id", "tenant"),
)
STATUS = Family(
    "avepoint_customer_status",
    f"1 for the current status of a customer's backup jobs; {_SOURCE}.",
    ("account", "customer_id", "status"),
)
MANAGEMENT_MODE = Family(
    "avepoint_customer_management_mode",
    "1 for the customer's current management mode (customer, partner or to_be_configured); "
    "from POST …/customers/batch, cached between refreshes.",
    ("account", "customer_id", "mode"),
)


class CustomersOptions(CollectorOptions):
    """Options of the collector `customers`."""


class CustomersCollector(AccountCollector[CustomersOptions, Listing]):
    """Collects the customers of a partner account."""

    name = "customers"
    account_type = "partner"
    endpoints: ClassVar = CUSTOMERS
    options_type = CustomersOptions
    families = (INFO, TENANT_INFO, STATUS, MANAGEMENT_MODE)

    def __init__(self, context: CollectorContext, options: CustomersOptions) -> None:
        super().__init__(context, options)
        self.api_versions = context.customer_list.api_versions

    async def read(self) -> Listing:
        """List the customers. The other collectors use the same list. Raise AvePointError if a request fails."""
        return await self._customer_list.refresh(self.options.interval * 0.9)

    @classmethod
    def error(cls, records: Listing) -> AvePointError | None:
        """Return an error if rows contradict each other or have no readable id, else None."""
        return records.error

    @classmethod
    def samples(cls, records: Listing, customer_id: str) -> Iterable[Sample]:  # noqa: ARG003 - all customers
        """Return the samples for all customers."""
        for customer in records.customers.values():
            yield Sample(INFO, (customer.id, customer.organization, customer.country, customer.owner_email), 1.0)
        for customer in records.customers.values():
            for tenant_id, name in customer.tenants.items():
                yield Sample(TENANT_INFO, (customer.id, tenant_id, name), 1.0)
        for customer in records.customers.values():
            if customer.status is not None:
                yield Sample(STATUS, (customer.id, customer.status), 1.0)
        for customer in records.customers.values():
            if customer.management_mode is not None:
                yield Sample(MANAGEMENT_MODE, (customer.id, customer.management_mode), 1.0)
            if "jobStatus" in customer.unreadable:
                yield from unread_samples([Unread(STATUS.name)], customer.id)
