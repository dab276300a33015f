"""GET /cloudbackup/licenseconsumption: a tenant's license, legacy API."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.data import values
from avepoint_simulator.endpoints.tenant.legacy_keys import in_key_case
from avepoint_simulator.endpoints.tenant.settings_shared import licensed
from avepoint_simulator.requests import EndpointHandler, Reply, SimulatedRequest

PERMISSION: Final = "microsoft365backup.subscriptionInfo.read.all"


def _handle(request: SimulatedRequest) -> Reply:
    record, form = licensed(request.portfolio.license(request.now)), request.switches.counts
    body = {
        "OutOfPolicyTime": values.ticks(record.out_of_policy_unix_ns),
        "PurchasedUserSeats": values.count(record.purchased_user_seats, form),
        "AssignedUserSeats": values.count(record.assigned_user_seats, form),
        "PurchasedStorageSize": values.count(record.purchased_storage_gb, form),
        "ProtectedSize": values.count(record.protected_gb, form),
    }
    return Reply(body=in_key_case(body, request.switches.legacy_key_case))


ENDPOINT: Final = EndpointHandler(
    name="license_legacy",
    method="GET",
    prefix="/cloudbackup",
    path="/licenseconsumption",
    permission=PERMISSION,
    api_version="legacy",
    handle=_handle,
)
