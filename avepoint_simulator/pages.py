"""Pages of lists, and links to the next page in various formats."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import Final, Generic, TypeVar
from urllib.parse import urlencode

from avepoint_simulator.requests import BadRequestError, Json, SimulatedRequest

T = TypeVar("T")
ENDLESS_TOTAL: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RowSlice(Generic[T]):
    """One page of a list. `index` is the page index in the request."""

    rows: Sequence[T]
    index: int
    size: int
    total: int
    more: bool


def numbered_page(
    request: SimulatedRequest, rows: Sequence[T], *, base: int, size: int, most: int | None = None
) -> RowSlice[T]:
    """Return the page that `PageIndex` and `PageSize` select. `base` is the index of the first page."""
    index = request.number("PageIndex", base)
    size = request.number("PageSize", size, lowest=1)
    size = min(value for value in (size, most, request.switches.page_size_cap) if value is not None)
    if index < base:
        if request.switches.index_zero == "empty":
            return RowSlice((), index, size, len(rows), more=bool(rows))
        index = _index_zero(request, base)
    return slice_page(request, rows, (index - base) * size, size, index)


def slice_page(request: SimulatedRequest, rows: Sequence[T], offset: int, size: int, index: int = 0) -> RowSlice[T]:
    """Return `size` rows, starting at `offset`. An endless list repeats its rows."""
    if request.endless and rows:
        repeated = [rows[number % len(rows)] for number in range(offset, offset + size)]
        return RowSlice(repeated, index, size, ENDLESS_TOTAL, more=True)
    cut = list(islice(rows, offset, offset + size))
    return RowSlice(cut, index, size, len(rows), more=offset + size < len(rows))


def _index_zero(request: SimulatedRequest, base: int) -> int:
    if request.switches.index_zero == "error":
        raise BadRequestError(HTTPStatus.BAD_REQUEST, f"PageIndex must not be less than {base}.")
    return base


def add_next_link(
    body: dict[str, Json], key: str, request: SimulatedRequest, changes: Mapping[str, str] | None, end: Json
) -> None:
    """Set the link in `body` that leads to the next page.

    `changes` contains the query parameters that differ on the next page. If `body` is the last page, `changes` is None
    and the link is `end`.
    """
    form = request.switches.next_link
    if form == "none":
        return
    body[key] = "" if form == "empty" else end if changes is None else _link(request, changes)


def _link(request: SimulatedRequest, changes: Mapping[str, str]) -> str:
    changed = {name.lower() for name in changes}
    kept = [(name, value) for name, value in request.params if name.lower() not in changed]
    query = urlencode([*kept, *changes.items()], safe="$")
    match request.switches.next_link:
        case "prefixed":
            return f"{request.path}?{query}"
        case "unprefixed":
            return f"{request.path.removeprefix(request.endpoint.prefix)}?{query}"
        case "token":
            return base64.urlsafe_b64encode(query.encode()).decode()
        case "wrong_host":
            return f"{request.switches.other_host}{request.path}?{query}"
        case _:
            return f"{request.base_url}{request.path}?{query}"
