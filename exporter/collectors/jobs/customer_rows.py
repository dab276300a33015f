"""Sort the rows of a customer's jobs into jobs, workloads without a job, and the scan."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.avepoint.rows import Row
from exporter.avepoint.values import Ticks
from exporter.avepoint.vocabulary import MICROSOFT_365, MICROSOFT_365_SCAN, RETENTION, SCANS
from exporter.collectors.distinct import distinct
from exporter.collectors.jobs.families import Job, JobKind, by_start, read_objects

_SCAN: Final[JobKind] = ("", MICROSOFT_365_SCAN)  # no job type that is shown has this name


@dataclass(frozen=True, slots=True)
class SortedJobs:
    """The jobs of a customer by kind, the states of kinds without a job, and the status of the scan (None: unknown)."""

    jobs: Mapping[JobKind, list[Job]]
    without_job: Mapping[JobKind, str]
    scan: str | None


def sort_rows(rows: Iterable[Row]) -> SortedJobs:
    """Return the sorted rows, without rows that contradict each other and rows of other products."""
    jobs: dict[JobKind, list[Job]] = {}
    states: dict[JobKind, str] = {}
    for kind, found in distinct(_keyed(rows), "jobId").records.values():
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
    """Yield a key, and the job or the state of each row."""
    for row in rows:
        kind = _kind(row)
        state = None if kind is None else row.job_status("status")
        if kind is None or state is None:
            continue
        start, module = row.past_time("startTime"), "\t".join(kind)  # names contain no tab
        if start is None:
            yield module, (kind, state), row
            continue
        job = _job(row, module, state, start)
        yield job.id or f"{module}\t{start}", (kind, job), row


def _kind(row: Row) -> JobKind | None:
    """Return the workload and the job type of a row; None if it is of another product or unknown."""
    service = row.job_service("jobType")
    if service == MICROSOFT_365_SCAN:
        module = "" if row.raw("jobModule") is None else row.module("jobModule")
        return _SCAN if SCANS.get(module or "", service) == service else None
    if service not in (MICROSOFT_365, ""):
        return None
    module = row.module("jobModule")
    if service == "":
        # A row of the scan has only a status.
        if module == "" and row.time("startTime") is None:
            return _SCAN
        row.lacks("jobType")
        return None
    if module is None:
        return None
    return ("", "retention") if module == RETENTION else (module, "backup")


def _job(row: Row, module: str, state: str, start: Ticks) -> Job:
    finish = row.past_time("endTime", since=start)
    duration = row.duration("jobDuration") if finish is None else Ticks(finish - start)
    # The documentation does not state that ids are unique among modules.
    identifier = row.word("jobId")
    return Job(f"{module}\t{identifier}" if identifier else "", state, start, finish, duration, read_objects(row))
