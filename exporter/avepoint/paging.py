"""Each generation's way of paging, from a first call to all rows, however the service numbers its pages."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.avepoint.client import Client, Query
from exporter.avepoint.responses import Endpoint
from exporter.avepoint.values import read_count
from exporter.errors import (
    BadRequestError,
    LinkRefusedError,
    NotFoundError,
    StatusError,
    UnreadableValueError,
)

RawRow = Mapping[str, object]
Identity = Callable[[RawRow], object]
FetchPage = Callable[[Query], Awaitable["ListPage"]]

MOST_PAGES: Final = 1000
"""Pages of one list; more is a list that does not end."""
_LONGEST_ID: Final = 200
_SMALLEST_CAP: Final = 10
"""Rows that a page may hold at least, whatever is asked for: a job list's default. Where no total is told, a page with
as many is not taken for the last."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """The rows of one answer; the whole list's length, the link to the next page and the page's size where said."""

    rows: tuple[RawRow, ...]
    total: int | None = None
    link: str | None = None
    size: int | None = None

    def is_full(self, asked: int) -> bool:
        """Tell whether there are as many rows as one page holds: as asked for, or fewer by the service's word."""
        return len(self.rows) >= min(asked, self.size or asked)


class ListProgress:
    """What has been received of one list: sees to it that it ends, and knows whether it is whole."""

    def __init__(self, endpoint: Endpoint, identity: Identity) -> None:
        self.endpoint = endpoint
        self.received = 0
        self.total: int | None = None
        self._identity = identity
        self._known: set[object] = set()
        self._first: tuple[RawRow, ...] = ()
        self._pages = 0

    def enter(self, page: ListPage) -> bool:
        """Enter a page; tells whether it brought anything new. Raises AnswerError for a list without end."""
        self._pages += 1
        if self._pages > MOST_PAGES:
            raise self.endpoint.unexpected(f"the list does not end after {MOST_PAGES} pages")
        if page.total is not None:
            self.total = page.total
        if not self.received:
            # Most lists are of one page, and then nobody asks what its rows are called.
            self._first, self.received = page.rows, len(page.rows)
            return bool(page.rows)
        self._known |= self._identities(self._first)
        self._first = ()
        fresh = self._identities(page.rows) - self._known
        if not fresh:
            return False
        self._known |= fresh
        self.received += len(page.rows)
        return True

    def _identities(self, rows: Iterable[RawRow]) -> set[object]:
        return {self._identity(row) for row in rows} - {None}

    @property
    def lacks_rows(self) -> bool:
        """Whether the service said that the list is longer than what came."""
        return self.total is not None and self.received < self.total

    def accept_end(self, page: ListPage) -> None:
        """Accept a page without news as the end; raises AnswerError if it only hides that rows are missing."""
        if page.rows and self.lacks_rows:
            raise self.endpoint.unexpected(f"a page came again; {self.received} of {self.total} rows read")


def listed(value: object, endpoint: Endpoint, what: str, *, total: int | None = None) -> tuple[RawRow, ...]:
    """Give the rows of a JSON list (null is an empty one if the total is 0); raises AnswerError for anything else."""
    if value is None and total == 0:
        return ()
    if not isinstance(value, list):
        raise endpoint.unexpected(f"{what} is not a list")
    return tuple(row if isinstance(row, dict) else {} for row in value)


def total_of(value: object) -> int | None:
    """Give a list's length where it is said believably."""
    try:
        return read_count(value)
    except UnreadableValueError:
        return None


def row_id(row: RawRow) -> str | None:
    """Give a row's id, whatever the case of its key."""
    for key, value in row.items():
        if key.lower() == "id" and isinstance(value, str | int) and value != "":
            return str(value)[:_LONGEST_ID]
    return None


def link_of(value: object) -> str | None:
    """Give a link to a next page; empty, null and anything but text mean that there is none."""
    return value if isinstance(value, str) and value.strip() else None


def folded(value: object) -> Mapping[str, object]:
    """Give an object with its keys in lower case, since they come in any; nothing for what is no object."""
    return {key.lower(): part for key, part in value.items()} if isinstance(value, dict) else {}


def v3_page(answer: object, endpoint: Endpoint) -> ListPage:
    """Understand a page of the Elements API v3: {"data", "metadata"}, or a bare array."""
    if isinstance(answer, list):
        return ListPage(listed(answer, endpoint, "the answer"))
    page = folded(answer)
    if "data" not in page:
        raise endpoint.unexpected("the answer has no data")
    about = folded(page.get("metadata"))
    total = total_of(about.get("totalcount"))
    return ListPage(listed(page["data"], endpoint, "data", total=total), total, size=total_of(about.get("pagesize")))


def odata_page(answer: object, endpoint: Endpoint) -> ListPage:
    """Understand a page of an OData list: {"value", "@odata.nextLink", "@odata.count"}."""
    if not isinstance(answer, dict) or "value" not in answer:
        raise endpoint.unexpected("the answer has no value")
    return ListPage(
        listed(answer["value"], endpoint, "value"),
        total_of(answer.get("@odata.count")),
        link_of(answer.get("@odata.nextLink")),
    )


async def numbered_pages(ask: FetchPage, progress: ListProgress, *, size: int) -> AsyncIterator[RawRow]:
    """Walk an Elements v3 list: `pageIndex` counts from 1; a full page is the last one only by the list's total."""
    number = 0
    while True:
        number += 1
        page = await ask({"pageIndex": number, "pageSize": size})
        if not progress.enter(page):
            progress.accept_end(page)
            return
        for row in page.rows:
            yield row
        # A total above this page's rows counts the list; one that equals them may count the page only.
        is_counted = progress.total is not None and progress.total > len(page.rows)
        if not (progress.lacks_rows or (page.is_full(size) and not is_counted)):
            return


async def odata_pages(
    client: Client, ask: FetchPage, progress: ListProgress, *, top: int | None = None
) -> AsyncIterator[RawRow]:
    """Walk an OData list by its links, else (where `top` is given) by $top and $skip until nothing new comes.

    A short page is not taken for the end: a service may give fewer rows than it was asked for.
    """
    query: Query | None = {} if top is None else {"$top": top, "$skip": 0}
    while query is not None:
        try:
            page = await ask(query)
        except (BadRequestError, NotFoundError) as error:
            if progress.received and not progress.lacks_rows and "$skip" in query:
                return  # it does not like to be asked beyond its end
            if top is None or progress.received or not isinstance(error, BadRequestError):
                raise
            top, query = None, {}  # it does not like to be told how much to give
            continue
        if not progress.enter(page):
            progress.accept_end(page)
            return
        for row in page.rows:
            yield row
        query = _odata_next(client, page, progress, top)


def _odata_next(client: Client, page: ListPage, progress: ListProgress, top: int | None) -> Query | None:
    if page.link is not None:
        try:
            return client.link_query(progress.endpoint, page.link)
        except LinkRefusedError:
            if top is None:
                raise
    is_whole = progress.total is not None and not progress.lacks_rows and page.link is None
    return None if top is None or is_whole else {"$top": top, "$skip": progress.received}


class IndexedPages:
    """Walk the job lists: `PageIndex` counts from 0, or from 1, which is learnt; links are used where possible."""

    def __init__(self, client: Client, endpoint: Endpoint, identity: Identity) -> None:
        self._client = client
        self._endpoint = endpoint
        self._identity = identity
        self._first = 0
        self._has_page_zero = False

    async def read(self, ask: FetchPage, query: Query, size: int) -> AsyncGenerator[RawRow, None]:
        """Give all rows that the query has; a page that comes again is not given twice."""
        progress = ListProgress(self._endpoint, self._identity)
        place = _Place(self._first, self._first, has_page_zero=self._has_page_zero)
        while place.is_open:
            try:
                page = await ask(_merged({**query, "PageIndex": place.index, "PageSize": size}, place.link or {}))
            except (BadRequestError, NotFoundError) as error:
                place.after_refusal(error, progress)
                continue
            if not progress.enter(page):
                place.after_no_news(page, progress)
                continue
            self._has_page_zero = self._has_page_zero or place.index == 0
            for row in page.rows:
                yield row
            # A total that says no more than this page may count the page only; then a link tells better.
            is_counted = progress.total is not None and progress.total > len(page.rows)
            place.may_go_on = progress.lacks_rows or page.is_full(size if progress.total is not None else _SMALLEST_CAP)
            place.advance(self._usable(page.link), has_link=page.link is not None and not is_counted)
        self._learn(place.first, progress)

    def _learn(self, first: int, progress: ListProgress) -> None:
        """Keep that this service begins to count at 1 only if a list came whole that way, by its own word."""
        started = self._first
        self._first = first if progress.received and progress.total is not None and not progress.lacks_rows else 0
        if 1 in (started, first) and progress.lacks_rows:
            raise self._endpoint.unexpected(f"{progress.received} of {progress.total} rows read, counting pages from 1")

    def _usable(self, link: str | None) -> Query | None:
        if link is None:
            return None
        try:
            return self._client.link_query(self._endpoint, link)
        except LinkRefusedError:
            return None


@dataclass(slots=True)
class _Place:
    """Where a walk through numbered pages stands, and where its numbers seem to begin."""

    first: int
    index: int
    has_page_zero: bool = False
    link: Query | None = None
    is_open: bool = True
    may_go_on: bool = True

    def advance(self, link: Query | None, *, has_link: bool) -> None:
        """Go to the next page, by its link if there is one; a link back to this page is none."""
        named = {key.lower(): value for key, value in (link or {}).items()}.get("pageindex")
        is_number = isinstance(named, str) and named.isascii() and named.isdigit() and len(named) < 6  # noqa: PLR2004 - digits
        number = int(named) if is_number and named is not None else self.index + 1
        self.link = link if number > self.index else None
        self.is_open = self.may_go_on or (has_link and number > self.index)
        self.index = max(number, self.index + 1)

    def after_refusal(self, error: StatusError, progress: ListProgress) -> None:
        """Go on after a 400 or 404: by number where a link led nowhere, from 1 where 0 is refused."""
        if self.link is not None:
            self.link, self.is_open = None, self.may_go_on
        elif self.index == 0 and isinstance(error, BadRequestError):
            self.first = self.index = 1
        elif progress.received and not progress.lacks_rows:
            self.is_open = False  # beyond the end, which a full last page hid
        else:
            raise error

    def after_no_news(self, page: ListPage, progress: ListProgress) -> None:
        """Go on after a page that brought nothing: it is the end, unless the numbers begin at 1."""
        if self.link is not None:
            # The link led nowhere new; the page's number still may, if there can be more.
            self.link, self.is_open = None, self.may_go_on
        elif self.index == 0 and not self.has_page_zero and progress.total != 0:
            self.first = self.index = 1  # nothing at 0: either nothing at all, or the numbers begin at 1
        elif self.index == 1 and self.first == 0 and page.rows:
            self.first, self.index = 1, 2  # the service took 0 for 1: this was its first page again
        else:
            progress.accept_end(page)
            self.is_open = False


def _merged(own: Query, link: Query) -> Query:
    """Lay a link's parameters over our own, whatever their case; our filters stay where it has none."""
    names = {key.lower(): key for key in own}
    return {**own, **{names.get(key.lower(), key): value for key, value in link.items()}}
