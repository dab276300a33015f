"""Base class of partner collectors that read the Microsoft 365 tenants of each customer."""

from abc import abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Generic, TypeVar

from exporter.collectors.base import CollectorContext, CustomerCollector, Options
from exporter.errors import StatusError

T = TypeVar("T")


class PerTenantCollector(CustomerCollector[Options, Mapping[str, T]], Generic[Options, T]):
    """Base class of collectors that read each Microsoft 365 tenant in the customer list.

    A customer's records map each tenant id to the data of the tenant. A tenant is omitted if AvePoint returns 403 or
    404 for the tenant, but returns data for another tenant of the same customer.
    """

    account_type = "partner"
    optional = True
    licensed_per_customer = True

    def __init__(self, context: CollectorContext, options: Options) -> None:
        super().__init__(context, options)
        self._read_tenants: set[str] = set()

    async def customer_ids(self) -> AsyncGenerator[str, None]:
        """Yield the ids of the customers with Microsoft 365 tenants, then the ids of the customers without tenants.

        A customer without tenants needs no request and therefore does not show whether the permission is granted. If
        all requests for customers with tenants have failed, omit the customers without tenants.
        """
        others, has_tenants = list[str](), False
        async with aclosing(super().customer_ids()) as ids:
            async for customer_id in ids:
                if self._customer_list.has_no_tenant(customer_id):
                    others.append(customer_id)
                else:
                    has_tenants = True
                    yield customer_id
        for customer_id in others if self._read_tenants or not has_tenants else ():
            yield customer_id

    async def read(self, customer_id: str) -> Mapping[str, T]:
        """Return the data of each tenant of a customer. Raise AvePointError if a request fails."""
        self.api_versions.first(self.endpoints.versions)
        found: dict[str, T] = {}
        refusal: StatusError | None = None
        for tenant_id in self._customer_list.tenants(customer_id):
            try:
                found[tenant_id] = await self.read_tenant(customer_id, tenant_id)
            except StatusError as error:
                if not error.means_not_granted or tenant_id in self._read_tenants:
                    raise
                refusal = refusal or error
        self._read_tenants.update(found)
        if refusal is not None and not found:
            raise refusal
        return found

    @abstractmethod
    async def read_tenant(self, customer_id: str, tenant_id: str) -> T:
        """Return the data of one tenant. Raise AvePointError if a request fails."""
