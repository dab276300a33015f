"""The job record and the metric families of the collectors that read jobs."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import CLOCK_TOLERANCE, Ticks, seconds
from exporter.avepoint.reading.vocabulary import FINISHED, IN_PROGRESS, NOT_OVER, OVER, STATES
from exporter.collectors.base import Family, Sample


class JobKind(NamedTuple):
    """The product, workload and job type of a job. Unknown values are ""."""

    product: str
    workload: str
    job_type: str


_OF_TENANTS: Final = "from GET …/cloudbackupjobs, /cloudbackup/jobs, …/google/admin/jobs or …/sfbapi/jobs"
_OF_CUSTOMERS: Final = (
    "(customers: POST …/avpt-products/jobs/batch or GET /partner/customers/{id}/jobs), cached between refreshes"
)
SOURCE: Final = f"{_OF_TENANTS} {_OF_CUSTOMERS}"
SOURCE_OF_BACKUPS: Final = f"from GET …/cloudbackupjobs or /cloudbackup/jobs {_OF_CUSTOMERS}"
_DIGITS: Final = 12
RESULTS: Final = ("successful", "failed", "skipped", "warning")
LABELS: Final = ("account", "customer_id", "product", "workload", "job_type", "geo_location")

JOBS = Family(
    "avepoint_jobs",
    f"Jobs that started within the window, by state; {_OF_TENANTS}, cached between refreshes.",
    ("account", "product", "workload", "job_type", "geo_location", "state"),
    query='sum by (account, workload) (avepoint_jobs{state="failed"}) > 0',
)
JOBS_WINDOW = Family(
    "avepoint_jobs_window_seconds",
    "Length of the window of avepoint_jobs in seconds.",
    ("account",),
    query="sum by (account) (avepoint_jobs) / on (account) (avepoint_jobs_window_seconds / 86400)",
)
LAST_START = Family(
    "avepoint_last_job_start_timestamp_seconds",
    f"Start time of the last job, as Unix time; {SOURCE}.",
    LABELS,
)
LAST_FINISH = Family(
    "avepoint_last_job_finish_timestamp_seconds",
    f"Completion time of the last completed job, as Unix time; {SOURCE}.",
    LABELS,
)
LAST_DURATION = Family(
    "avepoint_last_job_duration_seconds",
    f"Duration of the last completed job in seconds; {SOURCE}.",
    LABELS,
)
LAST_STATE = Family(
    "avepoint_last_job_state",
    f"1 for the state of the last job; other states are absent; {SOURCE}.",
    (*LABELS, "state"),
)
LAST_OBJECTS = Family(
    "avepoint_last_job_objects",
    f"Number of objects in the last completed job, by result; {SOURCE}.",
    (*LABELS, "result"),
)
LAST_ERRORS = Family(
    "avepoint_last_job_errors",
    "Errors in the last completed job, with or without an error code (label has_code); "
    "from GET …/cloudbackupjobs, cached between refreshes.",
    (*LABELS, "has_code"),
)
LAST_SUCCESS = Family(
    "avepoint_last_success_timestamp_seconds",
    f"Completion time of the last successful job, as Unix time; kept until a later success; {SOURCE}.",
    LABELS,
    history=True,
)
OLDEST_RUNNING = Family(
    "avepoint_oldest_running_job_start_timestamp_seconds",
    f"Start time of the oldest running job, as Unix time; absent if no job is running; {SOURCE}.",
    LABELS,
)


LAST_COMPLETED_STATE = Family(
    "avepoint_last_completed_job_state",
    "1 for the state of the last completed job, or for the worst state of several resources; "
    f"absent if avepoint_last_job_state has the same state; {SOURCE}.",
    (*LABELS, "state"),
    internal=True,
)
UNSUCCESSFUL = Family(
    "avepoint_resource_completed_job_timestamp_seconds",
    "Completion time of each resource's last completed job if the job failed or is incomplete, as Unix time; "
    f"{SOURCE}.",
    (*LABELS, "resource", "state"),
    internal=True,
)
OLDEST_START = Family(
    "avepoint_oldest_job_start_timestamp_seconds",
    f"Start of the oldest job in the lookback period, as Unix time; absent after a successful job; {SOURCE}.",
    LABELS,
    internal=True,
)


@dataclass(frozen=True, slots=True)
class Job:
    """One job. Timestamps are in ticks, or None if they are unknown.

    `objects` contains pairs (result, count). The results are "successful", "failed", "skipped" and "warning". `errors`
    contains pairs (has_code, count). `has_code` is "true" if the errors have an error code, else "false".
    """

    id: str
    state: str
    start: Ticks
    finish: Ticks | None
    duration: Ticks | None
    objects: tuple[tuple[str, int], ...]
    errors: tuple[tuple[str, int], ...] = ()
    resource: str = ""
    """Hash that identifies the machine, the organization or the Microsoft 365 tenant of the job, or "" if unknown."""

    @property
    def is_running(self) -> bool:
        """Whether the job is waiting or running.

        A job in an unknown state counts as completed if it has a finish time.
        """
        return self.state in NOT_OVER or (self.state not in OVER and self.finish is None)


class Unsuccessful(NamedTuple):
    """The last completed job of a resource, if its state is "failed" or "incomplete". `end` is the completion time."""

    resource: str
    state: str
    end: Ticks


def newer_success(last: Ticks | None, job: Job, now: Ticks) -> Ticks | None:
    """Return the job's finish time if the job is successful and finished after `last`, else return `last`.

    If `last` is in the future, `last` is wrong. In this case, return the job's finish time if the job is successful.
    """
    if job.state != FINISHED or job.finish is None:
        return last
    return job.finish if last is None or last > now + CLOCK_TOLERANCE else max(last, job.finish)


def past_successes(last_success: Mapping[JobKind, Ticks], now: Ticks) -> dict[JobKind, Ticks]:
    """Return the finish times of the last successful jobs, except timestamps in the future.

    A wrong clock can cause such timestamps.
    """
    latest = now + CLOCK_TOLERANCE
    return {kind: finish for kind, finish in last_success.items() if finish <= latest}


def count_samples(jobs: Iterable[tuple[JobKind, Job]], location: str = "") -> Iterator[Sample]:
    """Yield the number of jobs per `JobKind` and state, including zeros for known states."""
    counts = Counter((kind, job.state) for kind, job in jobs)
    states = {(kind, state): 0 for kind in sorted({kind for kind, _ in counts}) for state in STATES}
    for (kind, state), count in {**states, **counts}.items():
        yield Sample(JOBS, (*kind, location, state), float(count))


def last_job_samples(
    jobs: Mapping[JobKind, list[Job]],
    last_success: Mapping[JobKind, Ticks],
    customer_id: str,
    location: str = "",
    completed_states: Mapping[JobKind, str] = MappingProxyType({}),
) -> Iterator[Sample]:
    """Yield samples for the last job, the last completed job, the last successful job and the oldest running job.

    If `completed_states` contains a state for a `JobKind`, this state replaces the state of the last completed job.
    """
    for kind, of_kind in sorted(jobs.items()):
        labels = (customer_id, *kind, location)
        last = max(of_kind, key=by_start)
        yield Sample(LAST_START, labels, seconds(last.start))
        yield Sample(LAST_STATE, (*labels, last.state), 1.0)
        completed = max((job for job in of_kind if not job.is_running), key=by_start, default=None)
        if completed is not None:
            yield from _completed_samples(completed, labels)
        state = completed_states.get(kind, "" if completed is None else completed.state)
        if state and (last.is_running or state != last.state):
            yield Sample(LAST_COMPLETED_STATE, (*labels, state), 1.0)
        if running := [job.start for job in of_kind if job.state == IN_PROGRESS]:
            yield Sample(OLDEST_RUNNING, labels, seconds(min(running)))
    for kind, finish in sorted(last_success.items()):
        yield Sample(LAST_SUCCESS, (customer_id, *kind, location), seconds(finish))


def unsuccessful_samples(jobs: Mapping[JobKind, tuple[Unsuccessful, ...]], customer_id: str) -> Iterator[Sample]:
    """Yield the completion time of each failed or incomplete job."""
    for kind, of_kind in sorted(jobs.items()):
        for one in sorted(of_kind):
            yield Sample(UNSUCCESSFUL, (customer_id, *kind, "", one.resource, one.state), seconds(one.end))


def _completed_samples(job: Job, labels: tuple[str, ...]) -> Iterator[Sample]:
    if job.finish is not None:
        yield Sample(LAST_FINISH, labels, seconds(job.finish))
    if job.duration is not None:
        yield Sample(LAST_DURATION, labels, seconds(job.duration))
    for result, count in job.objects:
        yield Sample(LAST_OBJECTS, (*labels, result), float(count))
    for has_code, count in job.errors:
        yield Sample(LAST_ERRORS, (*labels, has_code), float(count))


def read_objects(
    row: Row, endings: Sequence[str] = ("Count", "Number"), results: Sequence[str] = RESULTS
) -> tuple[tuple[str, int], ...]:
    """Return the object counts of a job as pairs (result, count). Omit results that are not in the row.

    The name of each field consists of a result and one of the `endings`. An example is "successfulCount".
    """
    counts = ((result, row.count(*(f"{result}{ending}" for ending in endings))) for result in results)
    return tuple((result, count) for result, count in counts if count is not None)


def resource_hash(name: str | None) -> str:
    """Return a hash of a resource's name or id, or "" if there is no name. The name may contain personal data."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:_DIGITS] if name else ""


by_start: Final[Callable[[Job], tuple[Ticks, str]]] = lambda job: (job.start, job.id)  # noqa: E731 - a sort key
