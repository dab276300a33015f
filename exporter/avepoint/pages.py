"""Functions and classes that decode the pages of lists, number the pages and detect missing rows."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from exporter.avepoint.endpoints import Endpoint, Paging, Query
from exporter.avepoint.hints import INCOMPLETE
from exporter.avepoint.reading.values import read_count
from exporter.errors import IncompleteListError, UnreadableValueError

RawRow = Mapping[str, object]
MOST_PAGES: Final = 1000
"""Maximum number of pages in a list. If a list has more pages, the exporter assumes that the list is endless."""
_LONGEST_ID: Final = 200
_NO_ID: Final = frozenset({"", "n/a"})
_JOB_PAGES: Final = (Paging.LEGACY_JOBS, Paging.GOOGLE_JOBS, Paging.SALESFORCE_JOBS)
"""Formats of pages that contain the rows (`jobs`), the total and the link in one JSON object."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list: its rows, the total, the link to the next page, and the reported page size.

    Values that the response does not contain are None.
    """

    rows: tuple[RawRow, ...]
    total: int | None = None
    link: str | None = None
    size: int | None = None

    def is_full(self, requested: int) -> bool:
        """Return whether the page is full. The page size is the lower of the requested and the reported size."""
        return len(self.rows) >= min(requested, self.size or requested)


FetchPage = Callable[[Query], Awaitable[ListPage]]


def read_page(response: object, endpoint: Endpoint) -> ListPage:
    """Parse a response, and return the page. Raise AnswerError if the response does not have the documented format."""
    if endpoint.paging in (Paging.ODATA, Paging.ODATA_LINKS):
        return _odata_page(response, endpoint)
    if endpoint.paging is Paging.ELEMENTS and isinstance(response, list):
        return ListPage(read_rows(response, endpoint, "the response"))
    page = folded(response)
    if endpoint.paging is Paging.SALESFORCE_JOBS:
        page = folded(page.get("data"))
    key = "jobs" if endpoint.paging in _JOB_PAGES else "data"
    if key not in page:
        raise endpoint.unexpected(f"the response has no field {key}")
    facts = page if endpoint.paging in _JOB_PAGES else folded(page.get("metadata"))
    total = read_total(facts.get("totalcount", facts.get("totalnumber")))
    rows = read_rows(page[key], endpoint, key, total=total)
    return ListPage(rows, total, read_link(facts.get("nextlink")), read_total(facts.get("pagesize")))


def _odata_page(response: object, endpoint: Endpoint) -> ListPage:
    if not isinstance(response, dict) or "value" not in response:
        raise endpoint.unexpected("the response has no field value")
    rows = read_rows(response["value"], endpoint, "value")
    return ListPage(rows, read_total(response.get("@odata.count")), read_link(response.get("@odata.nextLink")))


def read_rows(value: object, endpoint: Endpoint, name: str, *, total: int | None = None) -> tuple[RawRow, ...]:
    """Return the rows of a JSON list. If the total is 0, AvePoint may return null instead of a list.

    For any other value that is not a list, raise AnswerError. `name` is the field that contains the list.
    """
    if value is None and total == 0:
        return ()
    if not isinstance(value, list):
        raise endpoint.unexpected(f"{name} is not a list")
    return tuple(_narrowed(row, endpoint.fields) if isinstance(row, dict) else {} for row in value)


def _narrowed(row: RawRow, fields: Collection[str]) -> RawRow:
    return {name: value for key, value in row.items() if (name := key.lower()) in fields or not fields}


def read_total(value: object) -> int | None:
    """Return the total of a list, or None if the total is missing or not a count."""
    with suppress(UnreadableValueError):
        return read_count(value)
    return None


def read_link(value: object) -> str | None:
    """Return the link to the next page, or None if the value is empty, null or not a string."""
    return value if isinstance(value, str) and value.strip() else None


def folded(value: object) -> Mapping[str, object]:
    """Return a JSON object with lower-case keys, or an empty mapping if the value is not an object."""
    return {key.lower(): part for key, part in value.items()} if isinstance(value, dict) else {}


def row_id(row: RawRow) -> str | None:
    """Return the id of a row, or None if the row has no id. The key is case-insensitive."""
    for key, value in row.items():
        if key.lower() == "id" and isinstance(value, str | int) and value != "":
            return str(value)[:_LONGEST_ID]
    return None


def row_key(row: RawRow, names: Sequence[str]) -> int | None:
    """Return a hash of the fields that identify a row, or None if the first of these fields has no value."""
    value = row.get(names[0]) if names else None
    if not isinstance(value, str | int) or str(value).strip().lower() in _NO_ID:
        return None
    return hash(tuple(str(_field(row, name)) for name in names))


def _field(row: RawRow, name: str) -> object:
    """Return the value of a field. For "products.service", return the field `service` of each object in `products`."""
    outer, _, inner = name.partition(".")
    value = row.get(outer)
    return [folded(item).get(inner) for item in value] if inner and isinstance(value, list) else value


def row_hash(row: RawRow) -> int:
    """Return a hash of all fields of a row."""
    return hash(repr(sorted(row.items(), key=lambda item: item[0])))


class ListProgress:
    """Tracks the received rows of one list to detect endless and incomplete lists."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._seen: set[object] = set()
        self._first: tuple[RawRow, ...] = ()
        self._pages = 0
        self._new_pages = 0
        self._totals: list[int] = []
        self._counts_pages = True
        self._is_repeated = False

    def enter(self, page: ListPage) -> bool:
        """Add a page, and return whether the page has new rows. Raise AnswerError if the list is endless."""
        self._pages += 1
        if self._pages > MOST_PAGES:
            raise self.endpoint.unexpected(f"the list does not end after {MOST_PAGES} pages")
        if page.total is not None:
            self._totals.append(page.total)
            self._counts_pages = self._counts_pages and page.total == len(page.rows)
        before = self.received
        if before or self.endpoint.key:
            self._identities().update(self._identities_of(page.rows))
        else:
            # Most lists without a key have one page, so hashes are computed only when a second page is received.
            self._first = page.rows
        self._new_pages += self.received > before
        return self.received > before

    @property
    def received(self) -> int:
        """The number of distinct rows that have been received."""
        return len(self._seen) or len(self._first)

    @property
    def total(self) -> int | None:
        """The reported total of the list, or None if it is unknown."""
        # If each total equals the number of rows on its page, AvePoint may report the size of the page instead.
        is_of_pages = self._counts_pages and self._new_pages > 1
        return None if is_of_pages or not self._totals else max(self._totals)

    @property
    def states_total(self) -> bool:
        """Whether at least one page contained a total. This total may count the rows of the list or of the page."""
        return bool(self._totals)

    @property
    def lacks_rows(self) -> bool:
        """Whether fewer rows than the total have been received."""
        return self.total is not None and self.received < self.total

    @property
    def signature(self) -> tuple[int, int] | None:
        """The total and a hash of all rows. The value is None if a page was repeated or there is no constant total."""
        if self.total is None or self._is_repeated or self._total_changed:
            return None
        return self.total, hash(frozenset(self._identities()))

    def end(self, page: ListPage, size: int) -> None:
        """End the list after a page without new rows. A full page is a repeated page if the list still lacks rows."""
        self._is_repeated = bool(page.rows) and page.is_full(size) and self.lacks_rows

    def incomplete(self) -> IncompleteListError | None:
        """Return an error if the list is incomplete, else None."""
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
            hint=INCOMPLETE,
            path=self.endpoint.template,
        )

    @property
    def _total_changed(self) -> bool:
        return not self._counts_pages and len(set(self._totals)) > 1

    def _identities(self) -> set[object]:
        if self._first:
            self._seen, self._first = self._identities_of(self._first), ()
        return self._seen

    def _identities_of(self, rows: Sequence[RawRow]) -> set[object]:
        """Return an identity for each distinct row.

        Equal rows on one page are one row if they have a key, else several rows. Rows with the same key but other
        values are several rows, because collectors report them as contradictory. If two pages contain the same rows,
        their identities are the same.
        """
        keyed: dict[int | None, list[RawRow]] = {}
        for row in rows:
            keyed.setdefault(row_key(row, self.endpoint.key), []).append(row)
        counts: Counter[int | None] = Counter(map(row_hash, keyed.pop(None, ())))
        for key, same in keyed.items():
            counts[key] = 1 if len(same) == 1 else len(set(map(row_hash, same)))
        return {(key, number) for key, count in counts.items() for number in range(count)}


async def numbered_pages(fetch: FetchPage, progress: ListProgress, *, size: int) -> AsyncIterator[RawRow]:
    """Yield the rows of a list from the Elements API.

    If AvePoint does not report a total, the list ends with the first page that is not full.
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
        # If the total exceeds the number of rows on the page, it is the total of the whole list. If both numbers are
        # equal, the total may be the total of the page.
        is_counted = progress.total is not None and progress.total > len(page.rows)
        if not (progress.lacks_rows or (page.is_full(size) and not is_counted)):
            return
