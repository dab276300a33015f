"""GET /backup/m365/settings/backup/frequency: the number of backups per day for each workload."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.data import values
from avepoint_simulator.data.records import FrequencyRecord
from avepoint_simulator.endpoints.tenant.settings_shared import PERMISSION, at_location, licensed, service_type
from avepoint_simulator.requests import EndpointHandler, Json, Reply, SimulatedRequest, envelope


def _handle(request: SimulatedRequest) -> Reply:
    records = at_location(request, licensed(request.portfolio.backup_frequencies(request.now)))
    return Reply(body=envelope(request, [_row(request, record) for record in records]))


def _row(request: SimulatedRequest, record: FrequencyRecord) -> dict[str, Json]:
    switches = request.switches
    return {
        "serviceType": service_type(request, record.service_type),
        "frequency": values.count(record.times_a_day, switches.counts),
        "backupStartTime": [values.iso(start, switches.iso_form, switches.no_time) for start in record.starts_unix_ns],
    }


ENDPOINT: Final = EndpointHandler(
    name="backup_frequency",
    method="GET",
    prefix="/backup/m365/settings",
    path="/backup/frequency",
    permission=PERMISSION,
    api_version="modern",
    handle=_handle,
)
