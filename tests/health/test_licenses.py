"""Test the problems with licenses, storage and subscriptions, and with a customer's status in AvePoint."""

from typing import Any

import pytest

from exporter.collectors.base import Sample
from tests.health.support import CUSTOMER, DAY, HOUR, NOW, World, sample, unread

SERVICE = "Cloud Backup for Microsoft 365"


def licensed(**values: float) -> World:
    return World("tenant").read(
        "license", *(sample(f"avepoint_license_{name}", value) for name, value in values.items())
    )


@pytest.mark.parametrize(("assigned", "outcome"), [(10, "fine"), (11, "wrong")])
def test_seats_are_exceeded_above_the_purchased_ones(assigned: float, outcome: str) -> None:
    assert licensed(purchased_seats=10, assigned_seats=assigned).outcome("seats_exceeded") == outcome


def test_without_a_purchase_there_is_nothing_to_exceed() -> None:
    assert licensed(purchased_seats=0, assigned_seats=5).outcome("seats_exceeded") == "fine"
    assert licensed(assigned_seats=5).outcome("seats_exceeded") == "unknown"
    assert licensed(purchased_seats=5).outcome("seats_exceeded") == "fine"


@pytest.mark.parametrize(
    ("used", "problems"),
    [(899, set()), (900, {"storage_nearly_full"}), (999, {"storage_nearly_full"}), (1000, {"storage_full"})],
)
def test_storage_is_nearly_full_until_it_is_full(used: float, problems: set[str]) -> None:
    assert licensed(purchased_storage_bytes=1000, protected_bytes=used).names() == problems


def test_a_license_out_of_policy_tells_since_when() -> None:
    world = licensed(out_of_policy=1, out_of_policy_timestamp_seconds=NOW - DAY)

    assert world.names() == {"license_out_of_policy"}
    assert world.start_of("license_out_of_policy") == NOW - DAY
    assert licensed(out_of_policy=0).outcome("license_out_of_policy") == "fine"


def subscription(*, expiry: float | None = NOW + 365 * DAY, name: str = "", **values: float) -> list[Sample]:
    labels: dict[str, Any] = {"customer_id": CUSTOMER, "service_type": SERVICE, "subscription": name}
    found = [sample("avepoint_subscription_info", **labels)]
    found += [sample(f"avepoint_subscription_{key}", value, **labels) for key, value in values.items()]
    if expiry is not None:
        found.append(sample("avepoint_subscription_expiry_timestamp_seconds", expiry, **labels))
    return found


@pytest.mark.parametrize(
    ("left", "problems"),
    [
        (30 * DAY + 1, set()),
        (30 * DAY, {"subscription_expiring"}),
        (1, {"subscription_expiring"}),
        (0, {"subscription_expired"}),
        (1 - 30 * DAY, {"subscription_expired"}),
        (-30 * DAY, set()),
    ],
)
def test_a_subscription_expires_and_becomes_history(left: float, problems: set[str]) -> None:
    assert World().read("subscriptions", *subscription(expiry=NOW + left)).names() == problems


def test_the_last_subscription_of_a_service_counts() -> None:
    samples = subscription(expiry=NOW - DAY, name="old") + subscription(name="new")

    assert World().read("subscriptions", *samples).names() == set()
    unknown = World().read("subscriptions", *subscription(expiry=None, name="a"), *subscription(expiry=NOW, name="b"))
    assert unknown.outcome("subscription_expired") == "unknown"


def test_a_subscription_expires_by_time_alone() -> None:
    world = World().read("subscriptions", *subscription(expiry=NOW + HOUR))
    assert world.names() == {"subscription_expiring"}
    assert world.passes(HOUR).names() == {"subscription_expired"}
    assert world.start_of("subscription_expired") == NOW + HOUR
    [subject] = world.problems()["subscription_expired"]
    assert subject.service_type == SERVICE


def test_seats_and_storage_of_customers_are_of_a_service() -> None:
    over = subscription(purchased_seats=10, microsoft_licenses_assigned=11)
    full = subscription(purchased_capacity_bytes=100, protected_capacity_bytes=100)

    assert World().read("subscriptions", *over).names() == {"seats_exceeded"}
    assert World().read("subscriptions", *full).names() == {"storage_full"}


def test_an_unreadable_expiry_does_not_hide_used_up_seats_and_storage() -> None:
    values: dict[str, Any] = {"purchased_seats": 10, "microsoft_licenses_assigned": 11}
    values |= {"purchased_capacity_bytes": 100, "protected_capacity_bytes": 100}
    expiry = unread("avepoint_subscription_expiry_timestamp_seconds", customer_id=CUSTOMER, service_type=SERVICE)
    world = World().read("subscriptions", expiry, *subscription(expiry=None, **values))
    assert world.names() == {"seats_exceeded", "storage_full"}
    assert world.outcome("subscription_expired") == "unknown"

    values |= {"microsoft_licenses_assigned": 1, "protected_capacity_bytes": 1}
    world.passes(HOUR).read("subscriptions", expiry, *subscription(expiry=None, **values))
    assert world.names() == set()
    assert world.outcome("seats_exceeded") == world.outcome("storage_full") == "fine"


def test_several_subscriptions_are_bought_together_and_expired_ones_do_not_count() -> None:
    one = subscription(name="a", purchased_seats=10, microsoft_licenses_assigned=15)
    other = subscription(name="b", purchased_seats=10, microsoft_licenses_assigned=15)
    expired = subscription(name="b", expiry=NOW, purchased_seats=10, microsoft_licenses_assigned=15)

    assert World().read("subscriptions", *one, *other).names() == set()
    assert World().read("subscriptions", *one, *expired).names() == {"seats_exceeded"}


def test_part_of_a_usage_is_unknown() -> None:
    parts = subscription(name="a", purchased_seats=10, microsoft_licenses_assigned=1)
    parts += subscription(name="b", purchased_seats=1)

    assert World().read("subscriptions", *parts).outcome("seats_exceeded") == "unknown"
    assert World().read("subscriptions", *subscription(purchased_units=1)).outcome("seats_exceeded") == "fine"
    assert World().read("subscriptions", *subscription(purchased_seats=1)).outcome("seats_exceeded") == "fine"


def test_a_value_that_is_absent_neither_begins_nor_ends_a_problem() -> None:
    world = World().read("subscriptions", *subscription(expiry=NOW))
    assert world.names() == {"subscription_expired"}
    assert World().read("subscriptions", *subscription(expiry=None)).outcome("subscription_expired") == "fine"

    assert world.passes(HOUR).read("subscriptions", *subscription(expiry=None)).names() == {"subscription_expired"}
    assert world.passes(HOUR).read("subscriptions", *subscription()).names() == set()


def status(name: str) -> Sample:
    return sample("avepoint_customer_status", customer_id=CUSTOMER, status=name)


@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("working", set()),
        ("failed", {"customer_status_failed"}),
        ("multiple_issues_found", {"customer_attention"}),
        ("no_backup_updates", {"customer_attention"}),
        ("some_new_status", set()),
    ],
)
def test_avepoints_own_status_is_a_problem(name: str, problems: set[str]) -> None:
    assert World().read("customers", status(name)).names() == problems


def test_a_status_may_last_for_a_grace_period() -> None:
    world = World().read("customers", status("working"))
    assert world.names() == set()

    assert world.read("customers", status("failed")).names() == set()
    assert world.passes(2 * HOUR - 1).names() == set()
    assert world.passes(1).names() == {"customer_status_failed"}
    assert world.passes(60).read("customers", status("failed")).names() == {"customer_status_failed"}
    assert world.passes(60).read("customers").names() == set()
