"""Paged lists and JSON request bodies of the Elements API v3."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, TypeVar

from avepoint_simulator.pages import RowSlice, numbered_page
from avepoint_simulator.requests import BadRequestError, Json, SimulatedRequest

T = TypeVar("T")
PREFIX: Final = "/partner/external/v3/general"
_DEFAULT_PAGE_SIZE: Final = 50
_MOST_PAGE_SIZE: Final = 100


def v3_page(request: SimulatedRequest, rows: Sequence[T]) -> RowSlice[T]:
    """Return the page that `pageIndex` and `pageSize` select. `pageIndex` begins at 1."""
    return numbered_page(request, rows, base=1, size=_DEFAULT_PAGE_SIZE, most=_MOST_PAGE_SIZE)


def v3_body(page: RowSlice[T], data: list[dict[str, Json]]) -> dict[str, Json]:
    """Return the body of a page."""
    metadata = {"pageIndex": page.index, "pageSize": page.size, "totalCount": page.total}
    return {"data": data, "metadata": metadata}


def json_object(request: SimulatedRequest) -> dict[str, Json]:
    """Return the JSON object in a request body. Raise BadRequestError (415 or 400) if the body is not a JSON object."""
    if request.content_type.partition(";")[0].strip().lower() != "application/json":
        raise BadRequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json.")
    try:
        value = json.loads(request.body or b"{}")
    except ValueError:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "The body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "The body must be a JSON object.")
    return value
