"""The job lists of tenant accounts."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from exporter.avepoint.api_client import ApiClient
from exporter.avepoint.endpoints import TENANT_JOBS, Endpoint, Query
from exporter.avepoint.lists import CheckedReader
from exporter.avepoint.pages import ListPage, ListProgress, read_page
from exporter.avepoint.paging import IndexedPages
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import TICKS_PER_SECOND, Ticks, dotnet_ticks, iso_time
from exporter.errors import BadRequestError


@dataclass(frozen=True, slots=True)
class Span:
    """A time range that selects jobs by their start times."""

    start: Ticks
    end: Ticks


class JobList:
    """The job list of a tenant account in one API version.

    The list can be filtered by time, job type, workload and geo location. The value 0 or "" disables a filter. Create
    the `JobList` once, and use it in every refresh.
    """

    def __init__(self, client: ApiClient, endpoint: Endpoint, location: str = "") -> None:
        self.endpoint = endpoint
        self._location: Query = {"location": location} if location else {}
        self._client = client
        self._pages = IndexedPages(client, endpoint)
        self._checked = CheckedReader(client)
        self._times: Callable[[Span], Query] = _iso_times if endpoint is TENANT_JOBS.modern else _tick_times

    async def read(self, span: Span, *, size: int, job_type: int = 0, object_type: int = 0) -> list[Row]:
        """Request pages of `size` rows, and return all rows. Raise AvePointError if a request fails.

        If the most recent unfiltered list had fewer rows than its reported total, ignore the totals of filtered lists.
        """
        query = self._query(span, job_type=job_type, object_type=object_type)
        is_filtered = bool(job_type or object_type)
        return await self._checked.read(
            (job_type, object_type),
            self.endpoint,
            lambda progress: self._pages.read(self._fetch, progress, query, size),
            lambda raw: Row(raw, self.endpoint.template, self._client.value_issues, self.endpoint.fields),
            ignores_total=is_filtered and self.is_short,
        )

    @property
    def is_short(self) -> bool:
        """Whether the most recent unfiltered list had fewer rows than its reported total."""
        return self._checked.is_short((0, 0))

    async def has_any(self, span: Span) -> bool:
        """Return whether the list contains at least one job. Raise AvePointError if a request fails."""
        progress = ListProgress(self.endpoint)
        async with aclosing(self._pages.read(self._fetch, progress, self._query(span), 1)) as rows:
            async for _ in rows:
                return True
        if error := progress.incomplete():
            raise error
        return False

    async def ids(
        self, span: Span, *, size: int, largest: int, job_type: int = 0, object_type: int = 0
    ) -> set[str | None]:
        """Return the ids of all rows. The set contains None if an id is missing or unreadable.

        Request pages of `largest` rows. If AvePoint refuses this page size, request pages of `size` rows.
        """
        try:
            rows = await self.read(span, size=largest, job_type=job_type, object_type=object_type)
        except BadRequestError:
            if largest <= size:
                raise
            rows = await self.read(span, size=size, job_type=job_type, object_type=object_type)
        return {row.id for row in rows}

    def _query(self, span: Span, *, job_type: int = 0, object_type: int = 0) -> Query:
        return {**self._times(span), "JobType": job_type, "ObjectType": object_type, "JobState": 0, **self._location}

    async def _fetch(self, query: Query) -> ListPage:
        return read_page(await self._client.call(self.endpoint, query=query), self.endpoint)


class ProductJobList:
    """The job list of a tenant account for one product other than Microsoft 365.

    `times` returns the query parameters for a time range. Create the object once, and use it in every refresh.
    """

    def __init__(self, client: ApiClient, endpoint: Endpoint, times: Callable[[Span], Query]) -> None:
        self.endpoint = endpoint
        self._client = client
        self._times = times
        self._pages = IndexedPages(client, endpoint, ("pageIndex", "pageSize"))
        self._checked = CheckedReader(client)

    async def read(self, span: Span, *, size: int) -> list[Row]:
        """Request pages of `size` rows, and return all rows. Raise AvePointError if a request fails."""
        return await self._checked.read(
            "",
            self.endpoint,
            lambda progress: self._pages.read(self._fetch, progress, self._times(span), size),
            lambda raw: Row(raw, self.endpoint.template, self._client.value_issues, self.endpoint.fields),
        )

    @property
    def is_short(self) -> bool:
        """Whether the most recent list had fewer rows than its reported total."""
        return self._checked.is_short("")

    async def _fetch(self, query: Query) -> ListPage:
        return read_page(await self._client.call(self.endpoint, query=query), self.endpoint)


def _tick_times(span: Span) -> Query:
    return {"StartTime": dotnet_ticks(span.start), "FinishTime": dotnet_ticks(span.end)}


def _iso_times(span: Span) -> Query:
    start, end = iso_seconds(span)
    return {"StartTime": start, "FinishTime": end}


def iso_seconds(span: Span) -> tuple[str, str]:
    """Return the start and the end of a time range in ISO 8601. The APIs require whole seconds.

    The start is rounded down, and the end is rounded up.
    """
    return iso_time(span.start), iso_time(Ticks(span.end + TICKS_PER_SECOND - 1))
