"""Functions that find a customer's Microsoft 365 tenants, for endpoints of the Elements API v3."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from avepoint_simulator.data.records import TenantDetails
from avepoint_simulator.requests import BadRequestError, SimulatedRequest


def details_of_customer(request: SimulatedRequest) -> Sequence[TenantDetails]:
    """Return the details of the customer's tenants. Raise BadRequestError (404) if the customer does not exist."""
    found = request.portfolio.tenant_details(request.customer_id, request.now)
    if found is None:
        raise BadRequestError(HTTPStatus.NOT_FOUND, "The customer does not exist.")
    return found


def details_of_tenant(request: SimulatedRequest) -> TenantDetails:
    """Return the details of the requested tenant. Raise BadRequestError (404) if the tenant does not exist."""
    for one in details_of_customer(request):
        if one.tenant.id == request.tenant_id:
            return one
    raise BadRequestError(HTTPStatus.NOT_FOUND, "The tenant does not exist.")
