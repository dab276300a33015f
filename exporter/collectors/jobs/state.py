"""Functions that parse the persistent state of job collectors and raise ValueError if the state is invalid."""

import sys
from collections.abc import Mapping
from typing import Final, TypeVar

from exporter.avepoint.reading.values import Ticks
from exporter.avepoint.reading.vocabulary import MICROSOFT_365
from exporter.collectors.jobs.families import JobKind

T = TypeVar("T")

_LATEST: Final = 2**63  # ticks


def require(kind: type[T], value: object, what: str) -> T:
    """Return the value if it has the expected type."""
    if isinstance(value, kind):
        return value
    raise ValueError(f"expected {what}")


def parse_name(value: object) -> str:
    """Return a label value, interned to save memory."""
    name = require(str, value, "a name")
    name.encode()  # This call raises ValueError if UTF-8 cannot encode a character.
    return sys.intern(name)


def parse_kind(value: object) -> JobKind:
    """Return the product, workload and job type of a job.

    A state from an older version omits the product, because older versions read only Microsoft 365 jobs.
    """
    match value:
        case [product, workload, job_type]:
            return JobKind(parse_name(product), parse_name(workload), parse_name(job_type))
        case [workload, job_type]:
            return JobKind(MICROSOFT_365, parse_name(workload), parse_name(job_type))
        case _:
            raise ValueError("expected a product, a workload and a job type")


def parse_ticks(value: object) -> Ticks:
    """Return a timestamp in ticks. The value 0 is valid."""
    if not isinstance(value, int) or not 0 <= value < _LATEST:
        raise ValueError("not a time")
    return Ticks(value)


def parse_success(value: object) -> tuple[JobKind, Ticks]:
    """Return a `JobKind` and the finish time of its last successful job."""
    match value:
        case [*kind, finish] if finish:
            return parse_kind(kind), parse_ticks(finish)
        case _:
            raise ValueError("expected a product, a workload, a job type and a time")


def parse_jobs(value: object) -> dict[str, Ticks]:
    """Return the start times of jobs, keyed by job id."""
    return {str(key): parse_ticks(start) for key, start in require(dict, value, "job ids and times").items()}


def parse_counts(value: object) -> dict[str, int]:
    """Return the number of jobs per state."""
    counts = require(dict, value, "job counts by state")
    return {parse_name(name): int(parse_ticks(count)) for name, count in counts.items()}


def success_rows(last_success: Mapping[JobKind, Ticks]) -> list[list[str | int]]:
    """Return the finish times of the last successful jobs as JSON values."""
    return [[*kind, finish] for kind, finish in last_success.items()]
