"""Faults that return undocumented rows and values."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from avepoint_simulator.requests import Reply, SimulatedRequest

JsonRow = dict[str, Any]
_LISTS: Final = ("value", "Jobs", "jobs", "data")
_PARTS: Final = ("products", "Products")
_IDS: Final = frozenset({"id", "Id", "customerId"})
_NAMES: Final = frozenset(
    {
        "organization",
        "countryOrRegion",
        "serviceType",
        "serviceModule",
        "service",
        "package",
        "state",
        "State",
        "name",
        "value",
    }
)
_ODD_TEXT: Final = ' "quoted" \\ {brace} new\nline tab\t nul\x00 bell\x07 rtl\u202e \U0001f600 \u2028'


def rows_of(body: object) -> list[JsonRow]:
    """Return the rows in a response body of either API version. If the body is a single record, return one row."""
    if isinstance(body, list):
        return body
    if not isinstance(body, dict) or "error" in body:
        return []
    found = next((body[key] for key in _LISTS if key in body), body)
    if isinstance(found, dict):
        return rows_of(found) if found is not body and {"data", "jobs"} & found.keys() else [found]
    return found or []


def parts_of(row: JsonRow) -> list[JsonRow]:
    """Return the rows nested in a row, such as a customer's subscriptions."""
    lists = (row[key] for key in _PARTS if isinstance(row.get(key), list))
    return [part for parts in lists for part in parts if isinstance(part, dict)]


def _with_rows(reply: Reply, change: Callable[[list[JsonRow]], None]) -> Reply:
    """Change the rows in a copy of the body, because the original may be shared."""
    body = copy.deepcopy(reply.body)
    change(rows_of(body))
    return replace(reply, body=body)


def _each_row(reply: Reply, change: Callable[[JsonRow], JsonRow]) -> Reply:
    """Change each row. If a row contains nested rows, change the nested rows instead."""

    def change_all(rows: list[JsonRow]) -> None:
        for row in [part for whole in rows for part in parts_of(whole) or [whole]]:
            changed = change(row)
            row.clear()
            row.update(changed)

    return _with_rows(reply, change_all)


def _map_numbers(value: Any, change: Callable[[int], object]) -> Any:  # noqa: ANN401 - `value` is any JSON
    if isinstance(value, dict):
        return {key: _map_numbers(part, change) for key, part in value.items()}
    return change(value) if isinstance(value, int) and not isinstance(value, bool) else value


def nulls(_request: SimulatedRequest, reply: Reply) -> Reply:
    """Replace all values, except ids, with null."""
    return _each_row(reply, lambda row: {key: value if key in _IDS else None for key, value in row.items()})


def missing_keys(_request: SimulatedRequest, reply: Reply) -> Reply:
    """Remove the first key, the third key, and so on."""
    return _each_row(reply, lambda row: dict(list(row.items())[1::2]))


def wrong_types(_request: SimulatedRequest, reply: Reply) -> Reply:
    """Replace objects with strings, numbers with lists and strings with numbers."""

    def replaced(value: object) -> object:
        if isinstance(value, str):
            return 7
        return ["many"] if isinstance(value, int) else "some"

    return _each_row(reply, lambda row: {key: replaced(value) for key, value in row.items()})


def huge_numbers(_request: SimulatedRequest, reply: Reply) -> Reply:
    """Replace numbers with numbers that are too large for 64 bits."""
    return _each_row(reply, lambda row: _map_numbers(row, lambda _: 10**30))


def nan(_request: SimulatedRequest, reply: Reply) -> Reply:
    """Replace each number with NaN. NaN is not valid JSON."""
    return _each_row(reply, lambda row: _map_numbers(row, lambda _: math.nan))


def negative(_request: SimulatedRequest, reply: Reply) -> Reply:
    """Replace numbers with negative numbers."""
    return _each_row(reply, lambda row: _map_numbers(row, lambda number: -abs(number) - 1))


def long_text(request: SimulatedRequest, reply: Reply) -> Reply:
    """Replace every name in the first row with megabytes of text."""

    def change(rows: list[JsonRow]) -> None:
        for row in rows[:1]:
            row.update({key: "x" * request.fault_options.text_bytes for key in row if key in _NAMES})

    return _with_rows(reply, change)


def odd_text(_request: SimulatedRequest, reply: Reply) -> Reply:
    """Add control characters, quotes and other special characters to every name."""
    return _each_row(reply, lambda row: {key: _odd(key, value) for key, value in row.items()})


def _odd(key: str, value: object) -> object:
    return value + _ODD_TEXT if key in _NAMES and isinstance(value, str) else value


def duplicate_row(_request: SimulatedRequest, reply: Reply) -> Reply:
    """Add a copy of the first row."""
    return _with_rows(reply, lambda rows: rows.extend(copy.deepcopy(rows[:1])))


def conflicting_row(_request: SimulatedRequest, reply: Reply) -> Reply:
    """Add a copy of the first row with different numbers. If the row contains no numbers, change its names instead."""

    def conflict(row: JsonRow) -> JsonRow:
        changed: JsonRow = _map_numbers(row, lambda number: number + 1)
        return changed if changed != row else {key: _renamed(key, value) for key, value in row.items()}

    return _with_rows(reply, lambda rows: rows.extend([conflict(row) for row in rows[:1]]))


def _renamed(key: str, value: object) -> object:
    return f"{value} (2)" if key in _NAMES else value


def foreign_link(request: SimulatedRequest, reply: Reply) -> Reply:
    """Add a link to the next page. The link points to another host."""
    body = copy.deepcopy(reply.body)
    link = f"{request.switches.other_host}{request.path}?PageIndex=1"
    if isinstance(body, dict):
        _put_link(body, link)
    return replace(reply, body=body)


def _put_link(body: JsonRow, link: str) -> None:
    if isinstance(body.get("metadata"), dict):
        body["metadata"]["nextLink"] = link
    elif "value" in body:
        body["@odata.nextLink"] = link
    else:
        body["NextLink" if "Jobs" in body else "nextLink"] = link


def endless(request: SimulatedRequest, reply: Reply) -> Reply:
    """Return an endless list of full pages, with a new id in every row."""
    if reply.status != HTTPStatus.OK or rows_of(reply.body) == [reply.body]:
        return reply  # The body is an error or a single record, not a list.
    reply = request.endpoint.handle(replace(request, endless=True))
    mark = "".join(value for key, value in request.params if key.lower() in {"pageindex", "$skip"}) or "0"

    def renumber(rows: list[JsonRow]) -> None:
        for number, row in enumerate(rows):
            key = next((name for name in ("id", "Id", "serviceModule", "customerId") if name in row), None)
            if key is not None:
                row[key] = f"{row[key]}-{mark}-{number}"

    return _with_rows(reply, renumber)
