"""Functions that the endpoints of Google Workspace and Salesforce jobs share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from avepoint_simulator.data import values
from avepoint_simulator.data.records import GoogleJob, SalesforceJob
from avepoint_simulator.endpoints.tenant.jobs_shared import time_bound
from avepoint_simulator.pages import RowSlice
from avepoint_simulator.requests import SimulatedRequest

_Job = TypeVar("_Job", GoogleJob, SalesforceJob)


def in_time_range(request: SimulatedRequest, jobs: Iterable[_Job]) -> list[_Job]:
    """Return the jobs that started between the times in the query."""
    start, finish = (time_bound(request, name, values.from_iso) for name in ("startTime", "finishTime"))
    return [
        job
        for job in jobs
        if (start is None or job.start_unix_ns >= start) and (finish is None or job.start_unix_ns <= finish)
    ]


def next_page(page: RowSlice[_Job]) -> dict[str, str] | None:
    """Return the query parameters of the next page, or None if this is the last page."""
    return {"pageIndex": str(page.index + 1), "pageSize": str(page.size)} if page.more else None
