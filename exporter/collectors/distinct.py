"""Functions that drop repeated rows, contradictory rows and rows of other customers."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import is_nothing
from exporter.errors import AnswerError

T = TypeVar("T")
_GUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.ASCII)
_OTHER_ID: Final = re.compile(r"(?=.*\d)[0-9a-z_-]{8,64}", re.ASCII)

_REFUSED: Final = 3
"""Number of responses after which rows with unlisted ids may be accepted.
"""


@dataclass(frozen=True, slots=True)
class Distinct(Generic[T]):
    """The records of a response, one per key. `error` is set if contradictory records were dropped.

    `lacks_rows` is true if a row without a readable key was dropped.
    """

    records: Mapping[str, T]
    error: AnswerError | None = None
    lacks_rows: bool = False


def resource_name(row: Row, field: str) -> str | None:
    """Return the name or id of a resource. If the field is empty, return "". If it cannot be read, return None.

    Do not use the name as a label, because it may contain personal data or characters that a label must not contain.
    This function accepts such names, because the exporter needs the names to distinguish resources.
    """
    value = row.raw(field)
    if is_nothing(value):
        return ""
    return value.strip() if isinstance(value, str) else row.label(field)


def distinct(
    keyed: Iterable[tuple[str, T, Row] | None], field: str, *, may_repeat: Callable[[T], bool] = lambda _: True
) -> Distinct[T]:
    """Return one record per key. An item of `keyed` is None if the key of its row cannot be read.

    If different records have the same key, drop all of these records. If several records are identical, keep one
    record. However, if `may_repeat` returns False for identical records, drop all of these records.
    """
    kept: dict[str, T] = {}
    dropped: dict[str, Row] = {}
    items = list(keyed)
    found = [item for item in items if item is not None]
    for key, record, row in found:
        if key in dropped:
            continue
        if key in kept and (kept[key] != record or not may_repeat(record)):
            row.conflict(field, key)
            dropped[key] = row
            del kept[key]
            continue
        kept[key] = record
    contradiction = f"rows with the same {field} contradict each other: {len(dropped)}"
    error = next((row.unexpected(contradiction) for row in dropped.values()), None)
    return Distinct(kept, error, lacks_rows=len(found) < len(items))


def may_repeat(tenant_id: str, numbers: Iterable[float | None]) -> bool:
    """Return whether identical rows may be repetitions of one row.

    Without a tenant id, identical rows may describe different tenants.
    """
    return tenant_id != "" or not any(numbers)


class RowOwners:
    """Refuses rows of other customers in the responses of one endpoint.

    A row is refused if its id belongs to another listed customer. A row is also refused if its id has the format of the
    requested id, but a different value. Rows with masked ids are accepted, because responses in AvePoint's
    documentation contain masked ids. Create the object once, and use it in every refresh.

    If no response has ever contained the requested id, the ids in the rows are possibly not customer ids. After three
    such responses, a response is accepted if all its rows contain the same unlisted id. The ids in accepted rows are
    still counted as unexpected values.
    """

    def __init__(self, is_listed: Callable[[str], bool | None]) -> None:
        """Create an object. `is_listed` returns whether AvePoint lists a customer, or None if this is unknown."""
        self._is_listed = is_listed
        self._contain_requested_ids = False
        self._other_responses = 0

    def own_rows(self, rows: Iterable[Row], customer_id: str) -> tuple[list[Row], AnswerError | None]:
        """Return the rows of a customer, and an error if the response contains rows of other customers."""
        rows = list(rows)
        others = [_other_id(row.raw("customerId"), customer_id) for row in rows]
        is_trusted = self._trusts(rows, others, customer_id)
        own: list[Row] = []
        foreign: list[Row] = []
        for row, other in zip(rows, others, strict=True):
            is_odd = other is not None and _is_comparable(other, customer_id)
            is_listed = None if other is None else self._is_listed(other)
            is_foreign = is_listed or (is_odd and not (is_trusted and is_listed is False))
            (foreign if is_foreign else own).append(row)
            if is_odd and not is_foreign:
                row.refuse("customerId", "the row is accepted, because no row contains the requested id")
        for row in foreign:
            row.refuse("customerId", "the row belongs to another customer")
        return own, foreign[0].unexpected(f"rows of another customer: {len(foreign)}") if foreign else None

    def _trusts(self, rows: Iterable[Row], others: Collection[str | None], customer_id: str) -> bool:
        """Return whether rows with unlisted ids are accepted. Count the response if it contains such rows."""
        is_mixed = len({normalized_id(other) if other else None for other in others}) > 1
        if any(_is_same(row.raw("customerId"), customer_id) for row in rows):
            self._contain_requested_ids = True
        is_trusted = not (is_mixed or self._contain_requested_ids) and self._other_responses >= _REFUSED
        if any(other and _is_comparable(other, customer_id) for other in others):
            self._other_responses += 1
        return is_trusted


def normalized_id(identifier: str) -> str:
    """Return the normalized spelling of an id. All spellings of the same id have the same normalized spelling."""
    return _kind(identifier)[1]


def _other_id(value: object, customer_id: str) -> str | None:
    """Return the id in a row, or None if the id is missing or identical to `customer_id`."""
    if value == customer_id or not isinstance(value, str | int):
        return None
    return None if normalized_id(str(value)) in ("", normalized_id(customer_id)) else str(value)


def _is_same(value: object, customer_id: str) -> bool:
    return value == customer_id or (
        isinstance(value, str | int) and normalized_id(str(value)) == normalized_id(customer_id)
    )


def _is_comparable(identifier: str, customer_id: str) -> bool:
    kind = _kind(identifier)[0]
    return kind is not None and kind == _kind(customer_id)[0]


def _kind(identifier: str) -> tuple[str | None, str]:
    """Return the format ("guid", "other", or None if the id may be masked) and the normalized id."""
    folded = identifier.strip().strip("{}").lower()
    if _GUID.fullmatch(folded):
        return "guid", folded.replace("-", "")
    return ("other" if _OTHER_ID.fullmatch(folded) else None), folded
