"""GET …/overview/data-protection/ransomware-detection: signs of ransomware in a tenant, Elements API v3."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from avepoint_simulator.data import values
from avepoint_simulator.endpoints.partner_v3.tenant_details import details_of_tenant
from avepoint_simulator.requests import BadRequestError, EndpointHandler, Reply, SimulatedRequest


def _handle(request: SimulatedRequest) -> Reply:
    detections = details_of_tenant(request).detections
    if detections is None:
        raise BadRequestError(HTTPStatus.FORBIDDEN, "The customer has no license for this product.")
    form = request.switches.counts
    return Reply(
        body={
            one.kind: {
                "UnderPotentialRansomwareAttack": values.count(one.ransomware, form),
                "WithUnusualActivities": values.count(one.unusual, form),
                "WithSuspiciousObjects": values.count(one.suspicious, form),
            }
            for one in detections
        }
    )


ENDPOINT: Final = EndpointHandler(
    name="ransomware_v3",
    method="GET",
    prefix="/partner/external/v3/wm",
    path="/customers/{customer_id}/tenants/{tenant_id}/overview/data-protection/ransomware-detection",
    permission="elements.wm.read.all",
    api_version="modern",
    handle=_handle,
)
