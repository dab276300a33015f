"""GET /backup/sfbapi/jobs: the Salesforce jobs of a tenant."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from avepoint_simulator.data import values
from avepoint_simulator.data.records import SalesforceJob
from avepoint_simulator.endpoints.tenant.product_jobs import in_time_range, next_page
from avepoint_simulator.endpoints.tenant.settings_shared import licensed
from avepoint_simulator.pages import add_next_link, numbered_page
from avepoint_simulator.requests import BadRequestError, EndpointHandler, Json, Reply, SimulatedRequest, envelope

_PAGE_SIZE: Final = 10


def _handle(request: SimulatedRequest) -> Reply:
    for name in ("startTime", "finishTime"):
        if not request.param(name):
            raise BadRequestError(HTTPStatus.BAD_REQUEST, f"{name} is required.")
    wanted = in_time_range(request, licensed(request.portfolio.salesforce_jobs(request.now)))
    page = numbered_page(request, wanted, base=request.switches.page_base, size=_PAGE_SIZE)
    jobs: Json = [_row(request, job) for job in page.rows]
    data: dict[str, Json] = {request.switches.total_key: page.total, "jobs": jobs}
    add_next_link(data, "nextLink", request, next_page(page), end="")
    return Reply(body=envelope(request, data))


def _row(request: SimulatedRequest, job: SalesforceJob) -> dict[str, Json]:
    switches = request.switches
    total = job.successful_records + job.failed_records + job.skipped_records
    return {
        "type": job.type,
        "jobId": job.id,
        "startTime": values.iso(job.start_unix_ns, switches.iso_form, switches.no_time),
        "finishTime": values.iso(job.finish_unix_ns, switches.iso_form, switches.no_time),
        "state": job.state,
        "successfulRecords": values.count(job.successful_records, switches.counts),
        "skippedRecords": values.count(job.skipped_records, switches.counts),
        "failedRecords": values.count(job.failed_records, switches.counts),
        "totalRecords": values.count(total, switches.counts),
        "dataSize": values.count(job.data_kb, switches.counts),
        "organizationId": job.organization_id,
    }


ENDPOINT: Final = EndpointHandler(
    name="salesforce_jobs",
    method="GET",
    prefix="/backup/sfbapi",
    path="/jobs",
    permission="salesforce.public.read.all",
    api_version="modern",
    handle=_handle,
)
