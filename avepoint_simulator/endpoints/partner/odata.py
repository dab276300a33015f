"""OData lists in the legacy partner API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final, TypeVar

from avepoint_simulator.pages import add_next_link, slice_page
from avepoint_simulator.requests import BadRequestError, Json, Reply, SimulatedRequest

T = TypeVar("T")
# The simulator rejects these options, because it would return wrong rows if it ignored them.
_NOT_SIMULATED: Final = ("$filter", "$orderby", "$select", "$search", "$apply")


def odata_reply(request: SimulatedRequest, model: str, rows: Sequence[T], write: Callable[[T], Json]) -> Reply:
    """Return the rows that `$top` and `$skip` select. If more rows remain, add a link to the next page."""
    for option in _NOT_SIMULATED:
        if request.param(option):
            raise BadRequestError(HTTPStatus.BAD_REQUEST, f"{option} is not simulated.")
    skip = request.number("$skip", 0)
    wanted = request.number("$top", max(len(rows) - skip, 1), lowest=1)
    size = min(wanted, request.switches.page_size_cap or wanted)
    page = slice_page(request, rows, skip, size)
    body: dict[str, Json] = {
        "@odata.context": f"{request.base_url}/partner/$metadata#Collection(Portal.Api.Model.{model})",
        "value": [write(row) for row in page.rows],
    }
    if request.endless or (page.more and size < wanted):
        changes = {"$skip": str(skip + size)} | ({"$top": str(wanted - size)} if request.param("$top") else {})
        add_next_link(body, "@odata.nextLink", request, changes, end=None)
    return Reply(body=body)
