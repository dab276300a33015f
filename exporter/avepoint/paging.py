"""Functions that request all pages of a list and check whether all rows were received."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from exporter.avepoint.api_client import ApiClient
from exporter.avepoint.endpoints import Endpoint, Query
from exporter.avepoint.pages import ListPage, RawRow, row_hash
from exporter.errors import (
    BadRequestError,
    IncompleteListError,
    LinkRefusedError,
    NotFoundError,
    StatusError,
)

Identity = Callable[[RawRow], object]
FetchPage = Callable[[Query], Awaitable[ListPage]]

MOST_PAGES: Final = 1000
"""Maximum number of pages in a list. A list with more pages is treated as endless."""
_SMALLEST_CAP: Final = 10
"""Default page size of the job lists.

If a response contains no total, a page with at least this many rows may be followed by another page.
"""


class ListProgress:
    """Tracks the received rows of one list to detect endless and incomplete lists."""

    def __init__(self, endpoint: Endpoint, identity: Identity) -> None:
        self.endpoint = endpoint
        self._identity = identity
        self._seen: set[object] = set()
        self._first: tuple[RawRow, ...] = ()
        self._pages = 0
        self._totals: list[int] = []
        self._counts_pages = True
        self._is_repeated = False

    def enter(self, page: ListPage) -> bool:
        """Add a page, and return whether it has new rows. Raise AnswerError if the list is endless."""
        self._pages += 1
        if self._pages > MOST_PAGES:
            raise self.endpoint.unexpected(f"the list does not end after {MOST_PAGES} pages")
        if page.total is not None:
            self._totals.append(page.total)
            self._counts_pages = self._counts_pages and page.total == len(page.rows)
        if not self.received:
            # Most lists have one page, so identities are computed only when a second page is received.
            self._first = page.rows
            return bool(page.rows)
        before = len(self._identities())
        self._seen |= self._identities_of(page.rows)
        return len(self._seen) > before

    @property
    def received(self) -> int:
        """The number of distinct rows that have been received."""
        return len(self._seen) or len(self._first)

    @property
    def total(self) -> int | None:
        """The reported total of the list, or None if it is unknown.

        If the total on every page equals the number of rows on that page, the total of the list is unknown, because the
        service may report the total of each page.
        """
        return None if self._counts_pages or not self._totals else max(self._totals)

    @property
    def states_total(self) -> bool:
        """Whether any page contained a total, which may be the total of the list or of the page."""
        return bool(self._totals)

    @property
    def lacks_rows(self) -> bool:
        """Whether fewer rows have been received than the total."""
        return self.total is not None and self.received < self.total

    @property
    def signature(self) -> tuple[int, int] | None:
        """The total and a hash of all rows, or None if the total is unknown or changed, or if a page was repeated."""
        if self.total is None or self._is_repeated or self._total_changed:
            return None
        return self.total, hash(frozenset(self._identities()))

    def end(self, page: ListPage, size: int) -> None:
        """End the list after a page without new rows. `size` is the requested number of rows.

        If the page is full although rows are missing, the service repeats pages instead of returning the missing rows.
        """
        self._is_repeated = bool(page.rows) and page.is_full(size) and self.lacks_rows

    def incomplete(self) -> IncompleteListError | None:
        """Return the error for an incomplete list, or None if the list is complete."""
        total = self.total
        if total is None or not (self.lacks_rows or self._total_changed):
            return None
        reason = f"received {self.received} of {total} rows"
        if self._is_repeated:
            reason = f"a page was repeated; {reason}"
        elif self._total_changed:
            reason = f"the total changed while the list was being read; {reason}"
        return IncompleteListError(
            f"{self.endpoint.template}: the list is incomplete: {reason}",
            rows=self.received,
            total=total,
            path=self.endpoint.template,
        )

    @property
    def _total_changed(self) -> bool:
        return not self._counts_pages and len(set(self._totals)) > 1

    def _identities(self) -> set[object]:
        if self._first:
            self._seen, self._first = self._identities_of(self._first), ()
        return self._seen

    def _identities_of(self, rows: Iterable[RawRow]) -> set[object]:
        """Return an identity for each row.

        Equal rows on the same page have different identities. Equal rows on different pages share an identity.
        """
        counts = Counter(row_hash(row) if (key := self._identity(row)) is None else key for row in rows)
        return {(key, number) for key, count in counts.items() for number in range(count)}


async def numbered_pages(fetch: FetchPage, progress: ListProgress, *, size: int) -> AsyncIterator[RawRow]:
    """Yield the rows of a list from the Elements API.

    If the service does not report a total, the list ends with the first page that is not full.
    """
    number = 0
    while True:
        number += 1
        page = await fetch({"pageIndex": number, "pageSize": size})
        if not progress.enter(page):
            progress.end(page, size)
            return
        for row in page.rows:
            yield row
        # A total above the number of rows on the page is the total of the list. An equal total may be the total of the
        # page.
        is_counted = progress.total is not None and progress.total > len(page.rows)
        if not (progress.lacks_rows or (page.is_full(size) and not is_counted)):
            return


async def odata_pages(
    client: ApiClient, fetch: FetchPage, progress: ListProgress, *, top: int | None = None
) -> AsyncIterator[RawRow]:
    """Yield the rows of an OData list. Follow its links, or use $top and $skip if there are no links and `top` is set.

    With $top and $skip, the list ends with the first page that has no new rows. A page that is not full does not end
    the list, because a service may return fewer rows than requested.
    """
    query: Query | None = {} if top is None else {"$top": top, "$skip": 0}
    while query is not None:
        try:
            page = await fetch(query)
        except (BadRequestError, NotFoundError) as error:
            if progress.received and not progress.lacks_rows and "$skip" in query:
                return  # the service rejects requests beyond the end of the list
            if top is None or progress.received or not isinstance(error, BadRequestError):
                raise
            top, query = None, {}  # the service rejects the parameter $top
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
    """Reads job lists, in which the index of the first page is 0 or 1. Links to the next page are used if possible."""

    def __init__(
        self, client: ApiClient, endpoint: Endpoint, parameters: tuple[str, str] = ("PageIndex", "PageSize")
    ) -> None:
        """Create a reader. `parameters` holds the names of the query parameters for the index and the page size."""
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
            # If the total equals the number of rows on the page, it may be the total of the page.
            is_counted = progress.total is not None and progress.total > len(page.rows)
            cursor.may_go_on = progress.lacks_rows or page.is_full(size if page.total is not None else _SMALLEST_CAP)
            cursor.advance(self._usable(page.link), has_link=page.link is not None and not is_counted)
        # Store the index of the first page only if the list is complete, because a wrong index may skip rows.
        is_proof = progress.received and progress.states_total and not progress.lacks_rows
        self._first = cursor.first if is_proof else 0

    def _usable(self, link: str | None) -> Query | None:
        if link is None:
            return None
        try:
            return self._client.link_query(self._endpoint, link)
        except LinkRefusedError:
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

    def advance(self, link: Query | None, *, has_link: bool) -> None:
        """Go to the next page, with the link if there is one. Ignore a link to the same page or an earlier page."""
        named = {key.lower(): value for key, value in (link or {}).items()}.get("pageindex")
        is_number = isinstance(named, str) and named.isascii() and named.isdigit() and len(named) < 6  # noqa: PLR2004 - digits
        number = int(named) if is_number and named is not None else self.index + 1
        self.link = link if number > self.index else None
        self.is_open = self.may_go_on or (has_link and number > self.index)
        self.index = max(number, self.index + 1)

    def after_refusal(self, error: StatusError, progress: ListProgress) -> None:
        """Continue after a response with status 400 or 404, or raise the error.

        If a link failed, continue by page number. If the service rejects page 0, continue with page 1.
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
        """Continue or end the list after a page without new rows."""
        if self.link is not None:
            # The link led to no new rows, but a request by page number may return new rows.
            self.link, self.is_open = None, self.may_go_on
        elif self.index == 0 and not self.has_page_zero and page.total != 0:
            self.first = self.index = 1  # page 0 is empty, so the list is empty or begins with page 1
        elif self.index == 1 and self.first == 0 and page.rows:
            self.first, self.index = 1, 2  # the service treats page 0 as page 1, so page 1 was a repetition
        else:
            progress.end(page, size)
            self.is_open = False


def _merged(own: Query, link: Query) -> Query:
    """Return the query with the parameters of a link.

    A parameter of the link replaces the parameter with the same name. Names are case-insensitive.
    """
    names = {key.lower(): key for key in own}
    return {**own, **{names.get(key.lower(), key): value for key, value in link.items()}}
