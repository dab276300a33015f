"""GET /partner/services: subscriptions of customers, legacy API."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.endpoints.partner.odata import odata_reply
from avepoint_simulator.endpoints.partner.product_rows import write_customer
from avepoint_simulator.requests import EndpointHandler, Reply, SimulatedRequest

_DATES: Final = {"documented": "%m/%d/%Y", "seen": "%Y-%m-%d"}


def _handle(request: SimulatedRequest) -> Reply:
    date = _DATES[request.switches.subscription_dates]
    customers = request.portfolio.customers(request.now)
    return odata_reply(request, "Services", customers, lambda customer: write_customer(request, customer, date))


ENDPOINT: Final = EndpointHandler(
    name="subscriptions_legacy",
    method="GET",
    prefix="/partner",
    path="/services",
    permission="partner.license.read.all",
    api_version="legacy",
    handle=_handle,
)
