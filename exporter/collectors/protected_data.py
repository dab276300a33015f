"""What of each customer is protected: GET …/cloud-backup-m365/overview, or GET /partner/customers/{id}/protected."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from exporter.avepoint.answers import Endpoint
from exporter.avepoint.client import Query
from exporter.avepoint.paging import Ledger, Page, RawRow, numbered_pages, odata_page, odata_pages, v3_page
from exporter.avepoint.rows import Row, unique
from exporter.collectors.base import CustomerCollector, Family, Sample
from exporter.config import CollectorOptions

OVERVIEW: Final = Endpoint(
    "GET",
    "/partner/external/v3/general/customers/{customerId}/cloud-backup-m365/overview",
    "elements.cbprotected.read.all",
)
PROTECTED: Final = Endpoint("GET", "/partner/customers/{id}/protected", "partner.cbprotected.read.all")
_PAGE_SIZE: Final = 100

_SOURCE = "from GET …/cloud-backup-m365/overview or /partner/customers/{id}/protected, cached between refreshes"
_LABELS = ("account", "customer_id", "service_type", "workload")

SCANNED = Family(
    "avepoint_scanned_objects",
    f"Objects found by the last scan; {_SOURCE}.",
    _LABELS,
    query="sum by (workload) (avepoint_scanned_objects)",
)
PROTECTED_OBJECTS = Family(
    "avepoint_protected_objects",
    f"Objects of the last scan that are backed up; {_SOURCE}.",
    _LABELS,
    query="1 - sum by (customer_id) (avepoint_protected_objects) / sum by (customer_id) (avepoint_scanned_objects)",
)
DATA_BYTES = Family(
    "avepoint_protected_data_bytes",
    f"Size of the backed-up objects in AvePoint's storage or in the customer's own (byos), in bytes; {_SOURCE}.",
    (*_LABELS, "storage"),
    query="topk(10, sum by (account, customer_id) (avepoint_protected_data_bytes))",
)


@dataclass(frozen=True, slots=True)
class Module:
    """One workload of one service of one customer; None is what AvePoint did not say. Sizes in bytes."""

    service_type: str
    workload: str
    scanned_objects: int | None
    protected_objects: int | None
    avepoint_bytes: float | None
    byos_bytes: float | None


class ProtectedDataOptions(CollectorOptions):
    """Options of the collector."""


class ProtectedData(CustomerCollector[ProtectedDataOptions, tuple[Module, ...]]):
    """Reads the overview of one customer after another."""

    name = "protected_data"
    account_type = "partner"
    permissions: ClassVar = {"modern": OVERVIEW.permission, "legacy": PROTECTED.permission}
    options_type = ProtectedDataOptions
    families = (SCANNED, PROTECTED_OBJECTS, DATA_BYTES)

    async def read(self, customer_id: str) -> tuple[Module, ...]:
        """Read one customer's modules; a customer without the product has none."""
        return await self.generations.ask(
            {
                "modern": lambda: self._overview(customer_id),
                "legacy": lambda: self._protected(customer_id),
            }
        )

    async def _overview(self, customer_id: str) -> tuple[Module, ...]:
        async def ask(query: Query) -> Page:
            return v3_page(await self._client.call(OVERVIEW, ids={"customerId": customer_id}, query=query), OVERVIEW)

        pages = numbered_pages(ask, Ledger(OVERVIEW, _identity), size=_PAGE_SIZE)
        return self._modules([row async for row in pages], OVERVIEW)

    async def _protected(self, customer_id: str) -> tuple[Module, ...]:
        async def ask(query: Query) -> Page:
            return odata_page(await self._client.call(PROTECTED, ids={"id": customer_id}, query=query), PROTECTED)

        pages = odata_pages(self._client, ask, Ledger(PROTECTED, _identity))
        return self._modules([row async for row in pages], PROTECTED)

    def _modules(self, raw_rows: Iterable[RawRow], endpoint: Endpoint) -> tuple[Module, ...]:
        rows = (Row(raw, endpoint.template, self._client.notes) for raw in raw_rows)
        return tuple(unique(_keyed_modules(rows), "serviceModule").values())

    @classmethod
    def samples(cls, records: tuple[Module, ...], customer_id: str) -> Iterable[Sample]:
        """Make the samples of one customer; what AvePoint did not say has none."""
        for module in records:
            labels = (customer_id, module.service_type, module.workload)
            values = (
                (SCANNED, labels, module.scanned_objects),
                (PROTECTED_OBJECTS, labels, module.protected_objects),
                (DATA_BYTES, (*labels, "avepoint"), module.avepoint_bytes),
                (DATA_BYTES, (*labels, "byos"), module.byos_bytes),
            )
            yield from (Sample(family, names, float(value)) for family, names, value in values if value is not None)


def _identity(raw: RawRow) -> object:
    # The text of the whole row: two rows of one module that differ are both new, so that the clash is seen.
    return repr(sorted(raw.items(), key=lambda item: item[0])) if raw else None


def _keyed_modules(rows: Iterable[Row]) -> Iterator[tuple[str, Module, Row]]:
    for row in rows:
        workload = row.workload("serviceModule")
        if workload is None:
            continue
        service_type = row.label("serviceType") or ""
        yield (
            f"{service_type}\t{workload}",  # no label holds a tab, so no two modules share a key
            Module(
                service_type=service_type,
                workload=workload,
                scanned_objects=row.count("totalScannedObjects"),
                protected_objects=row.count("totalProtectedObjects"),
                avepoint_bytes=row.size("dataSizeStoredInAvePoint"),
                byos_bytes=row.size("dataSizeStoredInBYOS"),
            ),
            row,
        )
