"""GET /backup/m365/cloudbackupunusualactivitydata: the unusual activities of a tenant."""

from __future__ import annotations

from collections import defaultdict
from http import HTTPStatus
from typing import Final

from avepoint_simulator.data import values
from avepoint_simulator.data.records import ActivityRecord
from avepoint_simulator.endpoints.tenant.settings_shared import at_location, licensed, service_type
from avepoint_simulator.requests import BadRequestError, EndpointHandler, Json, Reply, SimulatedRequest, envelope

_DAY_NS: Final = 86_400 * 10**9
_DATE_LENGTH: Final = len("2024-01-01")


def _handle(request: SimulatedRequest) -> Reply:
    start, finish = _bound(request, "startTime"), _bound(request, "finishTime")
    if request.switches.activity_times == "days":
        finish += _DAY_NS - 1
    found: dict[tuple[str, str, int], list[ActivityRecord]] = defaultdict(list)
    for one in at_location(request, licensed(request.portfolio.unusual_activities(request.now))):
        if start <= one.detected_unix_ns <= finish:
            found[one.tenant_id, one.tenant_owner, one.service_type].append(one)
    rows: Json = [_row(request, *key, activities) for key, activities in found.items()]
    return Reply(body=envelope(request, rows if request.switches.activity_shape == "bare" else {"data": rows}))


def _bound(request: SimulatedRequest, name: str) -> int:
    text = request.param(name)
    try:
        if request.switches.activity_times == "days" and len(text) != _DATE_LENGTH:
            raise ValueError(text)
        return values.from_iso(text)
    except ValueError:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, f"The value '{text}' is not valid for {name}.") from None


def _row(
    request: SimulatedRequest, tenant_id: str, owner: str, number: int, activities: list[ActivityRecord]
) -> dict[str, Json]:
    form = request.switches.counts
    return {
        "tenantOwner": owner,
        "tenantId": tenant_id,
        "serviceType": service_type(request, number),
        "potentialRansomwareAttackCount": values.count(sum(one.ransomware_sites for one in activities), form),
        "unusualActivitiesCount": values.count(sum(one.unusual_sites for one in activities), form),
    }


ENDPOINT: Final = EndpointHandler(
    name="unusual_activity",
    method="GET",
    prefix="/backup/m365",
    path="/cloudbackupunusualactivitydata",
    permission="microsoft365backup.unusualActivity.read.all",
    api_version="modern",
    handle=_handle,
)
