"""GET /partner/customers/{id}/jobs: a customer's jobs, first generation."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.calls import EndpointHandler, Reply, SimulatedRequest
from avepoint_simulator.endpoints.partner.customer_jobs_rows import jobs_of_customer, write_job
from avepoint_simulator.endpoints.partner.odata import odata_answer


def _handle(call: SimulatedRequest) -> Reply:
    jobs = jobs_of_customer(call)
    return odata_answer(call, "BackUpJob", jobs, lambda job: write_job(call, job, in_words=True))


ENDPOINT: Final = EndpointHandler(
    name="customer_jobs_legacy",
    method="GET",
    prefix="/partner",
    path="/customers/{customer_id}/jobs",
    permission="partner.jobs.read.all",
    generation="legacy",
    handle=_handle,
)
