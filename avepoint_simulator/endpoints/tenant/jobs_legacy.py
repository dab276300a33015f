"""GET /cloudbackup/jobs: a tenant's jobs, legacy API."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.data import values
from avepoint_simulator.data.records import JobRecord
from avepoint_simulator.endpoints.tenant.jobs_shared import PERMISSION, job_page, next_index, state_text
from avepoint_simulator.endpoints.tenant.legacy_keys import in_key_case
from avepoint_simulator.pages import add_next_link
from avepoint_simulator.requests import EndpointHandler, Json, Reply, SimulatedRequest


def _handle(request: SimulatedRequest) -> Reply:
    page = job_page(request, lambda text: values.from_ticks(int(text)))
    body: dict[str, Json] = {"TotalCount": page.total, "Jobs": [_row(request, job) for job in page.rows]}
    add_next_link(body, "NextLink", request, next_index(page), end="")
    return Reply(body=in_key_case(body, request.switches.legacy_key_case))


def _row(request: SimulatedRequest, job: JobRecord) -> dict[str, Json]:
    form = request.switches.counts
    return {
        "Id": job.id,
        "State": state_text(request, job.state),
        "StartTime": values.ticks(job.start_unix_ns),
        "FinishTime": values.ticks(job.finish_unix_ns),
        "Duration": values.duration_ticks(job.start_unix_ns, job.finish_unix_ns),
        "BackupDetails": {
            "TotalCount": values.count(job.total_objects, form),
            "FailedCount": values.count(job.failed_objects, form),
            "SuccessfulCount": values.count(job.successful_objects, form),
            "SkippedCount": values.count(job.skipped_objects, form),
        },
    }


ENDPOINT: Final = EndpointHandler(
    name="jobs_legacy",
    method="GET",
    prefix="/cloudbackup",
    path="/jobs",
    permission=PERMISSION,
    api_version="legacy",
    handle=_handle,
)
