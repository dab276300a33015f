"""GET /backup/m365/settings/retention-policy: how long a tenant's backups are kept."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.calls import EndpointHandler, Json, Reply, SimulatedRequest, envelope
from avepoint_simulator.data.records import RetentionRecord, ServiceRetention
from avepoint_simulator.endpoints.tenant.settings_shared import PERMISSION, at_location, licensed, service_type


def _handle(call: SimulatedRequest) -> Reply:
    policies = at_location(call, licensed(call.portfolio.retentions(call.now)))
    return Reply(body=envelope(call, _policy(call, policies[0]) if policies else None))


def _policy(call: SimulatedRequest, record: RetentionRecord) -> dict[str, Json]:
    return {
        "enableDailyRetentionPolicy": False,
        "enableCustomizedRetentionPolicy": record.customized,
        "retentionPeriod": record.period,
        "servicePolicies": [_service(call, service) for service in record.services],
    }


def _service(call: SimulatedRequest, record: ServiceRetention) -> dict[str, Json]:
    return {
        "serviceType": service_type(call, record.service_type),
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
    generation="modern",
    handle=_handle,
)
