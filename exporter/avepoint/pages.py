"""Functions that decode the documented forms of a page into rows, a total, and a link to the next page."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.avepoint.endpoints import Endpoint, Paging
from exporter.avepoint.reading.values import read_count
from exporter.errors import UnreadableValueError

RawRow = Mapping[str, object]
_LONGEST_ID: Final = 200
_JOB_PAGES: Final = (Paging.LEGACY_JOBS, Paging.GOOGLE_JOBS, Paging.SALESFORCE_JOBS)
"""Pages with the rows in `jobs` and with the total and the link next to them."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """The rows of one response, the total of the list, the link to the next page, and the reported page size.

    Values that the response does not contain are None.
    """

    rows: tuple[RawRow, ...]
    total: int | None = None
    link: str | None = None
    size: int | None = None

    def is_full(self, requested: int) -> bool:
        """Return whether the page has as many rows as requested, or as many as the reported page size."""
        return len(self.rows) >= min(requested, self.size or requested)


def read_page(response: object, endpoint: Endpoint) -> ListPage:
    """Return the page in a response. Raise AnswerError if the response does not have the documented form."""
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
    return ListPage(
        read_rows(response["value"], endpoint, "value"),
        read_total(response.get("@odata.count")),
        read_link(response.get("@odata.nextLink")),
    )


def read_rows(value: object, endpoint: Endpoint, name: str, *, total: int | None = None) -> tuple[RawRow, ...]:
    """Return the rows of a JSON list. If the total is 0, null counts as an empty list.

    Raise AnswerError for any other value. `name` is the field that contains the list.
    """
    if value is None and total == 0:
        return ()
    if not isinstance(value, list):
        raise endpoint.unexpected(f"{name} is not a list")
    return tuple(_narrowed(row, endpoint.fields) if isinstance(row, dict) else {} for row in value)


def _narrowed(row: RawRow, fields: Collection[str]) -> RawRow:
    return {name: value for key, value in row.items() if (name := key.lower()) in fields or not fields}


def read_total(value: object) -> int | None:
    """Return the total of a list, or None if it is missing or not a count."""
    try:
        return read_count(value)
    except UnreadableValueError:
        return None


def read_link(value: object) -> str | None:
    """Return the link to the next page, or None if it is empty, null or not a string."""
    return value if isinstance(value, str) and value.strip() else None


def folded(value: object) -> Mapping[str, object]:
    """Return a JSON object with lower-case keys, or an empty mapping if the value is not an object."""
    return {key.lower(): part for key, part in value.items()} if isinstance(value, dict) else {}


def row_id(row: RawRow) -> str | None:
    """Return the id of a row, or None if the row has no id. The case of the key does not matter."""
    for key, value in row.items():
        if key.lower() == "id" and isinstance(value, str | int) and value != "":
            return str(value)[:_LONGEST_ID]
    return None


def row_hash(row: RawRow) -> int:
    """Return a hash of all fields of a row."""
    return hash(repr(sorted(row.items(), key=lambda item: item[0])))
