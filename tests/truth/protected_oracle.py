"""Compute the expected samples of protected data only from the simulated records."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from avepoint_simulator.data.records import ProtectedRow

if TYPE_CHECKING:
    from tests.truth.oracle import Add

GB = 1024**3
SIZES: tuple[tuple[str, float | None], ...] = (
    ("0 GB", 0.0), ("N/A", None), ("143.22 GB", 143.22 * GB), ("1.5 TB", 1.5 * 1024 * GB), ("512 MB", 512 * 1024**2),
    ("1,024.5 GB", 1024.5 * GB), ("7 bytes", 7.0), ("3KB", 3 * 1024.0), ("2 PB", 2 * 1024**2 * GB),
)  # fmt: skip
MODULES: Mapping[str, str] = {
    "Exchange Online": "Exchange Online",
    "Microsoft 365 Group": "Microsoft 365 Groups",
    "OneDrive for Business": "OneDrive",
    "SharePoint Online": "SharePoint Online",
    "Microsoft Teams": "Teams",
    "Personal Chat": "Teams Chat",
    "Yammer Group": "Viva Engage",
    "Exchange Online Public Folders": "Public Folder",
    "Something New": "Something New",
}


def expect_protected(add: "Add", rows: Iterable[ProtectedRow], *, with_tenants: bool) -> None:
    """Add the samples of these rows. If `with_tenants` is false, AvePoint returns no tenant ids."""
    customers: dict[str, dict[tuple[str, ...], list[ProtectedRow]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        tenant = str(row.tenant_id) if with_tenants else ""
        customers[row.customer_id][tenant, row.service_type, MODULES[row.service_module]].append(row)
    for customer, modules in customers.items():
        who = {"account": "partner", "customer_id": customer}
        for (tenant, service, workload), found in modules.items():
            if len(found) == 1:
                where = {**who, "tenant_id": tenant, "service_type": service, "workload": workload}
                _expect_module(add, found[0], where, with_tenants=with_tenants)
        if all(len(found) == 1 for found in modules.values()):
            _expect_sums(add, [found[0] for found in modules.values()], who)


def _expect_module(add: "Add", row: ProtectedRow, where: dict[str, str], *, with_tenants: bool) -> None:
    sizes = dict(SIZES)
    add("scanned_objects", row.scanned_objects, **where)
    add("protected_objects", row.protected_objects, **where)
    add("protected_data_bytes", sizes[str(row.avepoint_bytes)], **where, storage="avepoint")
    add("protected_data_bytes", sizes[str(row.byos_bytes)], **where, storage="byos")
    last_run = row.last_run_unix_ns if with_tenants else None
    add("last_run_timestamp_seconds", None if last_run is None else last_run / 10**9, **where)


def _expect_sums(add: "Add", rows: list[ProtectedRow], who: dict[str, str]) -> None:
    sizes = dict(SIZES)
    add("customer_scanned_objects", sum(row.scanned_objects for row in rows), **who)
    add("customer_protected_objects", sum(row.protected_objects for row in rows), **who)
    for storage in ("avepoint", "byos"):
        stored = [sizes[str(getattr(row, f"{storage}_bytes"))] for row in rows]
        known = [size for size in stored if size is not None]
        add("customer_protected_data_bytes", sum(known) if known else None, **who, storage=storage)
