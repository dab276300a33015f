"""Functions that use links or page numbers to request all pages of OData lists and job lists."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from exporter.avepoint.api_client import ApiClient
from exporter.avepoint.endpoints import Endpoint, Query
from exporter.avepoint.pages import SMALLEST_CAP, FetchPage, ListPage, ListProgress, RawRow
from exporter.errors import (
    BadRequestError,
    LinkRefusedError,
    NotFoundError,
    StatusError,
)


async def odata_pages(
    client: ApiClient, fetch: FetchPage, progress: ListProgress, *, top: int | None = None
) -> AsyncIterator[RawRow]:
    """Yield the rows of an OData list. Follow the links to the next pages.

    If there are no links and `top` is set, use $top and $skip. With $top and $skip, the list ends with the first page
    that has no new rows. A page that is not full does not end the list, because AvePoint may return fewer rows than
    requested.
    """
    query: Query | None = {} if top is None else {"$top": top, "$skip": 0}
    while query is not None:
        try:
            page = await fetch(query)
        except (BadRequestError, NotFoundError) as error:
            if progress.received and not progress.lacks_rows and "$skip" in query:
                return  # AvePoint rejects a request for a page beyond the end of the list
            if top is None or progress.received or not isinstance(error, BadRequestError):
                raise
            top, query = None, {}  # AvePoint rejects the parameter $top
            continue
        if not progress.enter(page):
            progress.end(page, top or 0)
            return
        for row in page.rows:
            yield row
        query = _odata_next(client, page, progress, top)


def _odata_next(client: ApiClient, page: ListPage, progress: ListProgress, top: int | None) -> Query | None:
    if page.link is not None:
        try:
            return client.link_query(progress.endpoint, page.link)
        except LinkRefusedError:
            if top is None:
                raise
    is_whole = progress.states_total and not progress.lacks_rows and page.link is None
    return None if top is None or is_whole else {"$top": top, "$skip": progress.received}


class IndexedPages:
    """Reads job lists whose first page has the index 0 or 1.

    If a page contains a link to the next page, the reader follows the link instead of counting pages.
    """

    def __init__(
        self, client: ApiClient, endpoint: Endpoint, parameters: tuple[str, str] = ("PageIndex", "PageSize")
    ) -> None:
        """Create a reader.

        `parameters` contains the names of the query parameters for the page index and the page size.
        """
        self._client = client
        self._endpoint = endpoint
        self._index, self._size = parameters
        self._first = 0
        self._has_page_zero = False

    async def read(
        self, fetch: FetchPage, progress: ListProgress, query: Query, size: int
    ) -> AsyncGenerator[RawRow, None]:
        """Yield all rows that match the query. If a page is repeated, yield its rows only once."""
        cursor = _Cursor(self._first, self._first, has_page_zero=self._has_page_zero)
        while cursor.is_open:
            try:
                page = await fetch(_merged({**query, self._index: cursor.index, self._size: size}, cursor.link or {}))
            except (BadRequestError, NotFoundError) as error:
                cursor.after_refusal(error, progress)
                continue
            if not progress.enter(page):
                cursor.after_repeated_page(page, progress, size)
                continue
            self._has_page_zero = self._has_page_zero or cursor.index == 0
            for row in page.rows:
                yield row
            # If the total equals the number of rows on the page, the total may be the total of this page only.
            is_counted = progress.total is not None and progress.total > len(page.rows)
            cursor.may_go_on = progress.lacks_rows or page.is_full(size if page.total is not None else SMALLEST_CAP)
            has_link = page.link is not None and not is_counted
            progress.expects_more = cursor.advance(self._usable(page.link), has_link=has_link)
        # Store the index of the first page only if the list is complete. With a wrong index, rows may be missing.
        is_proof = progress.received and progress.states_total and not progress.lacks_rows
        self._first = cursor.first if is_proof else 0

    def _usable(self, link: str | None) -> Query | None:
        if link is not None:
            with suppress(LinkRefusedError):
                return self._client.link_query(self._endpoint, link)
        return None


@dataclass(slots=True)
class _Cursor:
    """The position in a list with numbered pages. `first` is the assumed index of the first page."""

    first: int
    index: int
    has_page_zero: bool = False
    link: Query | None = None
    is_open: bool = True
    may_go_on: bool = True

    def advance(self, link: Query | None, *, has_link: bool) -> bool:
        """Go to the next page. Return whether the current page contains a link to a later page.

        A link to the current page or to an earlier page is ignored.
        """
        named = {key.lower(): value for key, value in (link or {}).items()}.get("pageindex")
        is_number = isinstance(named, str) and named.isascii() and named.isdigit() and len(named) < 6  # noqa: PLR2004 - digits
        number = int(named) if is_number and named is not None else self.index + 1
        self.link = link if number > self.index else None
        is_linked = has_link and number > self.index
        self.is_open = self.may_go_on or is_linked
        self.index = max(number, self.index + 1)
        return is_linked

    def after_refusal(self, error: StatusError, progress: ListProgress) -> None:
        """Handle a response with status 400 or 404. Select another page, end the list or raise the error.

        If the request followed a link, continue with page numbers. If AvePoint rejects page 0, continue with page 1.
        """
        if self.link is not None:
            self.link, self.is_open = None, self.may_go_on
        elif self.index == 0 and isinstance(error, BadRequestError):
            self.first = self.index = 1
        elif progress.received and not progress.lacks_rows:
            self.is_open = False  # the last page was full, and this page is beyond the end
        else:
            raise error

    def after_repeated_page(self, page: ListPage, progress: ListProgress, size: int) -> None:
        """Handle a page without new rows. Select another page or end the list."""
        if self.link is not None:
            # The link led to no new rows, but a request by page number may return new rows.
            self.link, self.is_open = None, self.may_go_on
            if not self.is_open:
                progress.end(page, size)
        elif self.index == 0 and not self.has_page_zero and page.total != 0:
            self.first = self.index = 1  # page 0 is empty, so the list is empty or begins with page 1
        elif self.index == 1 and self.first == 0 and page.rows:
            self.first, self.index = 1, 2  # AvePoint returned the same rows for page 0 and page 1
        else:
            progress.end(page, size)
            self.is_open = False


def _merged(own: Query, link: Query) -> Query:
    """Return the query `own`, updated with the parameters of a link. Parameter names are case-insensitive."""
    names = {key.lower(): key for key in own}
    return {**own, **{names.get(key.lower(), key): value for key, value in link.items()}}
