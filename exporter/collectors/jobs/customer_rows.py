"""Functions that sort the rows of a customer's job list into jobs, workloads without a job, and the scan."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.avepoint.rows import Row
from exporter.avepoint.values import Ticks
from exporter.avepoint.vocabulary import (
    GOOGLE_WORKSPACE_SCAN,
    IAAS_PAAS,
    MICROSOFT_365,
    MICROSOFT_365_SCAN,
    RETENTION,
    SCANS,
)
from exporter.collectors.distinct import distinct, own_rows
from exporter.collectors.jobs.families import Job, JobKind, by_start, read_objects
from exporter.errors import AvePointError

_SCAN: Final = JobKind(MICROSOFT_365_SCAN, "", "")
_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class SortedJobs:
    """The rows of a customer's job list, by product, workload and job type.

    `jobs` holds the jobs. `without_job` holds the states from rows without a job. `scan` is the status of the Microsoft
    365 scan, or None if it is unknown. `error` is set if rows were dropped because they contradict each other or belong
    to another customer.
    """

    jobs: Mapping[JobKind, list[Job]]
    without_job: Mapping[JobKind, str]
    scan: str | None
    error: AvePointError | None = None


def sort_rows(rows: Iterable[Row], customer_id: str, is_listed: Callable[[str], bool]) -> SortedJobs:
    """Sort the rows of a customer's job list. `is_listed` returns whether an id is in the customer list."""
    own, foreign = own_rows(rows, customer_id, is_listed)
    found = distinct(_keyed(own), "jobId")
    jobs: dict[JobKind, list[Job]] = {}
    states: dict[JobKind, set[str]] = {}
    for kind, one in found.records.values():
        if isinstance(one, Job):
            jobs.setdefault(kind, []).append(one)
        else:
            states.setdefault(kind, set()).add(one)
    scans, scan_states = jobs.pop(_SCAN, []), states.pop(_SCAN, set())
    # If several resources have jobs of the same kind and their states differ, no state is exposed.
    without_job = {kind: min(of_kind) for kind, of_kind in states.items() if kind not in jobs and len(of_kind) == 1}
    scan = max(scans, key=by_start).state if scans else next(iter(scan_states), None)
    return SortedJobs(jobs, without_job, scan, found.error or foreign)


def _keyed(rows: Iterable[Row]) -> Iterator[tuple[str, tuple[JobKind, Job | str], Row]]:
    """For each readable row, yield a key, the kind of job with the job or its state, and the row."""
    for row in rows:
        kind = _kind(row)
        state = None if kind is None else row.job_status("status")
        if kind is None or state is None:
            continue
        resource = _resource(row) if kind.product == IAAS_PAAS else ""
        # Tabs separate the parts, because names contain no tabs. For Microsoft 365, the prefix omits the product, for
        # compatibility with the persistent state of older versions.
        prefix = "\t".join((*(kind[1:] if kind.product == MICROSOFT_365 else kind), *filter(None, [resource])))
        start = row.past_time("startTime")
        if start is None:
            yield prefix, (kind, state), row
            continue
        job = _job(row, prefix, state, start, resource)
        yield job.id or f"{prefix}\t{start}", (kind, job), row


def _kind(row: Row) -> JobKind | None:
    """Return the product, workload and job type of a row.

    Return None if they are unknown, or if the row is the scan of a product other than Microsoft 365.
    """
    product = row.job_service("jobType")
    if product == MICROSOFT_365_SCAN:
        module = "" if row.raw("jobModule") is None else row.module("jobModule")
        return _SCAN if SCANS.get(module or "", product) == product else None
    if product is None or product == GOOGLE_WORKSPACE_SCAN:
        return None
    module = row.module("jobModule")
    if product == "":
        # A row without a product, a workload and a start time is the scan.
        if module == "" and row.time("startTime") is None:
            return _SCAN
        row.lacks("jobType")
        return None
    if module is None:
        return None
    return JobKind(product, "", "retention") if module == RETENTION else JobKind(product, module, "backup")


def _resource(row: Row) -> str:
    """Return a hash of the name in a row. The name is hashed because it may contain personal data."""
    name = row.word("name")
    return hashlib.sha256(name.encode()).hexdigest()[:_DIGITS] if name else ""


def _job(row: Row, prefix: str, state: str, start: Ticks, resource: str) -> Job:
    finish = row.past_time("endTime", since=start)
    duration = row.duration("jobDuration") if finish is None else Ticks(finish - start)
    # The id includes the prefix, because job ids may be unique only within a module.
    identifier = row.word("jobId")
    job_id = f"{prefix}\t{identifier}" if identifier else ""
    return Job(job_id, state, start, finish, duration, read_objects(row), resource=resource)
