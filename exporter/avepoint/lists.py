"""Classes that read complete lists with the available API version.

The classes raise an error if a list has fewer rows than AvePoint reports.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Hashable, Mapping
from functools import partial
from typing import Final, Literal, TypeVar

from exporter.avepoint.api_client import ApiClient
from exporter.avepoint.endpoints import Endpoint, EndpointPair, Paging, Query
from exporter.avepoint.pages import SMALLEST_CAP, FetchPage, ListPage, ListProgress, RawRow, read_page
from exporter.avepoint.paging import odata_pages
from exporter.avepoint.reading.rows import Row
from exporter.config.schema import ApiVersion
from exporter.errors import AvePointError, BadRequestError, NotFoundError, NotOfferedError, TokenError

T = TypeVar("T")
PAGE_SIZE: Final = 100
"""Rows per page of a partner list. This is the maximum page size of the Elements API."""
_SETTLED: Final = 3
"""Number of consecutive refreshes with the same fault after which an incomplete list is accepted."""
_MOST_INCOMPLETE: Final = 10_000


class ApiVersions:
    """Selects the API version that is available to an account. The modern version is tried first.

    A version is not available if it returns a 404 or if its permission is not granted. After the first
    successful response, only the API version of this response is used until the next call to `begin`. If this version
    then returns a 404 for a customer, the other version is not tried.
    """

    def __init__(self, api: Literal["auto", "modern", "legacy"]) -> None:
        self._configured: ApiVersion | None = None if api == "auto" else api
        self._answered: ApiVersion | None = None
        self._is_certain = False

    @property
    def allowed(self) -> tuple[ApiVersion, ...]:
        """The versions that may be requested, in order of preference."""
        return ("modern", "legacy") if self._configured is None else (self._configured,)

    @property
    def answered(self) -> ApiVersion | None:
        """The most recently selected version, or None if no version has been selected yet."""
        return self._answered

    def first(self, offered: Collection[ApiVersion]) -> ApiVersion:
        """Return the version to request first. Raise NotOfferedError if the configured version is not in `offered`."""
        return self._order(offered)[0]

    def begin(self) -> None:
        """Begin a refresh. This refresh may select a different API version than the previous refresh."""
        self._is_certain = False

    async def ask(self, readers: Mapping[ApiVersion, Callable[[], Awaitable[T]]]) -> T:
        """Call the readers in turn until an API version is available, and return the result of this version.

        If no version is available, raise the first error. If there is no reader for the configured version, raise
        NotOfferedError without a request.
        """
        failure: AvePointError | None = None
        for api_version in self._order(readers):
            try:
                result = await readers[api_version]()
            except NotFoundError as error:
                failure = failure or error
            except TokenError as error:
                if error.reason != "invalid_scope":
                    raise
                failure = failure or error
            else:
                # Later responses do not change the API version, even if only the other version returns a customer.
                if not self._is_certain:
                    self._answered, self._is_certain = api_version, True
                return result
        raise failure or AssertionError("no version was requested")

    def _order(self, offered: Collection[ApiVersion]) -> tuple[ApiVersion, ...]:
        if self._configured is not None:
            if self._configured not in offered:
                raise NotOfferedError(f"the {self._configured} endpoints do not provide this data")
            return self.allowed
        first = self._answered or "modern"
        if self._is_certain:
            return (first,)
        both: tuple[ApiVersion, ...] = (first, "legacy" if first == "modern" else "modern")
        return tuple(api_version for api_version in both if api_version in offered)


class ListReader:
    """Reads a list of a partner account.

    Use the same reader in every refresh, because the reader compares an incomplete list with the list of the
    previous refresh.
    """

    def __init__(self, client: ApiClient, endpoints: EndpointPair) -> None:
        self._client = client
        self._endpoints = endpoints
        self._checked = CheckedReader(client)

    async def read(
        self,
        api_versions: ApiVersions,
        convert: Callable[[Row], T],
        *,
        customer_id: str = "",
        tenant_id: str = "",
        body: Mapping[str, object] | None = None,
    ) -> list[T]:
        """Return the results of `convert` for all rows. Raise AvePointError if a request fails.

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
        """Return the rows of a customer or, with `tenant_id`, of a tenant. Raise AvePointError if a request fails."""
        return await self.read(api_versions, lambda row: row, customer_id=customer_id, tenant_id=tenant_id)

    def is_short(self, customer_id: str = "") -> bool:
        """Return whether the most recent list of the customer had fewer rows than its reported total."""
        return any(self._checked.is_short((one.template, customer_id, "")) for one in self._endpoints.versions.values())

    async def _read(
        self, endpoint: Endpoint, convert: Callable[[Row], T], ids: Mapping[str, str], body: Mapping[str, object]
    ) -> list[T]:
        async def fetch(query: Query) -> ListPage:
            content = body if endpoint.method == "POST" else None
            return read_page(await self._client.call(endpoint, ids=ids, query=query, body=content), endpoint)

        def walk(progress: ListProgress) -> AsyncIterator[RawRow]:
            if endpoint.paging is Paging.ELEMENTS:
                return numbered_pages(fetch, progress, size=PAGE_SIZE)
            top = PAGE_SIZE if endpoint.paging is Paging.ODATA else None
            return odata_pages(self._client, fetch, progress, top=top)

        key = endpoint.template, ids["customerId"], ids["tenantId"]
        return await self._checked.read(key, endpoint, walk, lambda raw: convert(self._row(raw, endpoint)))

    def _row(self, raw: RawRow, endpoint: Endpoint) -> Row:
        return Row(raw, endpoint.template, self._client.value_issues, endpoint.fields)


async def numbered_pages(fetch: FetchPage, progress: ListProgress, *, size: int) -> AsyncIterator[RawRow]:
    """Yield the rows of a list from the Elements API.

    If AvePoint does not report a total, the list ends with the first page that is not full.
    """
    number = 0
    while True:
        number += 1
        try:
            page = await fetch({"pageIndex": number, "pageSize": size})
        except (BadRequestError, NotFoundError):
            if progress.received and progress.total is None:
                return  # There is no further page.
            raise
        if not progress.enter(page):
            progress.end(page, size)
            return
        for row in page.rows:
            yield row
        # If the total exceeds the number of rows on the page, it is the total of the whole list. If both numbers are
        # equal, the total may be the total of the page.
        is_counted = progress.total is not None and progress.total > len(page.rows)
        has_facts = page.total is not None or page.size is not None or page.is_bare
        may_go_on = page.is_full(size if has_facts else SMALLEST_CAP) and not is_counted
        if not (progress.lacks_rows or may_go_on or (progress.total is None and progress.expects_more)):
            return


class CheckedReader:
    """Reads an incomplete list a second time before raising an error."""

    def __init__(self, client: ApiClient) -> None:
        self._issues = client.value_issues
        self._incomplete: dict[Hashable, tuple[tuple[int, int] | None, int]] = {}

    async def read(
        self,
        key: Hashable,
        endpoint: Endpoint,
        walk: Callable[[ListProgress], AsyncIterator[RawRow]],
        convert: Callable[[RawRow], T],
        *,
        ignores_total: bool = False,
    ) -> list[T]:
        """Return the converted rows of a list. Raise IncompleteListError if the list is incomplete.

        `key` identifies the list in later refreshes. If three consecutive refreshes find the same fault, AvePoint's
        total is probably wrong. In this case, the list is accepted as complete.
        """

        async def attempt() -> tuple[list[T], ListProgress]:
            progress = ListProgress(endpoint)
            items = [convert(row) async for row in walk(progress)]
            if (value := progress.unreadable_total) is not None:
                self._issues.unreadable(endpoint.template, "totalCount", value, "not a count")
            if progress.incomplete():
                self._issues.incomplete_list(endpoint.template)
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
        """Return whether the most recent list had fewer rows than its reported total."""
        return key in self._incomplete

    def _refreshes(self, key: Hashable, progress: ListProgress) -> int:
        """Return the number of consecutive refreshes that have found the same fault, including this refresh."""
        signature, refreshes = self._incomplete.get(key, (None, 0))
        return refreshes + 1 if signature is not None and signature == progress.signature else 1

    def _store(self, key: Hashable, progress: ListProgress, refreshes: int) -> None:
        self._incomplete.pop(key, None)
        self._incomplete[key] = progress.signature, refreshes
        if len(self._incomplete) > _MOST_INCOMPLETE:
            del self._incomplete[next(iter(self._incomplete))]
