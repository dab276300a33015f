"""POST …/customers/{customerId}/avpt-products/jobs/batch: a customer's jobs, Elements API v3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from avepoint_simulator.data.records import CustomerJob
from avepoint_simulator.endpoints.partner.customer_jobs_rows import jobs_of_customer, write_job
from avepoint_simulator.endpoints.partner_v3.lists import PREFIX, json_object, v3_body, v3_page
from avepoint_simulator.requests import EndpointHandler, Reply, SimulatedRequest


def _handle(request: SimulatedRequest) -> Reply:
    page = v3_page(request, _wanted(request))
    return Reply(body=v3_body(page, [write_job(request, job, in_words=False) for job in page.rows]))


def _wanted(request: SimulatedRequest) -> Sequence[CustomerJob]:
    body = json_object(request)
    job_type, module = body.get("jobType"), body.get("jobModule")
    return [
        job
        for job in jobs_of_customer(request)
        if job_type in (None, job.job_type) and module in (None, job.job_module)
    ]


ENDPOINT: Final = EndpointHandler(
    name="customer_jobs_v3",
    method="POST",
    prefix=PREFIX,
    path="/customers/{customer_id}/avpt-products/jobs/batch",
    permission="elements.jobs.read.all",
    api_version="modern",
    handle=_handle,
)
