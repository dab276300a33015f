"""GET …/customers/{customerId}/cloud-backup-m365/overview: a customer's protected data, Elements API v3."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.data import values
from avepoint_simulator.data.records import ProtectedRow
from avepoint_simulator.endpoints.partner.protected_rows import rows_of_customer, write_row
from avepoint_simulator.endpoints.partner_v3.lists import PREFIX, v3_body, v3_page
from avepoint_simulator.requests import EndpointHandler, Json, Reply, SimulatedRequest


def _handle(request: SimulatedRequest) -> Reply:
    rows = rows_of_customer(request)
    if request.switches.overview_shape == "bare":
        return Reply(body=[_write(request, row) for row in rows])
    page = v3_page(request, rows)
    return Reply(body=v3_body(page, [_write(request, row) for row in page.rows]))


def _write(request: SimulatedRequest, row: ProtectedRow) -> dict[str, Json]:
    """Return one row.

    Unlike a legacy row, a v3 row can contain the id of the Microsoft 365 tenant and the time of the last run.
    """
    written = write_row(request, row)
    if request.switches.overview_tenants and row.tenant_id is not None:
        switches = request.switches
        written["tenantId"] = row.tenant_id
        written["lastRunTime"] = values.iso(row.last_run_unix_ns, switches.iso_form, switches.no_time)
    return written


ENDPOINT: Final = EndpointHandler(
    name="overview_v3",
    method="GET",
    prefix=PREFIX,
    path="/customers/{customer_id}/cloud-backup-m365/overview",
    permission="elements.cbprotected.read.all",
    api_version="modern",
    handle=_handle,
)
