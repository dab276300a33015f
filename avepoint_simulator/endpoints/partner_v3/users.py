"""POST …/tenants/{tenantId}/cloud-backup-m365/users/batch: users of a tenant, Elements API v3."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.data.records import UserRecord
from avepoint_simulator.endpoints.partner_v3.lists import PREFIX, json_object, v3_body, v3_page
from avepoint_simulator.endpoints.partner_v3.tenant_details import details_of_tenant
from avepoint_simulator.requests import EndpointHandler, Json, Reply, SimulatedRequest


def _handle(request: SimulatedRequest) -> Reply:
    json_object(request)
    page = v3_page(request, details_of_tenant(request).users)
    return Reply(body=v3_body(page, [_row(user) for user in page.rows]))


def _row(user: UserRecord) -> dict[str, Json]:
    return {
        "id": user.id,
        "email": user.email,
        "displayName": user.display_name,
        "moduleStatus": [{"module": module, "isProtected": is_protected} for module, is_protected in user.modules],
    }


ENDPOINT: Final = EndpointHandler(
    name="users_v3",
    method="POST",
    prefix=PREFIX,
    path="/customers/{customer_id}/tenants/{tenant_id}/cloud-backup-m365/users/batch",
    permission="elements.cbprotected.read.all",
    api_version="modern",
    handle=_handle,
)
