"""Faults whose responses are valid, but contradict other responses, the request or the clock."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, Final

from avepoint_simulator.faults.rows import JsonRow, rows_of
from avepoint_simulator.requests import Reply, SimulatedRequest

FOREIGN_NUMBER: Final = 987_654_321
"""Number that appears only in rows added by the fault `foreign_rows`."""
IMPOSSIBLE_TIME: Final = "2199-01-01T00:00:00Z"
_OTHER_DIGITS: Final = str.maketrans("0123456789abcdef", "123456789abcdef0")
_FILTERS: Final = frozenset({"jobtype", "objecttype", "jobstate"})
_ENDS: Final = frozenset({"finishtime", "endtime", "lastruntime"})
_TOTALS: Final = frozenset({"totalcount", "totalnumber", "@odata.count"})
_LINKS: Final = frozenset({"nextlink", "@odata.nextlink"})


def short_list(_request: SimulatedRequest, reply: Reply) -> Reply:
    """Remove the link to the next page and the second half of the rows, but keep the total."""
    body = copy.deepcopy(reply.body)
    if not _change_totals(body, 0):
        return reply
    rows = rows_of(body)
    del rows[(len(rows) + 1) // 2 :]
    return replace(reply, body=_without_links(body))


def changed_total(_request: SimulatedRequest, reply: Reply) -> Reply:
    """Add 3 to the total of a list."""
    body = copy.deepcopy(reply.body)
    _change_totals(body, 3)
    return replace(reply, body=body)


def impossible_times(_request: SimulatedRequest, reply: Reply) -> Reply:
    """Set the finish time and the last-run time in each row to a day in 2199."""
    body = copy.deepcopy(reply.body)
    for row in rows_of(body):
        row.update({key: IMPOSSIBLE_TIME for key in row if key.lower() in _ENDS})
    return replace(reply, body=body)


def foreign_rows(request: SimulatedRequest, reply: Reply) -> Reply:
    """Add a row of another customer to the response for one customer."""
    body = copy.deepcopy(reply.body)
    rows = rows_of(body)
    if not request.customer_id or not rows or rows == [body]:
        return reply
    foreign = {key: _other_number(value) for key, value in rows[-1].items()} | {
        "customerId": request.customer_id.translate(_OTHER_DIGITS)
    }
    rows.append(foreign | ({"jobId": "foreign"} if "jobId" in foreign else {}))
    _change_totals(body, 1)
    return replace(reply, body=body)


def ignored_filters(request: SimulatedRequest, reply: Reply) -> Reply:
    """Ignore the filters of the request and return all rows."""
    params = tuple((key, value) for key, value in request.params if key.lower() not in _FILTERS)
    return reply if params == request.params else request.endpoint.handle(replace(request, params=params))


def error_field(request: SimulatedRequest, reply: Reply) -> Reply:
    """Return 200 with an error and empty data, as legacy tenant endpoints do."""
    if request.endpoint.prefix != "/cloudbackup" or not isinstance(reply.body, dict):
        return reply
    empty: JsonRow = {key: [] if isinstance(value, list) else 0 for key, value in reply.body.items()}
    return replace(reply, body={**empty, "traceId": request.request_id, "error": "The data cannot be read."})


def _other_number(value: object) -> object:
    if isinstance(value, str) and value.isdigit():
        return str(FOREIGN_NUMBER)
    return FOREIGN_NUMBER if isinstance(value, int) and not isinstance(value, bool) and value > 99 else value


def _change_totals(body: Any, by: int) -> bool:  # noqa: ANN401 - `body` can be any JSON value
    """Add `by` to each total in a body. Return whether the body contains a total."""
    if not isinstance(body, dict):
        return False
    found = _change_totals(body.get("metadata"), by) or _change_totals(body.get("data"), by)
    for key, value in body.items():
        if key.lower() in _TOTALS and isinstance(value, int):
            body[key], found = value + by, True
    return found


def _without_links(body: Any) -> Any:  # noqa: ANN401 - `body` can be any JSON value
    if not isinstance(body, dict):
        return body
    kept = {key: value for key, value in body.items() if key.lower() not in _LINKS}
    return {key: _without_links(value) if key in ("metadata", "data") else value for key, value in kept.items()}
