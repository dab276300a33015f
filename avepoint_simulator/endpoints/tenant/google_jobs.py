"""GET /backup/google/admin/jobs: the Google Workspace jobs of a tenant."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from avepoint_simulator.data import values
from avepoint_simulator.data.records import GoogleJob
from avepoint_simulator.endpoints.tenant.product_jobs import in_time_range, next_page
from avepoint_simulator.endpoints.tenant.settings_shared import licensed
from avepoint_simulator.pages import add_next_link, numbered_page
from avepoint_simulator.requests import EndpointHandler, Json, Reply, SimulatedRequest

_PAGE_SIZE: Final = 100


def _handle(request: SimulatedRequest) -> Reply:
    wanted = in_time_range(request, licensed(request.portfolio.google_jobs(request.now)))
    page = numbered_page(request, wanted, base=request.switches.page_base, size=_PAGE_SIZE)
    jobs: Json = [_row(request, job) for job in page.rows]
    body: dict[str, Json] = {"status": int(HTTPStatus.OK), "message": "", "jobs": jobs}
    add_next_link(body, "nextLink", request, next_page(page), end="")
    return Reply(body=body)


def _row(request: SimulatedRequest, job: GoogleJob) -> dict[str, Json]:
    switches = request.switches
    return {
        "jobId": job.id,
        "appType": job.app_type,
        "jobType": job.job_type,
        "dataSource": 1,
        "status": job.status,
        "progress": job.progress,
        "startTime": values.iso(job.start_unix_ns, switches.iso_form, switches.no_time),
        "finishTime": values.iso(job.finish_unix_ns, switches.iso_form, switches.no_time),
        "operator": "System",
    }


ENDPOINT: Final = EndpointHandler(
    name="google_jobs",
    method="GET",
    prefix="/backup/google",
    path="/admin/jobs",
    permission="gsuite.graph.read.all",
    api_version="modern",
    handle=_handle,
)
