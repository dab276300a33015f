"""POST …/customers/{customerId}/scan-profiles/batch: a customer's scan profiles, Elements API v3."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.data import values
from avepoint_simulator.data.records import ScanProfileRecord, Tenant
from avepoint_simulator.endpoints.partner_v3.lists import PREFIX, json_object, v3_body, v3_page
from avepoint_simulator.endpoints.partner_v3.tenant_details import details_of_customer
from avepoint_simulator.requests import EndpointHandler, Json, Reply, SimulatedRequest


def _handle(request: SimulatedRequest) -> Reply:
    json_object(request)
    profiles = [(one.tenant, profile) for one in details_of_customer(request) for profile in one.scan_profiles]
    page = v3_page(request, profiles)
    return Reply(body=v3_body(page, [_row(request, *profile) for profile in page.rows]))


def _row(request: SimulatedRequest, tenant: Tenant, profile: ScanProfileRecord) -> dict[str, Json]:
    switches = request.switches
    return {
        "profileId": profile.id,
        "profileName": profile.name,
        "tenantId": tenant.id,
        "tenantDomain": tenant.name,
        "scanMode": 0,
        "lastScanStatus": profile.status,
        "lastUpdateTime": values.iso(profile.update_unix_ns, switches.iso_form, switches.no_time),
        "newRegisteredContentCount": values.count(profile.registered, switches.counts),
        "movedToAnotherContainer": values.count(profile.moved, switches.counts),
        "removedFromMicrosoft365OrOutofPolicy": values.count(profile.removed, switches.counts),
    }


ENDPOINT: Final = EndpointHandler(
    name="scan_profiles_v3",
    method="POST",
    prefix=PREFIX,
    path="/customers/{customer_id}/scan-profiles/batch",
    permission="elements.scanprofiles.read.all",
    api_version="modern",
    handle=_handle,
)
