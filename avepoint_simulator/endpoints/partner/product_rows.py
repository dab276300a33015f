"""Subscription rows, for both API versions."""

from __future__ import annotations

from avepoint_simulator.data import values
from avepoint_simulator.data.records import CustomerRecord, SubscriptionRecord
from avepoint_simulator.requests import Json, SimulatedRequest


def write_customer(request: SimulatedRequest, customer: CustomerRecord, date: str) -> dict[str, Json]:
    """Return the row with a customer's subscriptions. `date` is the `strftime` format for dates."""
    mixed = request.switches.product_keys == "mixed"
    subscriptions = request.portfolio.subscriptions(customer.id, request.now)
    return {
        "customerId": customer.id,
        "organization": customer.organization,
        "customer": customer.owner_email,
        "Products" if mixed else "products": [_write(request, one, date, mixed=mixed) for one in subscriptions],
    }


def _write(request: SimulatedRequest, one: SubscriptionRecord, date: str, *, mixed: bool) -> dict[str, Json]:
    sizes = request.switches.sizes
    return {
        "service": one.service,
        "subscriptionModel": values.text(one.model),
        "purchasedUserSeats": values.text(one.user_seats),
        "purchasedUnits": values.text(one.units),
        "microsoftLicenseAssigned": values.text(one.licenses_assigned),
        "microsoftLicenseAvailable": values.text(one.licenses_available),
        "PurchasedCapacity" if mixed else "purchasedCapacity": values.size(one.purchased_capacity, sizes),
        "protectedCapacity": values.size(one.protected_capacity, sizes),
        "storage": values.text(one.storage),
        "retention": values.text(one.retention),
        "consumedStorage": values.size(one.consumed_storage, sizes),
        "expirationDate": values.calendar(one.expiration_unix_ns, date),
        "change": "N/A",
        "source": values.text(one.source),
        "paymentType": values.text(one.payment_type),
        "subscriptionName": values.text(one.name),
        "package": values.text(one.package),
        "contractEndDate": values.calendar(one.contract_end_unix_ns, date),
    }
