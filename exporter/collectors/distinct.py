"""Drop rows that cannot be true: rows that contradict each other, and rows of another customer."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from exporter.avepoint.rows import Row
from exporter.errors import AnswerError

T = TypeVar("T")
_GUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.ASCII)
_OTHER_ID: Final = re.compile(r"(?=.*\d)[0-9a-z_-]{8,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Distinct(Generic[T]):
    """Records by key, without records that contradict each other; `error` is set if records were dropped."""

    records: Mapping[str, T]
    error: AnswerError | None = None


def distinct(
    keyed: Iterable[tuple[str, T, Row]], field: str, *, may_repeat: Callable[[T], bool] = lambda _: True
) -> Distinct[T]:
    """Return one record per key. If the records with a key differ, drop all of them, because any of them may be wrong.

    Equal records with the same key describe the same object, unless `may_repeat` returns False for them.
    """
    kept: dict[str, T] = {}
    dropped: dict[str, Row] = {}
    for key, record, row in keyed:
        if key in dropped:
            continue
        if key in kept and (kept[key] != record or not may_repeat(record)):
            row.conflict(field, key)
            dropped[key] = row
            del kept[key]
            continue
        kept[key] = record
    for row in dropped.values():
        return Distinct(kept, row.unexpected(f"rows contradict each other: {len(dropped)} by {field}"))
    return Distinct(kept)


def own_rows(rows: Iterable[Row], customer_id: str) -> tuple[list[Row], AnswerError | None]:
    """Return the rows of a customer, and an error if there are rows of another customer.

    A row also belongs to the customer if it has no customer id, or an id that is masked or of a different kind.
    """
    own: list[Row] = []
    foreign: list[Row] = []
    for row in rows:
        (foreign if _is_foreign(row.raw("customerId"), customer_id) else own).append(row)
    for row in foreign:
        row.refuse("customerId", "the row is of another customer")
    return own, foreign[0].unexpected(f"rows of another customer: {len(foreign)}") if foreign else None


def _is_foreign(value: object, customer_id: str) -> bool:
    if not isinstance(value, str):
        return False
    kind, folded = _kind(value)
    other_kind, other = _kind(customer_id)
    return kind is not None and kind == other_kind and folded != other


def _kind(identifier: str) -> tuple[str | None, str]:
    """Return the kind of an id (None if it may be masked), and the id in a normalized spelling."""
    folded = identifier.strip().strip("{}").lower()
    if _GUID.fullmatch(folded):
        return "guid", folded.replace("-", "")
    return ("other" if _OTHER_ID.fullmatch(folded) else None), folded
