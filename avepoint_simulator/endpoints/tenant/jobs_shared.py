"""Filters and pages of the job list, for both API versions."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from avepoint_simulator.data import vocabulary as words
from avepoint_simulator.data.records import JobRecord
from avepoint_simulator.pages import RowSlice, numbered_page
from avepoint_simulator.requests import BadRequestError, SimulatedRequest

PERMISSION: Final = "microsoft365backup.jobInfo.read.all"
DEFAULT_PAGE_SIZE: Final = 10


def job_page(request: SimulatedRequest, read_time: Callable[[str], int | None]) -> RowSlice[JobRecord]:
    """Return the page of jobs that a query selects."""
    return numbered_page(
        request, _wanted_jobs(request, read_time), base=request.switches.page_base, size=DEFAULT_PAGE_SIZE
    )


def next_index(page: RowSlice[JobRecord]) -> dict[str, str] | None:
    """Return the query parameters of the next page, or None if this is the last page."""
    return {"PageIndex": str(page.index + 1), "PageSize": str(page.size)} if page.more else None


def state_text(request: SimulatedRequest, state: int | str) -> str:
    """Return the name of a job's state in the selected spelling.

    If the state is a string, return the string unchanged.
    """
    if isinstance(state, str):
        return state
    return (words.SPACED_STATES if request.switches.state_spelling == "spaced" else words.COMPACT_STATES)[state]


def _wanted_jobs(request: SimulatedRequest, read_time: Callable[[str], int | None]) -> list[JobRecord]:
    start, finish = time_bound(request, "StartTime", read_time), time_bound(request, "FinishTime", read_time)
    job_type = _choice(request, "JobType", len(words.JOB_TYPES))
    object_type = _choice(request, "ObjectType", len(words.OBJECT_TYPES))
    state = _choice(request, "JobState", len(words.SPACED_STATES))
    return [
        job
        for job in request.portfolio.jobs(request.now)
        if (start is None or job.start_unix_ns >= start)
        and (finish is None or job.start_unix_ns <= finish)
        and (not job_type or job.job_type == job_type)
        and (not object_type or job.object_type == object_type)
        and (not state or job.state == state)
    ]


def time_bound(request: SimulatedRequest, name: str, read_time: Callable[[str], int | None]) -> int | None:
    """Return the time in a query parameter, or None if the parameter is empty.

    Raise BadRequestError if the time is invalid.
    """
    text = request.param(name)
    try:
        return read_time(text) if text else None
    except ValueError:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, f"The value '{text}' is not valid for {name}.") from None


def _choice(request: SimulatedRequest, name: str, highest: int) -> int:
    value = request.number(name, 0)
    if value > highest:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, f"The value '{value}' is not valid for {name}.")
    return value
