"""Test the problems with objects, users, scans, consent, attacks and retention."""

import math
from typing import Any

import pytest

from exporter.collectors.base import Sample
from tests.health.support import CUSTOMER, DAY, HOUR, NOW, World, sample, unread

DATA = "protected_data"


def objects(scanned: float | None, protected: float | None, **labels: str) -> list[Sample]:
    values = {"avepoint_scanned_objects": scanned, "avepoint_protected_objects": protected}
    labels = {"customer_id": CUSTOMER, "workload": "Teams", **labels}
    return [sample(name, value, **labels) for name, value in values.items() if value is not None]


@pytest.mark.parametrize(
    ("scanned", "protected", "outcome"),
    [(100, 90, "fine"), (100, 89, "wrong"), (0, 0, "fine"), (100, 120, "fine"), (100, None, "unknown")],
)
def test_objects_are_unprotected_above_the_ratio(scanned: float, protected: float | None, outcome: str) -> None:
    assert World().read(DATA, *objects(scanned, protected)).outcome("objects_unprotected") == outcome


def test_an_exception_for_microsoft_365_covers_its_objects() -> None:
    exceptions = [{"products": ["Microsoft 365"], "ignore": ["objects_unprotected"]}]
    assert World().read(DATA, *objects(50, 0)).names() == {"objects_unprotected"}
    assert World(expectations={"exceptions": exceptions}).read(DATA, *objects(50, 0)).names() == set()


def test_the_parts_of_a_workload_are_added_up() -> None:
    enough = objects(50, 0, service_type="A") + objects(950, 950, service_type="B")
    [subject] = World().read(DATA, *objects(50, 0, service_type="A")).problems()["objects_unprotected"]

    assert (subject.product, subject.workload, subject.service_type) == ("", "Teams", "")
    assert World().read(DATA, *enough).names() == set()


def test_a_missing_number_neither_begins_nor_ends_it() -> None:
    world = World().read(DATA, *objects(100, 0))
    assert world.names() == {"objects_unprotected"}

    assert world.passes(HOUR).read(DATA, *objects(100, None)).names() == {"objects_unprotected"}
    assert world.passes(HOUR).read(DATA, *objects(100, 100)).names() == set()
    assert world.passes(HOUR).read(DATA, *objects(100, None)).names() == set()


def test_the_grace_period_counts_from_when_the_state_was_first_seen() -> None:
    world = World().read(DATA, *objects(100, 100))
    assert world.names() == set()

    assert world.read(DATA, *objects(100, 0)).names() == set()
    assert world.passes(2 * DAY - 1).reread().names() == set()
    assert world.passes(1).names() == {"objects_unprotected"}
    assert world.start_of("objects_unprotected") == NOW + 2 * DAY


def test_the_grace_period_goes_on_while_facts_are_missing_and_over_restarts() -> None:
    world = World().read(DATA, *objects(100, 100))
    assert world.names() == set()
    assert world.read(DATA, *objects(100, 0)).names() == set()

    assert world.passes(DAY).restarts(reads=False).names() == set()
    assert world.passes(DAY).names() == set()
    assert world.read(DATA, *objects(100, 0)).names() == {"objects_unprotected"}


def test_the_grace_period_begins_again_after_the_state_was_gone() -> None:
    world = World().read(DATA, *objects(100, 100))
    assert world.names() == set()
    assert world.read(DATA, *objects(100, 0)).names() == set()
    assert world.passes(DAY).read(DATA, *objects(100, 100)).names() == set()

    assert world.passes(DAY).read(DATA, *objects(100, 0)).names() == set()
    assert world.passes(DAY).reread().names() == set()


@pytest.mark.parametrize(("consent", "outcome"), [(0, "wrong"), (1, "fine")])
def test_any_missing_consent_counts(consent: float, outcome: str) -> None:
    samples = [
        sample("avepoint_app_consent", value, customer_id=CUSTOMER, tenant_id=tenant)
        for tenant, value in (("t1", 1.0), ("t2", consent))
    ]
    world = World().read("app_consent", *samples)

    assert world.outcome("consent_missing") in {outcome, None}  # None if no collector exports the family


@pytest.mark.parametrize(
    ("status", "outcome"), [("failed", "wrong"), ("failed_to_start", "wrong"), ("finished", "fine")]
)
def test_a_failed_scan_counts(status: str, outcome: str) -> None:
    world = World().read("customer_jobs", sample("avepoint_customer_scan_status", customer_id=CUSTOMER, status=status))

    assert world.outcome("scan_failed") == outcome


def test_a_scan_may_fail_for_a_grace_period() -> None:
    scan = "avepoint_customer_scan_status"
    world = World().read("customer_jobs", sample(scan, customer_id=CUSTOMER, status="finished"))
    assert world.names() == set()

    world.read("customer_jobs", sample(scan, customer_id=CUSTOMER, status="failed"))
    assert world.names() == set()
    assert world.passes(30 * HOUR).reread().names() == {"scan_failed"}


def activity(ransomware: float, unusual: float) -> World:
    labels = {"workload": "OneDrive", "geo_location": "EUR"}
    return World("tenant").read(
        "unusual_activity",
        sample("avepoint_potential_ransomware_sites", ransomware, **labels),
        sample("avepoint_unusual_activity_sites", unusual, **labels),
    )


def test_ransomware_hides_unusual_activity() -> None:
    assert activity(0, 0).names() == set()
    assert activity(0, 1).names() == {"unusual_activity"}
    assert activity(1, 3).names() == {"ransomware_suspected"}
    [subject] = activity(1, 0).problems()["ransomware_suspected"]
    assert (subject.workload, subject.geo_location, subject.product) == ("OneDrive", "EUR", "")


def retention(
    period: float | None, shortest: float | None = None, workload: str = "Teams", expected: str = "1y"
) -> World:
    values = {"avepoint_retention_seconds": period, "avepoint_retention_shortest_seconds": shortest}
    samples = [sample(name, value, workload=workload) for name, value in values.items() if value is not None]
    return World("tenant", {"retention": expected}).read("retention", *samples)


def test_retention_is_too_short_below_what_is_expected() -> None:
    year = 365 * DAY
    assert retention(year, year).outcome("retention_too_short") == "fine"
    assert retention(math.inf, year - 1).outcome("retention_too_short") == "wrong"
    assert retention(year - 1, workload="").outcome("retention_too_short") == "wrong"
    assert retention(year, workload="").outcome("retention_too_short") == "fine"
    assert retention(math.inf).outcome("retention_too_short") == "unknown"
    assert retention(1.0, expected="0s").outcome("retention_too_short") == "fine"


TEAMS = {"workloads": ["Teams"], "retention": "1y"}


@pytest.mark.parametrize(
    ("expectations", "odd", "outcome"),
    [
        ({}, unread("avepoint_retention_seconds", workload="Teams"), "fine"),
        ({}, unread(), "fine"),
        ({"retention": "1y"}, unread("avepoint_retention_seconds", workload="Teams"), "unknown"),
        ({"retention": "1y"}, unread(), "unknown"),
        ({"exceptions": [TEAMS]}, unread("avepoint_retention_seconds", workload="Teams"), "unknown"),
        ({"exceptions": [TEAMS]}, unread("avepoint_retention_seconds", workload="OneDrive"), "fine"),
        ({"exceptions": [TEAMS]}, unread(), "unknown"),
        ({"retention": "1y", "ignore": ["retention_too_short"]}, unread(), "fine"),
        ({"ignore": ["retention_too_short"], "exceptions": [{**TEAMS, "ignore": []}]}, unread(), "unknown"),
    ],
)
def test_an_unreadable_retention_period_matters_only_if_it_is_checked(
    expectations: dict[str, Any], odd: Sample, outcome: str
) -> None:
    assert World("tenant", expectations).read("retention", odd).outcome("retention_too_short") == outcome


def test_a_customer_with_its_own_ignore_list_is_not_unknown() -> None:
    exceptions = [{"customers": [CUSTOMER], "ignore": ["ransomware_suspected"]}]
    dropped = unread(customer_id=CUSTOMER)
    assert World().read("ransomware", dropped).outcome("ransomware_suspected") == "unknown"
    world = World("partner", {"exceptions": exceptions}).read("ransomware", dropped)
    assert world.outcome("ransomware_suspected") == "fine"
