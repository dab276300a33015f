"""GET /partner/customers: a partner's customers, legacy API."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.data.records import CustomerRecord
from avepoint_simulator.data.vocabulary import CUSTOMER_STATUSES
from avepoint_simulator.endpoints.partner.odata import odata_reply
from avepoint_simulator.requests import EndpointHandler, Json, Reply, SimulatedRequest


def _handle(request: SimulatedRequest) -> Reply:
    as_number = request.switches.job_status == "int"

    def write(customer: CustomerRecord) -> dict[str, Json]:
        code = customer.job_status
        return {
            "id": customer.id,
            "organization": customer.organization,
            "ownerEmail": customer.owner_email,
            "jobStatus": code if as_number else CUSTOMER_STATUSES.get(code, str(code)),
            "countryOrRegion": customer.country,
        }

    return odata_reply(request, "Customer", request.portfolio.customers(request.now), write)


ENDPOINT: Final = EndpointHandler(
    name="customers_legacy",
    method="GET",
    prefix="/partner",
    path="/customers",
    permission="partner.customers.read.all",
    api_version="legacy",
    handle=_handle,
)
