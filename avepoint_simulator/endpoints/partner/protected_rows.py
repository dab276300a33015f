"""What both generations of the protected-data endpoint share: a customer's rows."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from avepoint_simulator.calls import BadCallError, Json, SimulatedRequest
from avepoint_simulator.data import values
from avepoint_simulator.data.records import ProtectedRow


def rows_of_customer(call: SimulatedRequest) -> Sequence[ProtectedRow]:
    """Give the rows of the customer in the path; 404 if there is no such customer."""
    rows = call.portfolio.protected_rows(call.customer_id, call.now)
    if rows is None:
        raise BadCallError(HTTPStatus.NOT_FOUND, "The customer does not exist.")
    return rows


def write_row(call: SimulatedRequest, row: ProtectedRow) -> dict[str, Json]:
    """Write one row: the same in both generations."""
    counts, sizes = call.switches.counts, call.switches.sizes
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
