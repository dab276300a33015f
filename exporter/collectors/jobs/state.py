"""What collectors of jobs remember as JSON, read back; each reader raises ValueError for what none of them wrote."""

import sys
from collections.abc import Mapping
from typing import Final

from exporter.avepoint.values import Ticks
from exporter.collectors.jobs.families import JobKind

_LATEST: Final = 2**63  # ticks; whatever claims to be later was not written by us


def parse_name(value: object) -> str:
    """Read a name for a label; the same names share their memory."""
    if not isinstance(value, str):
        raise ValueError("not a name")  # noqa: TRY004 - one kind of error for all that was stored
    value.encode()  # raises ValueError for what no page could show
    return sys.intern(value)


def parse_kind(value: object) -> JobKind:
    """Read a workload and a job type."""
    match value:
        case [workload, job_type]:
            return parse_name(workload), parse_name(job_type)
        case _:
            raise ValueError("not a workload and a job type")


def parse_ticks(value: object) -> Ticks:
    """Read a time, or 0."""
    match value:
        case int(ticks) if 0 <= ticks < _LATEST:
            return Ticks(ticks)
        case _:
            raise ValueError("not a time")


def parse_success(value: object) -> tuple[JobKind, Ticks]:
    """Read when a kind of job last succeeded."""
    match value:
        case [*kind, finish] if finish:
            return parse_kind(kind), parse_ticks(finish)
        case _:
            raise ValueError("not a kind of job and a time")


def parse_jobs(value: object) -> dict[str, Ticks]:
    """Read ids of jobs with the time at which each started."""
    match value:
        case dict(jobs):
            return {str(key): parse_ticks(start) for key, start in jobs.items()}
        case _:
            raise ValueError("not jobs and their times")


def parse_counts(value: object) -> dict[str, int]:
    """Read numbers of jobs by name."""
    match value:
        case dict(counts):
            return {parse_name(name): int(parse_ticks(count)) for name, count in counts.items()}
        case _:
            raise ValueError("not numbers of jobs")


def success_rows(last_success: Mapping[JobKind, Ticks]) -> list[list[str | int]]:
    """Give last successes as JSON."""
    return [[*kind, finish] for kind, finish in last_success.items()]
