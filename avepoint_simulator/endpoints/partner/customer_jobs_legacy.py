"""GET /partner/customers/{id}/jobs: a customer's jobs, legacy API."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.endpoints.partner.customer_jobs_rows import jobs_of_customer, write_job
from avepoint_simulator.endpoints.partner.odata import odata_reply
from avepoint_simulator.requests import EndpointHandler, Reply, SimulatedRequest


def _handle(request: SimulatedRequest) -> Reply:
    jobs = jobs_of_customer(request)
    return odata_reply(request, "BackUpJob", jobs, lambda job: write_job(request, job, in_words=True))


ENDPOINT: Final = EndpointHandler(
    name="customer_jobs_legacy",
    method="GET",
    prefix="/partner",
    path="/customers/{customer_id}/jobs",
    permission="partner.jobs.read.all",
    api_version="legacy",
    handle=_handle,
)
