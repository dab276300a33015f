"""The job lists of a tenant: GET /backup/m365/cloudbackupjobs, or GET /cloudbackup/jobs."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from exporter.avepoint.client import Client, Query
from exporter.avepoint.paging import IndexedPages, ListPage, RawRow, folded, link_of, listed, row_id, total_of
from exporter.avepoint.responses import Endpoint
from exporter.avepoint.values import TICKS_PER_SECOND, Ticks, dotnet_ticks, iso_time
from exporter.errors import BadRequestError

PERMISSION: Final = "microsoft365backup.jobInfo.read.all"
MODERN: Final = Endpoint("GET", "/backup/m365/cloudbackupjobs", PERMISSION)
LEGACY: Final = Endpoint("GET", "/cloudbackup/jobs", PERMISSION)


@dataclass(frozen=True, slots=True)
class Span:
    """The time range of a read: jobs that started from `start` to `end`."""

    start: Ticks
    end: Ticks


class JobList:
    """One generation's list of jobs, filtered by time, job type (0: all), workload (0: all), location ("": all)."""

    def __init__(self, client: Client, endpoint: Endpoint, location: str = "") -> None:
        self.endpoint = endpoint
        self._location: Query = {"location": location} if location else {}
        self._client = client
        self._pages = IndexedPages(client, endpoint, row_id)
        self._times: Callable[[Span], Query] = _iso_times if endpoint is MODERN else _tick_times

    async def read(self, span: Span, *, size: int, job_type: int = 0, object_type: int = 0) -> list[RawRow]:
        """Read all rows, `size` a page; raises AvePointError."""
        query = self._query(span, job_type=job_type, object_type=object_type)
        return [row async for row in self._pages.read(self._ask, query, size)]

    async def has_any(self, span: Span) -> bool:
        """Tell whether there is any job at all, by a page of one row; raises AvePointError."""
        async with aclosing(self._pages.read(self._ask, self._query(span), 1)) as rows:
            async for _ in rows:
                return True
        return False

    async def ids(
        self, span: Span, *, size: int, largest: int, job_type: int = 0, object_type: int = 0
    ) -> set[str | None]:
        """Read the ids only, None for one that cannot be read; in pages of `largest` if allowed, else of `size`."""
        try:
            rows = await self.read(span, size=largest, job_type=job_type, object_type=object_type)
        except BadRequestError:
            if largest <= size:
                raise
            rows = await self.read(span, size=size, job_type=job_type, object_type=object_type)
        return {row_id(row) for row in rows}

    def _query(self, span: Span, *, job_type: int = 0, object_type: int = 0) -> Query:
        return {**self._times(span), "JobType": job_type, "ObjectType": object_type, "JobState": 0, **self._location}

    async def _ask(self, query: Query) -> ListPage:
        answer = await self._client.call(self.endpoint, query=query)
        page = folded(answer)
        key = "data" if self.endpoint is MODERN else "jobs"
        if key not in page:
            raise self.endpoint.unexpected(f"the answer has no {key}")
        about = folded(page.get("metadata")) if self.endpoint is MODERN else page
        total = total_of(about.get("totalcount", about.get("totalnumber")))
        return ListPage(listed(page[key], self.endpoint, key, total=total), total, link_of(about.get("nextlink")))


def _tick_times(span: Span) -> Query:
    return {"StartTime": dotnet_ticks(span.start), "FinishTime": dotnet_ticks(span.end)}


def _iso_times(span: Span) -> Query:
    # Whole seconds, rounded outwards.
    return {"StartTime": iso_time(span.start), "FinishTime": iso_time(Ticks(span.end + TICKS_PER_SECOND - 1))}
