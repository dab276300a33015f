"""Seats of each Microsoft 365 tenant: POST …/3rd-party-products/type/0/tenants/batch."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from pydantic import Field

from exporter.avepoint.endpoints import ELEMENTS, Endpoint, EndpointPair, Paging, fields
from exporter.avepoint.lists import ListReader
from exporter.avepoint.reading.rows import Row
from exporter.collectors.base import CollectorContext, CustomerCollector, Family, Sample, known_samples
from exporter.collectors.distinct import Distinct, distinct
from exporter.config.schema import CollectorOptions, Interval
from exporter.errors import AvePointError

SEATS: Final = EndpointPair(
    Endpoint(
        "POST",
        f"{ELEMENTS}/{{customerId}}/3rd-party-products/type/0/tenants/batch",
        "elements.license.read.all",
        Paging.ELEMENTS,
        fields("tenantId assignedUserSeat availableUserSeat"),
        ("tenantid",),
    )
)

_LABELS: Final = ("account", "customer_id", "tenant_id")
_SOURCE: Final = "from POST …/3rd-party-products/type/0/tenants/batch, cached between refreshes"

ASSIGNED = Family(
    "avepoint_microsoft_assigned_seats",
    f"Assigned seats of a Microsoft 365 tenant; {_SOURCE}.",
    _LABELS,
    query="sum by (account, customer_id) (avepoint_microsoft_assigned_seats)",
)
AVAILABLE = Family(
    "avepoint_microsoft_available_seats",
    f"Available seats of a Microsoft 365 tenant; {_SOURCE}.",
    _LABELS,
    query="topk(10, avepoint_microsoft_available_seats)",
)


@dataclass(frozen=True, slots=True)
class Seats:
    """Seats of one Microsoft 365 tenant. Unknown counts are None."""

    tenant_id: str
    assigned: int | None
    available: int | None


class MicrosoftSeatsOptions(CollectorOptions):
    """Options of the collector `microsoft_seats`."""

    interval: Interval = Field(86_400.0, description="Time between the starts of consecutive refreshes.")


class MicrosoftSeatsCollector(CustomerCollector[MicrosoftSeatsOptions, Distinct[Seats]]):
    """Collects the number of seats of each customer's Microsoft 365 tenants."""

    name = "microsoft_seats"
    account_type = "partner"
    optional = True
    endpoints: ClassVar = SEATS
    options_type = MicrosoftSeatsOptions
    families = (ASSIGNED, AVAILABLE)

    def __init__(self, context: CollectorContext, options: MicrosoftSeatsOptions) -> None:
        super().__init__(context, options)
        self._list = ListReader(context.client, SEATS)

    async def read(self, customer_id: str) -> Distinct[Seats]:
        """Return the seats of one customer's tenants. Raise AvePointError if a request fails."""
        rows = await self._list.rows(self.api_versions, customer_id)
        return distinct(_keyed(rows), "tenantId")

    @classmethod
    def error(cls, records: Distinct[Seats]) -> AvePointError | None:
        """Return an error if rows contradict each other, else None."""
        return records.error

    @classmethod
    def samples(cls, records: Distinct[Seats], customer_id: str) -> Iterable[Sample]:
        """Return the samples for the tenants of one customer."""
        for seats in records.records.values():
            labels = (customer_id, seats.tenant_id)
            yield from known_samples([(ASSIGNED, labels, seats.assigned), (AVAILABLE, labels, seats.available)])


def _keyed(rows: Iterable[Row]) -> Iterator[tuple[str, Seats, Row]]:
    for row in rows:
        if (tenant_id := row.key("tenantId")) is not None:
            yield tenant_id, Seats(tenant_id, row.count("assignedUserSeat"), row.count("availableUserSeat")), row
