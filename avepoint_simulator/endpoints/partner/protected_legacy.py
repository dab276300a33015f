"""GET /partner/customers/{id}/protected: a customer's protected data, first generation."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.calls import EndpointHandler, Reply, SimulatedRequest
from avepoint_simulator.endpoints.partner.odata import odata_answer
from avepoint_simulator.endpoints.partner.protected_rows import rows_of_customer, write_row


def _handle(call: SimulatedRequest) -> Reply:
    rows = rows_of_customer(call)
    return odata_answer(call, "CustomerOverallProtected", rows, lambda row: write_row(call, row))


ENDPOINT: Final = EndpointHandler(
    name="protected_legacy",
    method="GET",
    prefix="/partner",
    path="/customers/{customer_id}/protected",
    permission="partner.cbprotected.read.all",
    generation="legacy",
    handle=_handle,
)
