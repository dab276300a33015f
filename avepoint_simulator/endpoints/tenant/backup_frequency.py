"""GET /backup/m365/settings/backup/frequency: how often each workload is backed up, and when today."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.calls import EndpointHandler, Json, Reply, SimulatedRequest, envelope
from avepoint_simulator.data import values
from avepoint_simulator.data.records import FrequencyRecord
from avepoint_simulator.endpoints.tenant.settings_shared import PERMISSION, at_location, licensed, service_type


def _handle(call: SimulatedRequest) -> Reply:
    records = at_location(call, licensed(call.portfolio.backup_frequencies(call.now)))
    return Reply(body=envelope(call, [_row(call, record) for record in records]))


def _row(call: SimulatedRequest, record: FrequencyRecord) -> dict[str, Json]:
    switches = call.switches
    return {
        "serviceType": service_type(call, record.service_type),
        "frequency": values.count(record.times_a_day, switches.counts),
        "backupStartTime": [values.iso(start, switches.iso_form, switches.no_time) for start in record.starts_unix_ns],
    }


ENDPOINT: Final = EndpointHandler(
    name="backup_frequency",
    method="GET",
    prefix="/backup/m365/settings",
    path="/backup/frequency",
    permission=PERMISSION,
    generation="modern",
    handle=_handle,
)
