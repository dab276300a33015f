"""Protected data of each customer: GET …/cloud-backup-m365/overview, or GET /partner/customers/{id}/protected."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from exporter.avepoint.endpoints import PROTECTED_DATA
from exporter.avepoint.lists import ListReader
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import Ticks, is_nothing, seconds
from exporter.avepoint.settling import Settling
from exporter.collectors.base import CollectorContext, CustomerCollector, Family, Sample
from exporter.collectors.distinct import RowOwners, distinct, may_repeat
from exporter.collectors.unread import DROPPED_ROW, Unread, unread_families, unread_samples
from exporter.config.schema import CollectorOptions
from exporter.errors import AvePointError

_SOURCE: Final = "from GET …/cloud-backup-m365/overview or /partner/customers/{id}/protected, cached between refreshes"
_CUSTOMER: Final = ("account", "customer_id")
_LABELS: Final = (*_CUSTOMER, "tenant_id", "service_type", "workload")
_SIZE_FIELDS: Final = {"avepoint": "dataSizeStoredInAvePoint", "byos": "dataSizeStoredInBYOS"}

SCANNED = Family(
    "avepoint_scanned_objects",
    f"Number of objects that the last scan found; {_SOURCE}.",
    _LABELS,
)
PROTECTED_OBJECTS = Family(
    "avepoint_protected_objects",
    f"Number of scanned objects that are backed up; {_SOURCE}.",
    _LABELS,
)
DATA_BYTES = Family(
    "avepoint_protected_data_bytes",
    f"Size of the backed-up objects in bytes, by storage: AvePoint's or the customer's own (byos); {_SOURCE}.",
    (*_LABELS, "storage"),
)
LAST_RUN = Family(
    "avepoint_last_run_timestamp_seconds",
    f"Time of the last run of a workload, as Unix time; {_SOURCE}.",
    _LABELS,
)
CUSTOMER_SCANNED = Family(
    "avepoint_customer_scanned_objects",
    f"Sum of avepoint_scanned_objects for a customer; absent if any value is unknown; {_SOURCE}.",
    _CUSTOMER,
)
CUSTOMER_PROTECTED = Family(
    "avepoint_customer_protected_objects",
    f"Sum of avepoint_protected_objects for a customer; absent if any value is unknown; {_SOURCE}.",
    _CUSTOMER,
    query="1 - avepoint_customer_protected_objects / avepoint_customer_scanned_objects",
)
CUSTOMER_BYTES = Family(
    "avepoint_customer_protected_data_bytes",
    f"Sum of avepoint_protected_data_bytes for a customer, by storage; absent if any value is unknown; {_SOURCE}.",
    (*_CUSTOMER, "storage"),
)
_COUNTS: Final = {"totalScannedObjects": SCANNED, "totalProtectedObjects": PROTECTED_OBJECTS}


class Module(NamedTuple):
    """The protected data of one service and workload in one Microsoft 365 tenant. Unknown values are None.

    If AvePoint returns "N/A" for a size, the storage is not in use. In this case, the size is None, and
    `unused_storage` contains the name of the storage ("avepoint" or "byos").
    """

    service_type: str
    workload: str
    scanned_objects: int | None
    protected_objects: int | None
    avepoint_bytes: float | None
    byos_bytes: float | None
    unused_storage: frozenset[str] = frozenset()
    tenant_id: str = ""
    last_run: Ticks | None = None
    unread: tuple[str, ...] = ()
    """The names of the families whose values cannot be read."""

    @property
    def numbers(self) -> tuple[float | None, ...]:
        """The numbers that are included in the sums over all modules."""
        return self.scanned_objects, self.protected_objects, self.avepoint_bytes, self.byos_bytes


@dataclass(frozen=True, slots=True)
class ProtectedData:
    """The modules of a customer.

    `error` is set if rows contradict each other, belong to another customer or cannot be read.
    """

    modules: tuple[Module, ...]
    lacks_rows: bool
    """Whether an unreadable row was dropped."""
    error: AvePointError | None = None


class ProtectedDataOptions(CollectorOptions):
    """Options of the collector `protected_data`."""


class ProtectedDataCollector(CustomerCollector[ProtectedDataOptions, ProtectedData]):
    """Collects the protected data of each customer."""

    name = "protected_data"
    account_type = "partner"
    endpoints: ClassVar = PROTECTED_DATA
    options_type = ProtectedDataOptions
    families = (
        SCANNED, PROTECTED_OBJECTS, DATA_BYTES, LAST_RUN, CUSTOMER_SCANNED, CUSTOMER_PROTECTED, CUSTOMER_BYTES,
    )  # fmt: skip

    def __init__(self, context: CollectorContext, options: ProtectedDataOptions) -> None:
        super().__init__(context, options)
        self._list = ListReader(context.client, PROTECTED_DATA)
        self._owners = RowOwners(context.customer_list.has_listed)
        self._settling = Settling(context.clock, options.interval)
        self.watch_customers(self._settling.keep_only)

    async def read(self, customer_id: str) -> ProtectedData:
        """Return the modules of one customer. Raise AvePointError if a request fails.

        If a customer does not have the product, return no modules.
        """
        found_rows = await self._list.rows(self.api_versions, customer_id)
        rows, foreign = self._owners.own_rows(found_rows, customer_id)
        keyed = [_keyed_module(row) for row in rows]
        found = distinct(keyed, "serviceModule", may_repeat=lambda one: may_repeat(one.tenant_id, one.numbers))
        unread = keyed.count(None)
        is_accepted = self._settling.are_permanent({unread} - {0}, customer_id)
        odd = None if is_accepted else rows[0].unexpected(f"rows that cannot be read: {unread}")
        return ProtectedData(tuple(found.records.values()), found.lacks_rows, found.error or foreign or odd)

    @classmethod
    def error(cls, records: ProtectedData) -> AvePointError | None:
        """Return an error if rows were dropped, else None."""
        return records.error

    @classmethod
    def samples(cls, records: ProtectedData, customer_id: str) -> Iterable[Sample]:
        """Return the samples for one customer's modules. If no row was dropped, include the sums over all modules."""
        for module in records.modules:
            labels = (customer_id, module.tenant_id, module.service_type, module.workload)
            values = (
                (SCANNED, labels, module.scanned_objects),
                (PROTECTED_OBJECTS, labels, module.protected_objects),
                (DATA_BYTES, (*labels, "avepoint"), module.avepoint_bytes),
                (DATA_BYTES, (*labels, "byos"), module.byos_bytes),
                (LAST_RUN, labels, None if module.last_run is None else seconds(module.last_run)),
            )
            yield from [Sample(family, names, float(value)) for family, names, value in values if value is not None]
        if records.modules and not records.lacks_rows and records.error is None:
            yield from _sums(records.modules, customer_id)
        unread = [Unread(name, module.workload) for module in records.modules for name in module.unread]
        yield from unread_samples([DROPPED_ROW] if records.lacks_rows else unread, customer_id)


def _sums(modules: tuple[Module, ...], customer_id: str) -> Iterator[Sample]:
    in_use = {
        storage: [module for module in modules if storage not in module.unused_storage]
        for storage in ("avepoint", "byos")
    }
    sums = (
        (CUSTOMER_SCANNED, (customer_id,), _sum(modules, lambda module: module.scanned_objects)),
        (CUSTOMER_PROTECTED, (customer_id,), _sum(modules, lambda module: module.protected_objects)),
        (CUSTOMER_BYTES, (customer_id, "avepoint"), _sum(in_use["avepoint"], lambda module: module.avepoint_bytes)),
        (CUSTOMER_BYTES, (customer_id, "byos"), _sum(in_use["byos"], lambda module: module.byos_bytes)),
    )
    yield from (Sample(family, labels, total) for family, labels, total in sums if total is not None)


def _sum(modules: Iterable[Module], value: Callable[[Module], float | None]) -> float | None:
    """Return the sum of a value over all modules. If there are no modules or a value is unknown, return None."""
    values = [value(module) for module in modules]
    known = [one for one in values if one is not None]
    return math.fsum(known) if known and len(known) == len(values) else None


def _keyed_module(row: Row) -> tuple[str, Module, Row] | None:
    workload = row.workload("serviceModule")
    texts = ("serviceType", "tenantId")
    service_type, tenant_id = ("" if is_nothing(row.raw(name)) else row.label(name) for name in texts)
    if workload is None or service_type is None or tenant_id is None:
        return None
    sizes = {storage: row.size(field) for storage, field in _SIZE_FIELDS.items()}
    unused = (one for one, size in sizes.items() if size is None and row.is_na(_SIZE_FIELDS[one]))
    module = Module(
        tenant_id=tenant_id,
        service_type=service_type,
        workload=workload,
        scanned_objects=row.count("totalScannedObjects"),
        protected_objects=row.count("totalProtectedObjects"),
        avepoint_bytes=sizes["avepoint"],
        byos_bytes=sizes["byos"],
        unused_storage=frozenset(unused),
        last_run=row.past_time("lastRunTime"),
        unread=unread_families(row.unreadable, _COUNTS),
    )
    return f"{tenant_id}\t{service_type}\t{workload}", module, row  # Labels never contain a tab.
