"""GET …/tenants/{tenantId}/product/Office365Backup/apps: consent for the backup apps of a tenant, Elements API v3."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.endpoints.partner_v3.lists import PREFIX
from avepoint_simulator.endpoints.partner_v3.tenant_details import details_of_tenant
from avepoint_simulator.requests import EndpointHandler, Reply, SimulatedRequest


def _handle(request: SimulatedRequest) -> Reply:
    return Reply(body=[{"isConsent": has_consent} for has_consent in details_of_tenant(request).consents])


ENDPOINT: Final = EndpointHandler(
    name="app_consent_v3",
    method="GET",
    prefix=PREFIX,
    path="/customers/{customer_id}/tenants/{tenant_id}/product/Office365Backup/apps",
    permission="elements.customers.read.all",
    api_version="modern",
    handle=_handle,
)
