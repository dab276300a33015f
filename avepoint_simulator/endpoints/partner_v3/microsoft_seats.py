"""POST …/3rd-party-products/type/0/tenants/batch: seats of a customer's Microsoft 365 tenants, Elements API v3."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.data import values
from avepoint_simulator.data.records import TenantDetails
from avepoint_simulator.endpoints.partner_v3.lists import PREFIX, json_object, v3_body, v3_page
from avepoint_simulator.endpoints.partner_v3.tenant_details import details_of_customer
from avepoint_simulator.requests import EndpointHandler, Json, Reply, SimulatedRequest


def _handle(request: SimulatedRequest) -> Reply:
    json_object(request)
    page = v3_page(request, details_of_customer(request))
    return Reply(body=v3_body(page, [_row(request, one) for one in page.rows]))


def _row(request: SimulatedRequest, one: TenantDetails) -> dict[str, Json]:
    form = request.switches.counts
    return {
        "tenantId": one.tenant.id,
        "tenantName": one.tenant.name,
        "availableUserSeat": "N/A" if one.available_seats is None else values.count(one.available_seats, form),
        "assignedUserSeat": "N/A" if one.assigned_seats is None else values.count(one.assigned_seats, form),
    }


ENDPOINT: Final = EndpointHandler(
    name="microsoft_seats_v3",
    method="POST",
    prefix=PREFIX,
    path="/customers/{customer_id}/3rd-party-products/type/0/tenants/batch",
    permission="elements.license.read.all",
    api_version="modern",
    handle=_handle,
)
