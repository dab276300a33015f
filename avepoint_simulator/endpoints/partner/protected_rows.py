"""Rows of protected data, for both API versions."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from avepoint_simulator.data import values
from avepoint_simulator.data.records import ProtectedRow
from avepoint_simulator.requests import BadRequestError, Json, SimulatedRequest


def rows_of_customer(request: SimulatedRequest) -> Sequence[ProtectedRow]:
    """Return the rows of the requested customer. Raise BadRequestError (404) if the customer does not exist."""
    rows = request.portfolio.protected_rows(request.customer_id, request.now)
    if rows is None:
        raise BadRequestError(HTTPStatus.NOT_FOUND, "The customer does not exist.")
    return rows


def write_row(request: SimulatedRequest, row: ProtectedRow) -> dict[str, Json]:
    """Return one row."""
    counts, sizes = request.switches.counts, request.switches.sizes
    return {
        "customerId": row.customer_id,
        "customer": row.owner_email,
        "serviceType": row.service_type,
        "serviceModule": row.service_module,
        "totalScannedObjects": values.count(row.scanned_objects, counts),
        "totalProtectedObjects": values.count(row.protected_objects, counts),
        "dataSizeStoredInAvePoint": values.size(row.avepoint_bytes, sizes),
        "dataSizeStoredInBYOS": values.size(row.byos_bytes, sizes),
    }
