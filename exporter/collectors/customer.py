"""The record of a customer, and functions that parse the customer list."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import is_nothing
from exporter.collectors.privacy import NamePolicy
from exporter.errors import AnswerError


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer. `status` and `management_mode` are None if AvePoint returns "N/A" or an unreadable value.

    If the field jobStatus or tenants cannot be read, `unreadable` contains the name of the field.
    """

    id: str
    organization: str
    country: str
    status: str | None
    owner_email: str = ""
    tenants: Mapping[str, str] = field(default_factory=dict)
    """Names of the customer's Microsoft 365 tenants, keyed by id. A hidden or unknown name is ""."""
    management_mode: str | None = None
    unreadable: tuple[str, ...] = ()

    @property
    def knows_tenants(self) -> bool:
        """Whether the ids of all Microsoft 365 tenants can be read."""
        return "tenants" not in self.unreadable


def customer_in(row: Row, names: NamePolicy) -> Customer | None:
    """Parse a row of the customer list. If the id cannot be read, return None."""
    identifier = row.key("id")
    if identifier is None:
        return None
    tenants = {
        tenant.key("id"): names.organization(tenant.name("name"))
        for tenant in ([] if is_nothing(row.raw("tenants")) else row.each("tenants"))
        if not _is_placeholder(tenant)
    }
    if None in tenants:
        row.refuse("tenants", "the id of a tenant cannot be read")
    return Customer(
        id=identifier,
        organization=names.organization(row.name("organization")),
        country=row.label("countryOrRegion") or "",
        status=row.customer_status("jobStatus"),
        owner_email=names.owner_email(row.address("ownerEmail")) if names.shows_owner else "",
        tenants={tenant_id: name for tenant_id, name in tenants.items() if tenant_id},
        management_mode=row.management_mode("managementMode"),
        unreadable=tuple(field for field in ("jobStatus", "tenants") if field in row.unreadable),
    )


def _is_placeholder(tenant: Row) -> bool:
    """Return whether a tenant has neither an id nor a name.

    AvePoint lists such a tenant if the customer has not been set up yet.
    """
    identifier = tenant.raw("id")
    return isinstance(identifier, str) and is_nothing(identifier) and is_nothing(tenant.raw("name"))


def merged(found: Iterable[tuple[Customer, Row]]) -> tuple[dict[str, Customer], AnswerError | None]:
    """Return the customers, keyed by id, and an error if rows with the same id contradict each other.

    If two rows contain different values for the same field of a customer, the value is unknown.
    """
    customers: dict[str, Customer] = {}
    conflicts: dict[str, Row] = {}
    for customer, row in found:
        earlier = customers.get(customer.id, customer)
        if earlier != customer and customer.id not in conflicts:
            conflicts[customer.id] = row
            row.conflict("id", customer.id)
        customers[customer.id] = _common(earlier, customer)
    for row in conflicts.values():
        return customers, row.unexpected(f"rows with the same id contradict each other: {len(conflicts)}")
    return customers, None


def _common(one: Customer, other: Customer) -> Customer:
    """Merge two records of the same customer. Clear each field that differs, and keep the tenants of both records."""
    return replace(
        one,
        organization=one.organization if one.organization == other.organization else "",
        country=one.country if one.country == other.country else "",
        status=one.status if one.status == other.status else None,
        owner_email=one.owner_email if one.owner_email == other.owner_email else "",
        tenants={
            tenant_id: name if one.tenants.get(tenant_id, name) == other.tenants.get(tenant_id, name) else ""
            for tenant_id, name in {**one.tenants, **other.tenants}.items()
        },
        management_mode=one.management_mode if one.management_mode == other.management_mode else None,
        unreadable=(*one.unreadable, *other.unreadable),
    )
