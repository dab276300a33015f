"""GET /backup/m365/settings/retention-policy: the retention policies of a tenant."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.data.records import RetentionRecord, ServiceRetention
from avepoint_simulator.endpoints.tenant.settings_shared import PERMISSION, at_location, licensed, service_type
from avepoint_simulator.requests import EndpointHandler, Json, Reply, SimulatedRequest, envelope


def _handle(request: SimulatedRequest) -> Reply:
    policies = at_location(request, licensed(request.portfolio.retentions(request.now)))
    return Reply(body=envelope(request, _policy(request, policies[0]) if policies else None))


def _policy(request: SimulatedRequest, record: RetentionRecord) -> dict[str, Json]:
    return {
        "enableDailyRetentionPolicy": False,
        "enableCustomizedRetentionPolicy": record.customized,
        "retentionPeriod": record.period,
        "servicePolicies": [_service(request, service) for service in record.services],
    }


def _service(request: SimulatedRequest, record: ServiceRetention) -> dict[str, Json]:
    return {
        "serviceType": service_type(request, record.service_type),
        "containerPolicies": [
            {
                "containerId": f"00000000-0000-4000-8000-{number:012}",
                "containerName": f"Container {number}",
                "retentionPeriod": period,
            }
            for number, period in enumerate(record.container_periods)
        ],
        "retentionPeriod": record.period,
        "unassignedObjectRetentionPeriod": record.unassigned_period,
    }


ENDPOINT: Final = EndpointHandler(
    name="retention",
    method="GET",
    prefix="/backup/m365/settings",
    path="/retention-policy",
    permission=PERMISSION,
    api_version="modern",
    handle=_handle,
)
