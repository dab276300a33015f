"""Rows of a customer's jobs, sorted: jobs of Microsoft 365, modules that have none yet, and the scan."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.avepoint.rows import Row, unique
from exporter.avepoint.values import Ticks
from exporter.avepoint.vocabulary import MICROSOFT_365, MICROSOFT_365_SCAN, RETENTION
from exporter.collectors.jobs.families import Job, JobKind, by_start, read_objects

_SCAN: Final[JobKind] = ("", MICROSOFT_365_SCAN)  # no job type that is shown has this name


@dataclass(frozen=True, slots=True)
class SortedJobs:
    """The jobs of a customer by kind; the states of kinds without a job; the scan's status, None if not said."""

    jobs: Mapping[JobKind, list[Job]]
    without_job: Mapping[JobKind, str]
    scan: str | None


def sort_rows(rows: Iterable[Row]) -> SortedJobs:
    """Sort rows; two that contradict each other are both left out, and so are those of other products."""
    jobs: dict[JobKind, list[Job]] = {}
    states: dict[JobKind, str] = {}
    for kind, found in unique(_keyed(rows), "jobId").values():
        if isinstance(found, Job):
            jobs.setdefault(kind, []).append(found)
        else:
            states[kind] = found
    scans, scan = jobs.pop(_SCAN, []), states.pop(_SCAN, None)
    return SortedJobs(
        jobs,
        {kind: state for kind, state in states.items() if kind not in jobs},
        max(scans, key=by_start).state if scans else scan,
    )


def _keyed(rows: Iterable[Row]) -> Iterator[tuple[str, tuple[JobKind, Job | str], Row]]:
    """Read what each row says: a job, or the state of what has not had one."""
    for row in rows:
        kind = _kind(row)
        state = None if kind is None else row.job_status("status")
        if kind is None or state is None:
            continue
        start, module = row.time("startTime"), "\t".join(kind)  # no name holds a tab
        if start is None:
            yield module, (kind, state), row
            continue
        job = _job(row, module, state, start)
        yield job.id or f"{module}\t{start}", (kind, job), row


def _kind(row: Row) -> JobKind | None:
    """Tell which workload and type a row is about; None for other products, and where it cannot be told."""
    service = row.job_service("jobType")
    if service == MICROSOFT_365_SCAN:
        return _SCAN
    if service not in (MICROSOFT_365, ""):
        return None
    module = row.module("jobModule")
    if service == "":
        # Of the scan AvePoint says nothing but the status.
        if module == "" and row.time("startTime") is None:
            return _SCAN
        row.lacks("jobType")
        return None
    if module is None:
        return None
    return ("", "retention") if module == RETENTION else (module, "backup")


def _job(row: Row, module: str, state: str, start: Ticks) -> Job:
    finish = row.time("endTime")
    duration = Ticks(finish - start) if finish is not None and finish >= start else row.duration("jobDuration")
    # Nothing says that two modules never share an id.
    identifier = row.word("jobId")
    return Job(f"{module}\t{identifier}" if identifier else "", state, start, finish, duration, read_objects(row))
