"""GET /backup/m365/cloudbackupunusualactivitydata: where a tenant's data changed unusually."""

from __future__ import annotations

from collections import defaultdict
from http import HTTPStatus
from typing import Final

from avepoint_simulator.calls import BadCallError, EndpointHandler, Json, Reply, SimulatedRequest, envelope
from avepoint_simulator.data import values
from avepoint_simulator.data.records import ActivityRecord
from avepoint_simulator.endpoints.tenant.settings_shared import at_location, licensed, service_type

_DAY_NS: Final = 86_400 * 10**9
_DATE_LENGTH: Final = len("2024-01-01")


def _handle(call: SimulatedRequest) -> Reply:
    start, finish = _bound(call, "startTime"), _bound(call, "finishTime")
    if call.switches.activity_times == "days":
        finish += _DAY_NS - 1
    found: dict[tuple[str, str, int], list[ActivityRecord]] = defaultdict(list)
    for one in at_location(call, licensed(call.portfolio.unusual_activities(call.now))):
        if start <= one.detected_unix_ns <= finish:
            found[one.tenant_id, one.tenant_owner, one.service_type].append(one)
    rows: Json = [_row(call, *key, activities) for key, activities in found.items()]
    return Reply(body=envelope(call, rows if call.switches.activity_shape == "bare" else {"data": rows}))


def _bound(call: SimulatedRequest, name: str) -> int:
    text = call.param(name)
    try:
        if call.switches.activity_times == "days" and len(text) != _DATE_LENGTH:
            raise ValueError(text)
        return values.from_iso(text)
    except ValueError:
        raise BadCallError(HTTPStatus.BAD_REQUEST, f"The value '{text}' is not valid for {name}.") from None


def _row(
    call: SimulatedRequest, tenant_id: str, owner: str, number: int, activities: list[ActivityRecord]
) -> dict[str, Json]:
    form = call.switches.counts
    return {
        "tenantOwner": owner,
        "tenantId": tenant_id,
        "serviceType": service_type(call, number),
        "potentialRansomwareAttackCount": values.count(sum(one.ransomware_sites for one in activities), form),
        "unusualActivitiesCount": values.count(sum(one.unusual_sites for one in activities), form),
    }


ENDPOINT: Final = EndpointHandler(
    name="unusual_activity",
    method="GET",
    prefix="/backup/m365",
    path="/cloudbackupunusualactivitydata",
    permission="microsoft365backup.unusualActivity.read.all",
    generation="modern",
    handle=_handle,
)
