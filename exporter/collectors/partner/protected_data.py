"""Protected data of each customer: GET …/cloud-backup-m365/overview, or GET /partner/customers/{id}/protected."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from exporter.avepoint.endpoints import PROTECTED_DATA
from exporter.avepoint.lists import ListReader
from exporter.avepoint.rows import Row, unique
from exporter.collectors.base import CollectorContext, CustomerCollector, Family, Sample
from exporter.config.schema import CollectorOptions

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
    f"Backed-up objects among those of the last scan; {_SOURCE}.",
    _LABELS,
    query="1 - sum by (account, customer_id) (avepoint_protected_objects) "
    "/ sum by (account, customer_id) (avepoint_scanned_objects)",
)
DATA_BYTES = Family(
    "avepoint_protected_data_bytes",
    f"Size of the backed-up objects in bytes, by storage: AvePoint's or the customer's own (byos); {_SOURCE}.",
    (*_LABELS, "storage"),
    query="topk(10, sum by (account, customer_id) (avepoint_protected_data_bytes))",
)


@dataclass(frozen=True, slots=True)
class Module:
    """One workload of one service of a customer; sizes in bytes, None if unknown."""

    service_type: str
    workload: str
    scanned_objects: int | None
    protected_objects: int | None
    avepoint_bytes: float | None
    byos_bytes: float | None


class ProtectedDataOptions(CollectorOptions):
    """Options of the collector."""


class ProtectedDataCollector(CustomerCollector[ProtectedDataOptions, tuple[Module, ...]]):
    """Collector of the protected data of each customer."""

    name = "protected_data"
    account_type = "partner"
    permissions: ClassVar = PROTECTED_DATA.permissions
    options_type = ProtectedDataOptions
    families = (SCANNED, PROTECTED_OBJECTS, DATA_BYTES)

    def __init__(self, context: CollectorContext, options: ProtectedDataOptions) -> None:
        super().__init__(context, options)
        self._list = ListReader(context.client, PROTECTED_DATA)

    async def read(self, customer_id: str) -> tuple[Module, ...]:
        """Return the modules of one customer; none if the customer does not have the product."""
        rows = await self._list.rows(self.api_versions, customer_id)
        return tuple(unique(_keyed_modules(rows), "serviceModule").values())

    @classmethod
    def samples(cls, records: tuple[Module, ...], customer_id: str) -> Iterable[Sample]:
        """Return the samples of one customer's modules."""
        for module in records:
            labels = (customer_id, module.service_type, module.workload)
            values = (
                (SCANNED, labels, module.scanned_objects),
                (PROTECTED_OBJECTS, labels, module.protected_objects),
                (DATA_BYTES, (*labels, "avepoint"), module.avepoint_bytes),
                (DATA_BYTES, (*labels, "byos"), module.byos_bytes),
            )
            yield from (Sample(family, names, float(value)) for family, names, value in values if value is not None)


def _keyed_modules(rows: Iterable[Row]) -> Iterator[tuple[str, Module, Row]]:
    for row in rows:
        workload = row.workload("serviceModule")
        if workload is None:
            continue
        service_type = row.label("serviceType") or ""
        yield (
            f"{service_type}\t{workload}",  # labels contain no tab
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
