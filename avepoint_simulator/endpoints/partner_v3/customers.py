"""POST /partner/external/v3/general/customers/batch: a partner's customers, Elements API v3."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from avepoint_simulator.data.records import CustomerRecord
from avepoint_simulator.data.vocabulary import CUSTOMER_STATUSES
from avepoint_simulator.endpoints.partner_v3.lists import PREFIX, json_object, v3_body, v3_page
from avepoint_simulator.requests import BadRequestError, EndpointHandler, Json, Reply, SimulatedRequest


def _handle(request: SimulatedRequest) -> Reply:
    page = v3_page(request, _wanted(request))
    as_text = request.switches.job_status == "text"
    return Reply(body=v3_body(page, [_row(customer, as_text=as_text) for customer in page.rows]))


def _wanted(request: SimulatedRequest) -> Sequence[CustomerRecord]:
    customers = request.portfolio.customers(request.now)
    ids = json_object(request).get("customerIds")
    if ids is None or ids == []:
        return customers
    if not isinstance(ids, list):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "customerIds must be a list.")
    wanted = {name for name in ids if isinstance(name, str)}
    return [customer for customer in customers if customer.id in wanted]


def _row(customer: CustomerRecord, *, as_text: bool) -> dict[str, Json]:
    code = customer.job_status
    return {
        "id": customer.id,
        "organization": customer.organization,
        "ownerEmail": customer.owner_email,
        "jobStatus": CUSTOMER_STATUSES.get(code, str(code)) if as_text else code,
        "countryOrRegion": customer.country,
        "managementMode": customer.management_mode,
        "tenants": [{"id": tenant.id, "name": tenant.name} for tenant in customer.tenants],
    }


ENDPOINT: Final = EndpointHandler(
    name="customers_v3",
    method="POST",
    prefix=PREFIX,
    path="/customers/batch",
    permission="elements.customers.read.all",
    api_version="modern",
    handle=_handle,
)
