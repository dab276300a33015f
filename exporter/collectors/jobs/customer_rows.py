"""Functions that sort the rows of a customer's job list into jobs, scans and workloads without a job."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import Ticks, is_nothing
from exporter.avepoint.reading.vocabulary import (
    GOOGLE_WORKSPACE,
    GOOGLE_WORKSPACE_SCAN,
    IAAS_PAAS,
    MICROSOFT_365,
    MICROSOFT_365_SCAN,
    RETENTION,
    SCANS,
    worst_state,
)
from exporter.collectors.distinct import RowOwners, distinct, resource_name
from exporter.collectors.jobs.families import Job, JobKind, by_start, read_objects, resource_hash
from exporter.collectors.jobs.unreadable import UnreadRow, is_unread
from exporter.errors import AvePointError

_SCANNED: Final = {
    JobKind(MICROSOFT_365_SCAN, "", ""): MICROSOFT_365,
    JobKind(GOOGLE_WORKSPACE_SCAN, "", ""): GOOGLE_WORKSPACE,
}
"""The product that each scan belongs to."""
_OTHER_SCAN: Final = JobKind("", "", "")  # represents every scan that is not in `_SCANNED`
_Placed = tuple[Row, JobKind | None]
_Found = tuple[JobKind, Job | str]
_NO_SCAN: Final = frozenset({"none", "disabled", "not_scanned", "not_started"})


@dataclass(frozen=True, slots=True)
class SortedJobs:
    """The rows of a customer's job list, grouped by product, workload and job type.

    If a row contains a state but no job, `without_job` contains the state. `scans` contains the worst scan status of
    each product. `error` is set if rows were dropped because they contradict each other or belong to another customer.
    `unread` contains the unreadable rows, which may hide jobs or successes. `error` and `unread` ignore the rows of
    excluded products. `has_unread` considers all rows.
    """

    jobs: Mapping[JobKind, list[Job]]
    without_job: Mapping[JobKind, str]
    scans: Mapping[str, str]
    error: AvePointError | None = None
    unread: Sequence[UnreadRow] = ()
    has_unread: bool = False


def sort_rows(rows: Iterable[Row], customer_id: str, owners: RowOwners, includes: Callable[[str], bool]) -> SortedJobs:
    """Group the rows of a customer's job list, and drop the rows that `owners` refuses.

    `includes` returns whether a product is included.
    """
    own, foreign = owners.own_rows(rows, customer_id)
    included, excluded = list[_Placed](), list[_Placed]()
    for row in own:
        kind, product = _place(row)
        (included if product is None or includes(product) else excluded).append((row, kind))
    unread, unread_excluded = list[UnreadRow](), list[UnreadRow]()
    found, others = distinct(_keyed(included, unread), "jobId"), distinct(_keyed(excluded, unread_excluded), "jobId")
    jobs, states = _grouped((*found.records.values(), *others.records.values()))
    scans: dict[str, str] = {}
    for kind, product in _SCANNED.items():
        status = _scan_status(jobs.pop(kind, []), states.pop(kind, set()))
        if status is not None:
            scans[product] = status
    # If several resources have the same `JobKind` but different states, no state is exposed.
    without_job = {kind: min(of_kind) for kind, of_kind in states.items() if kind not in jobs and len(of_kind) == 1}
    return SortedJobs(jobs, without_job, scans, found.error or foreign, unread, bool(unread or unread_excluded))


def _grouped(found: Iterable[_Found]) -> tuple[dict[JobKind, list[Job]], dict[JobKind, set[str]]]:
    jobs: dict[JobKind, list[Job]] = {}
    states: dict[JobKind, set[str]] = {}
    for kind, one in found:
        if isinstance(one, Job):
            jobs.setdefault(kind, []).append(one)
        else:
            states.setdefault(kind, set()).add(one)
    return jobs, states


def _scan_status(jobs: Iterable[Job], without_job: Iterable[str]) -> str | None:
    """Return the worst status of a product's scans, or None if there is no scan.

    Only the last scan of each Microsoft 365 tenant is considered. If at least one scan has started, scans that are
    disabled or have not started are ignored.
    """
    last: dict[str, Job] = {}
    for job in sorted(jobs, key=by_start):
        last[job.resource] = job
    statuses = [job.state for job in last.values()] or list(without_job)
    running = [status for status in statuses if status not in _NO_SCAN] or statuses
    return worst_state(running) if running else None


def _keyed(rows: Iterable[_Placed], unread: list[UnreadRow]) -> Iterator[tuple[str, _Found, Row]]:
    """For each readable row, yield the key, the `JobKind`, the job and the row itself.

    If a row contains a state but no job, yield the state instead of the job. If a row may hide a job or a success, add
    the row to `unread`.
    """
    for row, kind in rows:
        if kind == _OTHER_SCAN:
            continue
        state = None if kind is None else row.job_status("status")
        if kind is None or state is None:
            if not row.is_na("status") or is_unread(None, row, "endTime"):
                unread.append((row.word("jobId"), row))
            continue
        tenant = resource_name(row, "tenantId")
        name = resource_name(row, "name") if kind.product == IAAS_PAAS else ""
        if tenant is None or name is None:
            unread.append((row.word("jobId"), row))
            continue
        machine = resource_hash(name)
        # The prefix omits the product Microsoft 365, because the persistent state of older versions also omits it.
        prefix = "\t".join((*(kind[1:] if kind.product == MICROSOFT_365 else kind), *filter(None, [machine])))
        start = row.past_time("startTime")
        if start is None:
            if is_unread(None, row, "endTime"):
                unread.append((row.word("jobId"), row))
            yield f"{prefix}\t{tenant}", (kind, state), row
            continue
        job = _job(row, prefix, state, start, resource_hash(f"{tenant}\t{machine}") if tenant else machine)
        if kind not in _SCANNED and is_unread(job, row, "endTime"):
            unread.append((job.id or None, row))
        # The job id omits the tenant, because the id must not change if AvePoint begins to list the tenants.
        yield "\t".join((job.id or f"{prefix}\t{start}", tenant)), (kind, job), row


def _place(row: Row) -> tuple[JobKind | None, str | None]:
    """Return the `JobKind` of a row, and the row's product. Unknown values are None."""
    product = row.job_service("jobType")
    kind = None if product is None else _kind(row, product)
    if kind is not None:
        return kind, _SCANNED.get(kind, kind.product)
    # If the module of a scan is unknown, the scan may belong to any product.
    return None, None if product in ("", *SCANS.values()) else product


def _kind(row: Row, product: str) -> JobKind | None:
    """Return the product, workload and job type of a row, or None if they are unknown.

    A module whose name ends with "Discovery" is a scan, regardless of the job type.
    """
    is_scan = product in SCANS.values()
    module = "" if is_scan and is_nothing(row.raw("jobModule")) else row.module("jobModule")
    if module is None:
        return None
    if module.lower().endswith(" discovery"):
        return JobKind(SCANS[module], "", "") if module in SCANS else _OTHER_SCAN
    if product == MICROSOFT_365_SCAN or (is_scan and module == ""):
        return JobKind(product, "", "")
    if product == "":
        return _kind_without_product(row, module)
    # A Google Workspace job may be a backup even if its job type is a scan.
    product = GOOGLE_WORKSPACE if is_scan else product
    return JobKind(product, "", "retention") if module == RETENTION else JobKind(product, module, "backup")


def _kind_without_product(row: Row, module: str) -> JobKind | None:
    """Return the `JobKind` of a Microsoft 365 scan if the row contains only the status of a scan, else None."""
    if module == "" and row.time("startTime") is None:
        return JobKind(MICROSOFT_365_SCAN, "", "")
    row.lacks("jobType")
    return None


def _job(row: Row, prefix: str, state: str, start: Ticks, resource: str) -> Job:
    finish = row.past_time("endTime", since=start)
    duration = row.past_duration("jobDuration", start) if finish is None else Ticks(finish - start)
    # The id includes the prefix, because job ids may be unique only within a module.
    identifier = row.word("jobId")
    job_id = f"{prefix}\t{identifier}" if identifier else ""
    return Job(job_id, state, start, finish, duration, read_objects(row), resource=resource)
