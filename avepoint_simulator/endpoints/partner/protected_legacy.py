"""GET /partner/customers/{id}/protected: a customer's protected data, legacy API."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.endpoints.partner.odata import odata_reply
from avepoint_simulator.endpoints.partner.protected_rows import rows_of_customer, write_row
from avepoint_simulator.requests import EndpointHandler, Reply, SimulatedRequest


def _handle(request: SimulatedRequest) -> Reply:
    rows = rows_of_customer(request)
    return odata_reply(request, "CustomerOverallProtected", rows, lambda row: write_row(request, row))


ENDPOINT: Final = EndpointHandler(
    name="protected_legacy",
    method="GET",
    prefix="/partner",
    path="/customers/{customer_id}/protected",
    permission="partner.cbprotected.read.all",
    api_version="legacy",
    handle=_handle,
)
