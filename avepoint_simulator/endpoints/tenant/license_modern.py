"""GET /backup/m365/cloudbackuplicenseconsumption: a tenant's license, modern API."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.data import values
from avepoint_simulator.endpoints.tenant.license_legacy import PERMISSION
from avepoint_simulator.endpoints.tenant.settings_shared import licensed
from avepoint_simulator.requests import EndpointHandler, Reply, SimulatedRequest, envelope


def _handle(request: SimulatedRequest) -> Reply:
    record, switches = licensed(request.portfolio.license(request.now)), request.switches
    data = {
        "outOfPolicyTime": values.iso(record.out_of_policy_unix_ns, switches.iso_form, switches.no_time),
        "purchasedUserSeats": values.count(record.purchased_user_seats, switches.counts),
        "assignedUserSeats": values.count(record.assigned_user_seats, switches.counts),
        "purchasedStorageSize": values.count(record.purchased_storage_gb, switches.counts),
        "protectedSize": values.count(record.protected_gb, switches.counts),
    }
    return Reply(body=envelope(request, data))


ENDPOINT: Final = EndpointHandler(
    name="license_modern",
    method="GET",
    prefix="/backup/m365",
    path="/cloudbackuplicenseconsumption",
    permission=PERMISSION,
    api_version="modern",
    handle=_handle,
)
