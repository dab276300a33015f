"""POST /partner/external/v3/general/customers/services/batch: subscriptions of customers, Elements API v3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from avepoint_simulator.data.records import CustomerRecord
from avepoint_simulator.endpoints.partner.product_rows import write_customer
from avepoint_simulator.endpoints.partner_v3.lists import PREFIX, json_object, v3_body, v3_page
from avepoint_simulator.requests import EndpointHandler, Reply, SimulatedRequest

_DATES: Final = {"documented": "%Y-%m-%dT%H:%M:%SZ", "seen": "%m-%d-%YT%H:%M:%SZ"}


def _handle(request: SimulatedRequest) -> Reply:
    page = v3_page(request, _wanted(request))
    date = _DATES[request.switches.subscription_dates]
    return Reply(body=v3_body(page, [write_customer(request, customer, date) for customer in page.rows]))


def _wanted(request: SimulatedRequest) -> Sequence[CustomerRecord]:
    wanted = json_object(request).get("customerId")
    customers = request.portfolio.customers(request.now)
    return customers if wanted is None else [customer for customer in customers if customer.id == wanted]


ENDPOINT: Final = EndpointHandler(
    name="subscriptions_v3",
    method="POST",
    prefix=PREFIX,
    path="/customers/services/batch",
    permission="elements.license.read.all",
    api_version="modern",
    handle=_handle,
)
