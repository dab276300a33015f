"""Functions that read complete lists. A list with fewer rows than its reported total causes an error."""

from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from exporter.avepoint.api_client import ApiClient
from exporter.avepoint.endpoints import TENANT_JOBS, ApiVersions, Endpoint, EndpointPair, Paging, Query
from exporter.avepoint.pages import (
    Identity,
    ListPage,
    ListProgress,
    RawRow,
    numbered_pages,
    read_page,
    row_hash,
    row_id,
)
from exporter.avepoint.paging import IndexedPages, odata_pages
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import TICKS_PER_SECOND, Ticks, dotnet_ticks, iso_time
from exporter.errors import BadRequestError

T = TypeVar("T")
PAGE_SIZE: Final = 100
"""Rows per page of a partner list. This is the maximum page size of the Elements API."""
_SETTLED: Final = 3
"""If so many consecutive refreshes return the same rows and the same total, the total is ignored."""
_MOST_INCOMPLETE: Final = 10_000


class ListReader:
    """Reads a list of a partner account.

    Use the same reader in every refresh, because the reader compares an incomplete list with the previous list.
    """

    def __init__(self, client: ApiClient, endpoints: EndpointPair, identity: Identity = row_hash) -> None:
        self._client = client
        self._endpoints = endpoints
        self._identity = identity
        self._checked = _CheckedReader(client)

    async def read(
        self,
        api_versions: ApiVersions,
        convert: Callable[[Row], T],
        *,
        customer_id: str = "",
        tenant_id: str = "",
        body: Mapping[str, object] | None = None,
    ) -> list[T]:
        """Return the result of `convert` for each row. Raise AvePointError if a request fails.

        `convert` is called for each row as soon as the row is received. If the list is incomplete and is therefore read
        again, `convert` is called again for each row.
        """
        ids = {"customerId": customer_id, "id": customer_id, "tenantId": tenant_id}
        readers = {
            version: partial(self._read, endpoint, convert, ids, body or {})
            for version, endpoint in self._endpoints.versions.items()
        }
        return await api_versions.ask(readers)

    async def rows(self, api_versions: ApiVersions, customer_id: str, tenant_id: str = "") -> list[Row]:
        """Return all rows of a customer, or of one Microsoft 365 tenant of the customer.

        Raise AvePointError if a request fails.
        """
        return await self.read(api_versions, lambda row: row, customer_id=customer_id, tenant_id=tenant_id)

    def is_short(self, customer_id: str = "") -> bool:
        """Return whether the last list of the customer had fewer rows than its reported total."""
        return any(self._checked.is_short((one.template, customer_id, "")) for one in self._endpoints.versions.values())

    async def _read(
        self, endpoint: Endpoint, convert: Callable[[Row], T], ids: Mapping[str, str], body: Mapping[str, object]
    ) -> list[T]:
        async def fetch(query: Query) -> ListPage:
            response = await self._client.call(
                endpoint,
                ids=ids,
                query=query,
                body=body if endpoint.method == "POST" else None,
            )
            return read_page(response, endpoint)

        def walk(progress: ListProgress) -> AsyncIterator[RawRow]:
            if endpoint.paging is Paging.ELEMENTS:
                return numbered_pages(fetch, progress, size=PAGE_SIZE)
            top = PAGE_SIZE if endpoint.paging is Paging.ODATA else None
            return odata_pages(self._client, fetch, progress, top=top)

        def progress() -> ListProgress:
            return ListProgress(endpoint, self._identity)

        key = endpoint.template, ids["customerId"], ids["tenantId"]
        return await self._checked.read(key, progress, walk, lambda raw: convert(self._row(raw, endpoint)))

    def _row(self, raw: RawRow, endpoint: Endpoint) -> Row:
        return Row(raw, endpoint.template, self._client.value_issues, endpoint.fields)


@dataclass(frozen=True, slots=True)
class Span:
    """A time range that selects jobs by their start times."""

    start: Ticks
    end: Ticks


class JobList:
    """The job list of a tenant account in one API version.

    The list can be filtered by time, job type, workload and geo location. The value 0 or "" disables a filter. Use the
    same `JobList` in every refresh.
    """

    def __init__(self, client: ApiClient, endpoint: Endpoint, location: str = "") -> None:
        self.endpoint = endpoint
        self._location: Query = {"location": location} if location else {}
        self._client = client
        self._pages = IndexedPages(client, endpoint)
        self._checked = _CheckedReader(client)
        self._times: Callable[[Span], Query] = _iso_times if endpoint is TENANT_JOBS.modern else _tick_times

    async def read(self, span: Span, *, size: int, job_type: int = 0, object_type: int = 0) -> list[Row]:
        """Return all rows, requested in pages of `size` rows. Raise AvePointError if a request fails.

        If the last unfiltered list had fewer rows than its total, the totals of filtered lists are ignored.
        """
        query = self._query(span, job_type=job_type, object_type=object_type)
        is_filtered = bool(job_type or object_type)
        return await self._checked.read(
            (job_type, object_type),
            self._progress,
            lambda progress: self._pages.read(self._fetch, progress, query, size),
            lambda raw: Row(raw, self.endpoint.template, self._client.value_issues, self.endpoint.fields),
            ignores_total=is_filtered and self.is_short,
        )

    @property
    def is_short(self) -> bool:
        """Whether the last unfiltered list had fewer rows than its total."""
        return self._checked.is_short((0, 0))

    async def has_any(self, span: Span) -> bool:
        """Return whether the list contains any job. Raise AvePointError if a request fails."""
        progress = self._progress()
        async with aclosing(self._pages.read(self._fetch, progress, self._query(span), 1)) as rows:
            async for _ in rows:
                return True
        if error := progress.incomplete():
            raise error
        return False

    async def ids(
        self, span: Span, *, size: int, largest: int, job_type: int = 0, object_type: int = 0
    ) -> set[str | None]:
        """Return the ids of all rows. The set contains None if an id is unreadable.

        Request pages of `largest` rows, or pages of `size` rows if AvePoint refuses larger pages.
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

    def _progress(self) -> ListProgress:
        return ListProgress(self.endpoint, row_id)

    async def _fetch(self, query: Query) -> ListPage:
        return read_page(await self._client.call(self.endpoint, query=query), self.endpoint)


class ProductJobList:
    """The job list of one product of a tenant account, other than Microsoft 365.

    `times` returns the query parameters for a time range. Use the same object in every refresh.
    """

    def __init__(
        self, client: ApiClient, endpoint: Endpoint, identity: Identity, times: Callable[[Span], Query]
    ) -> None:
        self.endpoint = endpoint
        self._client = client
        self._identity = identity
        self._times = times
        self._pages = IndexedPages(client, endpoint, ("pageIndex", "pageSize"))
        self._checked = _CheckedReader(client)

    async def read(self, span: Span, *, size: int) -> list[Row]:
        """Return all rows, requested in pages of `size` rows. Raise AvePointError if a request fails."""
        return await self._checked.read(
            "",
            lambda: ListProgress(self.endpoint, self._identity),
            lambda progress: self._pages.read(self._fetch, progress, self._times(span), size),
            lambda raw: Row(raw, self.endpoint.template, self._client.value_issues, self.endpoint.fields),
        )

    @property
    def is_short(self) -> bool:
        """Whether the last list had fewer rows than its total."""
        return self._checked.is_short("")

    async def _fetch(self, query: Query) -> ListPage:
        return read_page(await self._client.call(self.endpoint, query=query), self.endpoint)


class _CheckedReader:
    """Reads an incomplete list a second time before raising an error."""

    def __init__(self, client: ApiClient) -> None:
        self._issues = client.value_issues
        self._incomplete: dict[Hashable, tuple[tuple[int, int] | None, int]] = {}

    async def read(
        self,
        key: Hashable,
        new_progress: Callable[[], ListProgress],
        walk: Callable[[ListProgress], AsyncIterator[RawRow]],
        convert: Callable[[RawRow], T],
        *,
        ignores_total: bool = False,
    ) -> list[T]:
        """Return the converted rows of a list. Raise IncompleteListError if the list is incomplete.

        `key` identifies the list in later refreshes. If three consecutive refreshes return the same rows and the same
        total, the list is accepted as complete. In this case, the total probably does not count rows.
        """

        async def attempt() -> tuple[list[T], ListProgress]:
            progress = new_progress()
            items = [convert(row) async for row in walk(progress)]
            if progress.incomplete():
                self._issues.incomplete_list(progress.endpoint.template)
            return items, progress

        items, progress = await attempt()
        if ignores_total:
            return items
        if progress.incomplete() and self._refreshes(key, progress) <= _SETTLED:
            items, progress = await attempt()
        error = progress.incomplete()
        if error is None:
            self._incomplete.pop(key, None)
            return items
        refreshes = self._refreshes(key, progress)
        self._store(key, progress, refreshes)
        if refreshes < _SETTLED:
            raise error
        if refreshes == _SETTLED:
            self._issues.settled_list(error)
        return items

    def is_short(self, key: Hashable) -> bool:
        """Return whether the last list had fewer rows than its reported total."""
        return key in self._incomplete

    def _refreshes(self, key: Hashable, progress: ListProgress) -> int:
        """Return the number of consecutive refreshes with the same rows and the same total, including this refresh."""
        signature, refreshes = self._incomplete.get(key, (None, 0))
        return refreshes + 1 if signature is not None and signature == progress.signature else 1

    def _store(self, key: Hashable, progress: ListProgress, refreshes: int) -> None:
        self._incomplete.pop(key, None)
        self._incomplete[key] = progress.signature, refreshes
        if len(self._incomplete) > _MOST_INCOMPLETE:
            del self._incomplete[next(iter(self._incomplete))]


def _tick_times(span: Span) -> Query:
    return {"StartTime": dotnet_ticks(span.start), "FinishTime": dotnet_ticks(span.end)}


def _iso_times(span: Span) -> Query:
    start, end = iso_seconds(span)
    return {"StartTime": start, "FinishTime": end}


def iso_seconds(span: Span) -> tuple[str, str]:
    """Return the start and the end in whole seconds, as the APIs require.

    The start is rounded down, and the end is rounded up.
    """
    return iso_time(span.start), iso_time(Ticks(span.end + TICKS_PER_SECOND - 1))
