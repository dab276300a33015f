"""Functions and classes that decode the pages of a list, count the pages and detect missing rows."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from exporter.avepoint.endpoints import Endpoint, Paging, Query
from exporter.avepoint.hints import INCOMPLETE
from exporter.avepoint.reading.values import read_count
from exporter.errors import IncompleteListError, UnreadableValueError

RawRow = Mapping[str, object]
MOST_PAGES: Final = 1000
"""Maximum number of pages in a list. If a list has more pages, the exporter assumes that the list is endless."""
SMALLEST_CAP: Final = 10
"""Default page size of the job lists.

If a response contains neither a total nor a page size, a page with at least this many rows may be followed by another
page.
"""
_LONGEST_ID: Final = 200
_NOTHING: Final[RawRow] = MappingProxyType({})
"""Represents every empty object. A shared mapping saves memory, because a list can contain a million empty objects."""
_NO_ID: Final = frozenset({"", "n/a"})
_JOB_PAGES: Final = (Paging.LEGACY_JOBS, Paging.GOOGLE_JOBS, Paging.SALESFORCE_JOBS)
"""Page formats whose rows, total and link are fields of the same JSON object."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list: its rows, the total, the link to the next page, and the reported page size.

    Values that the response does not contain are None.
    """

    rows: tuple[RawRow, ...]
    total: int | None = None
    link: str | None = None
    size: int | None = None
    unreadable_total: object = None
    is_bare: bool = False
    """Whether the response is a JSON array, which contains no total, link or page size."""

    def is_full(self, requested: int) -> bool:
        """Return whether the page is full. The page size is the smaller of the requested and the reported page size."""
        return len(self.rows) >= min(requested, self.size or requested)


FetchPage = Callable[[Query], Awaitable[ListPage]]


def read_page(response: object, endpoint: Endpoint) -> ListPage:
    """Parse a response, and return the page. Raise AnswerError if the response does not have the documented format."""
    if endpoint.paging in (Paging.ODATA, Paging.ODATA_LINKS):
        return _odata_page(response, endpoint)
    if endpoint.paging is Paging.ELEMENTS and isinstance(response, list):
        return ListPage(read_rows(response, endpoint, "the response"), is_bare=True)
    page = folded(response)
    if endpoint.paging is Paging.SALESFORCE_JOBS:
        page = folded(page.get("data"))
    key = "jobs" if endpoint.paging in _JOB_PAGES else "data"
    if key not in page:
        raise endpoint.unexpected(f"the response has no field {key}")
    facts = page if endpoint.paging in _JOB_PAGES else folded(page.get("metadata"))
    count = facts.get("totalcount", facts.get("totalnumber"))
    total = read_total(count)
    rows = read_rows(page[key], endpoint, key, total=total)
    link, size = read_link(facts.get("nextlink")), read_total(facts.get("pagesize"))
    return ListPage(rows, total, link, size, unreadable_total(count))


def _odata_page(response: object, endpoint: Endpoint) -> ListPage:
    if not isinstance(response, dict) or "value" not in response:
        raise endpoint.unexpected("the response has no field value")
    rows = read_rows(response["value"], endpoint, "value")
    count, link = response.get("@odata.count"), read_link(response.get("@odata.nextLink"))
    return ListPage(rows, read_total(count), link, unreadable_total=unreadable_total(count))


def read_rows(value: object, endpoint: Endpoint, name: str, *, total: int | None = None) -> tuple[RawRow, ...]:
    """Return the rows of a JSON list. If the total is 0, AvePoint may return null instead of a list.

    For any other value that is not a list, raise AnswerError. `name` is the field that contains the list.
    """
    if value is None and total == 0:
        return ()
    if not isinstance(value, list):
        raise endpoint.unexpected(f"{name} is not a list")
    return tuple(_narrowed(row, endpoint.fields) if isinstance(row, dict) else {} for row in value)


def _narrowed(row: RawRow, fields: Collection[str], outer: str = "") -> RawRow:
    return {
        name: _narrowed_part(value, fields, f"{outer}{name}.") if fields and isinstance(value, dict | list) else value
        for key, value in row.items()
        if outer + (name := key.lower()) in fields or not fields
    }


def _narrowed_part(value: dict[str, object] | list[object], fields: Collection[str], outer: str) -> object:
    """Drop unused fields from nested objects. If no field is used, return an empty value of the same type."""
    if not any(name.startswith(outer) for name in fields):
        return type(value)()
    if isinstance(value, dict):
        return _narrowed(value, fields, outer)
    if any(isinstance(item, list) for item in value):
        value = [[] if isinstance(item, list) else item for item in value]
    return [_narrowed(item, fields, outer) or _NOTHING if isinstance(item, dict) else item for item in value]


def read_total(value: object) -> int | None:
    """Return the total of a list, or None if the total is missing or is not a count."""
    with suppress(UnreadableValueError):
        return read_count(value)
    return None


def unreadable_total(value: object) -> object:
    """Return the total if it is present but is not a count, else None."""
    try:
        read_count(value)
    except UnreadableValueError:
        return value
    return None


def read_link(value: object) -> str | None:
    """Return the link to the next page, or None if the value is empty, null or not a string."""
    return value if isinstance(value, str) and value.strip() else None


def folded(value: object) -> Mapping[str, object]:
    """Return a JSON object with lower-case keys, or an empty mapping if the value is not an object."""
    return {key.lower(): part for key, part in value.items()} if isinstance(value, dict) else {}


def row_id(row: RawRow) -> str | None:
    """Return the id of a row, or None if the row has no id. Field names are case-insensitive."""
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
        self._new_pages = self._repeats = 0
        self._totals: list[int] = []
        self._counts_pages = True
        self._is_repeated = False
        self.unreadable_total: object = None
        self.expects_more = False
        """Whether the last page with new rows contained a link to another page."""

    def enter(self, page: ListPage) -> bool:
        """Add a page, and return whether the page has new rows. Raise AnswerError if the list is endless."""
        self._pages += 1
        if self._pages > MOST_PAGES:
            raise self.endpoint.unexpected(f"the list does not end after {MOST_PAGES} pages")
        if page.unreadable_total is not None:
            self.unreadable_total = page.unreadable_total
        if page.total is not None:
            self._totals.append(page.total)
            self._counts_pages = self._counts_pages and page.total == len(page.rows)
        before = self.received
        if before or self.endpoint.key:
            identities = self._identities_of(page.rows)
            self._repeats += len(page.rows) - len(identities)
            self._identities().update(identities)
        else:
            # Most lists without a key have one page, so hashes are computed only when a second page is received.
            self._first = page.rows
        if is_new := self.received > before:
            self._new_pages += 1
            self.expects_more = page.link is not None
        return is_new

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
        """Whether at least one page contained a total. The total may apply to the whole list or only to the page."""
        return bool(self._totals)

    @property
    def lacks_rows(self) -> bool:
        """Whether fewer rows have been received than AvePoint reports."""
        return self.total is not None and self.received < self.total

    @property
    def signature(self) -> tuple[int, int] | None:
        """Two numbers that identify the fault of an incomplete list, or None if the fault is probably temporary.

        The numbers do not depend on the rows if the total is unreadable, or if the list contains at least as many
        repeated rows as missing rows.
        """
        if self._is_repeated or self._total_changed:
            return None
        missing = 0 if self.total is None else self.total - self.received
        if (self.total is None and not self.expects_more) or 0 < missing <= self._repeats:
            return -2, missing
        return -1 if self.total is None else self.total, hash(frozenset(self._identities()))

    def end(self, page: ListPage, size: int) -> None:
        """Record a page without new rows as the last page. `size` is the requested number of rows.

        An empty page is the regular end of a list. If the page is full and the list may have more rows, AvePoint
        has repeated a page. If AvePoint returns more rows than requested, each page contains the whole list.
        """
        if not page.rows:
            self.expects_more = False
        elif self.lacks_rows:
            self._is_repeated = page.is_full(size)
        elif self.total is None:
            self._is_repeated = len(page.rows) == min(size, page.size or size)

    def incomplete(self) -> IncompleteListError | None:
        """Return an error if the list is incomplete, else None."""
        reasons = {
            "a page was repeated; ": self._is_repeated,
            "the total changed while the list was being read; ": self.total is not None and self._total_changed,
            "the total cannot be read; ": self.unreadable_total is not None,
            "the link to the next page led to no new rows; ": self.total is None and self.expects_more,
            "": self.lacks_rows,
        }
        reason = next((reason for reason, applies in reasons.items() if applies), None)
        if reason is None:
            return None
        reason += f"received {self.received}{'' if self.total is None else f' of {self.total}'} rows"
        return IncompleteListError(
            f"{self.endpoint.template}: the list is incomplete: {reason}",
            rows=self.received,
            total=self.total,
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

        Identical rows on a page have the same identity if they have a key, and different identities otherwise.
        Rows with the same key but different values have different identities, because collectors report these rows as
        contradictory. A repeated page has the same identities as the original page.
        """
        keyed: dict[int | None, list[RawRow]] = {}
        for row in rows:
            keyed.setdefault(row_key(row, self.endpoint.key), []).append(row)
        counts: Counter[int | None] = Counter(map(row_hash, keyed.pop(None, ())))
        for key, same in keyed.items():
            counts[key] = 1 if len(same) == 1 else len(set(map(row_hash, same)))
        return {(key, number) for key, count in counts.items() for number in range(count)}
