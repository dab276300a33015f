"""GET /backup/m365/cloudbackupjobs: a tenant's jobs, later generation."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.calls import EndpointHandler, Json, Reply, SimulatedRequest, envelope
from avepoint_simulator.data import values
from avepoint_simulator.data.records import JobError, JobRecord
from avepoint_simulator.endpoints.tenant.jobs_shared import PERMISSION, job_page, next_index, state_text
from avepoint_simulator.pages import add_next_link


def _handle(call: SimulatedRequest) -> Reply:
    if (location := call.param("location")) and location not in call.switches.locations:
        # Only a Multi-Geo tenant knows locations.
        return Reply(body=envelope(call, [], metadata={call.switches.total_key: 0}))
    page = job_page(call, values.from_iso)
    metadata: dict[str, Json] = {call.switches.total_key: page.total}
    add_next_link(metadata, "nextLink", call, next_index(page), end=None)
    return Reply(body=envelope(call, [_row(call, job) for job in page.rows], metadata=metadata))


def _row(call: SimulatedRequest, job: JobRecord) -> dict[str, Json]:
    switches = call.switches
    return {
        "id": job.id,
        "state": state_text(call, job.state),
        "startTime": values.iso(job.start_unix_ns, switches.iso_form, switches.no_time),
        "finishTime": values.iso(job.finish_unix_ns, switches.iso_form, switches.no_time),
        "duration": values.duration_hours(job.start_unix_ns, job.finish_unix_ns),
        "backupDetails": _details(call, job),
        "jobErrors": [_error(error) for error in job.errors],
    }


def _details(call: SimulatedRequest, job: JobRecord) -> dict[str, Json]:
    ending, form = call.switches.details_keys, call.switches.counts
    return {
        f"total{ending}": values.count(job.total_objects, form),
        f"failed{ending}": values.count(job.failed_objects, form),
        f"successful{ending}": values.count(job.successful_objects, form),
        f"skipped{ending}": values.count(job.skipped_objects, form),
    }


def _error(error: JobError) -> dict[str, Json]:
    return {
        "isErrorCode": error.is_error_code,
        "value": error.value,
        "url": error.url,
        "number": error.number,
    }


ENDPOINT: Final = EndpointHandler(
    name="jobs_modern",
    method="GET",
    prefix="/backup/m365",
    path="/cloudbackupjobs",
    permission=PERMISSION,
    generation="modern",
    handle=_handle,
)
