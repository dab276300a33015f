"""GET /backup/m365/cloudbackupjobs: a tenant's jobs, modern API."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.data import values
from avepoint_simulator.data.records import JobError, JobRecord
from avepoint_simulator.endpoints.tenant.jobs_shared import PERMISSION, job_page, next_index, state_text
from avepoint_simulator.pages import add_next_link
from avepoint_simulator.requests import EndpointHandler, Json, Reply, SimulatedRequest, envelope


def _handle(request: SimulatedRequest) -> Reply:
    if (location := request.param("location")) and location not in request.switches.locations:
        # As in AvePoint's API, a query for an unknown geo location returns no jobs.
        return Reply(body=envelope(request, [], metadata={request.switches.total_key: 0}))
    page = job_page(request, values.from_iso)
    metadata: dict[str, Json] = {request.switches.total_key: page.total}
    add_next_link(metadata, "nextLink", request, next_index(page), end=None)
    return Reply(body=envelope(request, [_row(request, job) for job in page.rows], metadata=metadata))


def _row(request: SimulatedRequest, job: JobRecord) -> dict[str, Json]:
    switches = request.switches
    return {
        "id": job.id,
        "state": state_text(request, job.state),
        "startTime": values.iso(job.start_unix_ns, switches.iso_form, switches.no_time),
        "finishTime": values.iso(job.finish_unix_ns, switches.iso_form, switches.no_time),
        "duration": values.duration_hours(job.start_unix_ns, job.finish_unix_ns),
        "backupDetails": _details(request, job),
        "jobErrors": [_error(error) for error in job.errors],
    }


def _details(request: SimulatedRequest, job: JobRecord) -> dict[str, Json]:
    ending, form = request.switches.details_keys, request.switches.counts
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
    api_version="modern",
    handle=_handle,
)
