"""GET /partner/services: what customers have subscribed to, first generation."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.calls import EndpointHandler, Reply, SimulatedRequest
from avepoint_simulator.endpoints.partner.odata import odata_answer
from avepoint_simulator.endpoints.partner.product_rows import write_customer

_DATES: Final = {"documented": "%m/%d/%Y", "seen": "%Y-%m-%d"}


def _handle(call: SimulatedRequest) -> Reply:
    date = _DATES[call.switches.subscription_dates]
    customers = call.portfolio.customers(call.now)
    return odata_answer(call, "Services", customers, lambda customer: write_customer(call, customer, date))


ENDPOINT: Final = EndpointHandler(
    name="subscriptions_legacy",
    method="GET",
    prefix="/partner",
    path="/services",
    permission="partner.license.read.all",
    generation="legacy",
    handle=_handle,
)
