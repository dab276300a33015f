"""Test the scenarios for generated data, and the faults in the scenario `incident`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from avepoint_simulator import SCENARIOS, GeneratedPortfolio, Simulator, TenantDetails, unix_ns
from avepoint_simulator.data.scenarios import Scenario, conditions
from avepoint_simulator.faults.incident import OUTAGE_BEGINS, OUTAGE_ENDS

START = 1_780_000_000.0
HOUR, DAY = 3_600.0, 86_400.0
CUSTOMERS = 200
FINISHED, RUNNING = 2, 1


def make(scenario: Scenario, **changes: Any) -> GeneratedPortfolio:
    return GeneratedPortfolio(
        **{"seed": 1, "customers": CUSTOMERS, "start": START, "speed": 60.0, "scenario": scenario} | changes
    )


def problems(portfolio: GeneratedPortfolio, now: float) -> dict[int, set[str]]:
    """Return the problems of each customer, computed from the simulated records."""
    found: dict[int, set[str]] = {}
    for number, customer in enumerate(portfolio.customers(now)):
        wrong = {"status"} if customer.job_status != 1 else set()
        wrong |= set(_job_problems(portfolio.customer_jobs(customer.id, now) or (), now))
        rows = portfolio.protected_rows(customer.id, now) or ()
        wrong |= {"unprotected"} if any(row.protected_objects < 0.9 * row.scanned_objects for row in rows) else set()
        for one in portfolio.subscriptions(customer.id, now):
            if one.expiration_unix_ns is not None and one.expiration_unix_ns < unix_ns(now + 30 * DAY):
                wrong.add("expiring")
            if (one.licenses_assigned or 0) > (one.user_seats or 0):
                wrong.add("seats")
        wrong |= set(_tenant_problems(portfolio.tenant_details(customer.id, now) or ()))
        if wrong:
            found[number] = wrong
    return found


def _tenant_problems(tenants: Iterable[TenantDetails]) -> Iterable[str]:
    for one in tenants:
        states = [is_protected for user in one.users for _, is_protected in user.modules]
        if states.count(False) > 0.1 * len(states):
            yield "users"
        if False in one.consents:
            yield "consent"
        if any(profile.status != FINISHED for profile in one.scan_profiles):
            yield "scan"
        if any(found.ransomware for found in one.detections or ()):
            yield "ransomware"


def _job_problems(jobs: Iterable[Any], now: float) -> Iterable[str]:
    newest: dict[Any, Any] = {}
    for job in jobs:
        newest.setdefault((job.job_type, job.job_module), job)  # newest first
    for (job_type, _), job in newest.items():
        if job.status not in (FINISHED, RUNNING):
            yield "failed"
        started = job.start_unix_ns
        if job_type and started is not None and started < unix_ns(now - 26 * HOUR):
            yield "stuck" if job.status == RUNNING else "overdue"


@pytest.mark.parametrize("minutes", [0, 7, 45])
@pytest.mark.parametrize("seed", [1, 2])
def test_healthy_has_no_problem(seed: int, minutes: int) -> None:
    portfolio, now = make("healthy", seed=seed), START + minutes * 60
    assert problems(portfolio, now) == {}
    assert portfolio.unusual_activities(now) == ()
    license_record = portfolio.license(now)
    assert license_record is not None
    assert license_record.assigned_user_seats < license_record.purchased_user_seats
    assert license_record.out_of_policy_unix_ns is None
    assert {job.state for job in portfolio.jobs(now)} <= {FINISHED, RUNNING}


def test_a_healthy_license_stays_healthy() -> None:
    record = make("healthy").license(START + 30 * DAY)
    assert record is not None
    assert record.assigned_user_seats < record.purchased_user_seats
    assert record.protected_gb < 0.9 * record.purchased_storage_gb


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_typical_has_problems_at_one_customer_in_twenty(seed: int) -> None:
    portfolio = make("typical", seed=seed)
    found = problems(portfolio, START + 600)
    assert len(found) == CUSTOMERS / 20
    kinds = set().union(*found.values())
    assert kinds == {
        "overdue", "failed", "status", "unprotected", "expiring", "stuck", "users", "consent", "scan",
    }  # fmt: skip
    assert found == problems(make("typical", seed=seed), START + 600)


def test_typical_has_unusual_activities_without_ransomware() -> None:
    activities = make("typical").unusual_activities(START)
    assert activities
    assert not any(one.ransomware_sites for one in activities)


def test_the_default_demo_shows_a_problem() -> None:
    found = problems(make("typical", customers=25), START + 600)
    assert len(found) in (1, 2)
    assert "overdue" in set().union(*found.values())


def test_an_incident_affects_a_third_of_the_customers_and_a_tenant() -> None:
    portfolio = make("incident")
    found = problems(portfolio, START + 600)
    overdue = [number for number, wrong in found.items() if "overdue" in wrong]
    assert CUSTOMERS * 0.28 < len(overdue) < CUSTOMERS * 0.35
    assert any(one.ransomware_sites for one in portfolio.unusual_activities(START))
    assert sum("ransomware" in wrong for wrong in found.values()) == CUSTOMERS / 20
    assert any(job.state == 3 for job in portfolio.jobs(START))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_conditions_only_depend_on_scenario_seed_and_number(scenario: Scenario) -> None:
    first = [conditions(scenario, 5, number) for number in range(100)]
    assert first == [conditions(scenario, 5, number) for number in range(100)]


def test_an_incident_has_an_outage_and_throttling() -> None:
    now = START
    simulator = Simulator(now=lambda: now, customers=1, scenario="incident")
    before = [simulator.faults.pick("jobs_modern") for _ in range(300)]
    assert set(before) == {None, "too_many_requests"}
    assert 10 < sum(fault is not None for fault in before) < 60
    now = START + OUTAGE_BEGINS
    assert {simulator.faults.pick("jobs_modern") for _ in range(10)} == {"unavailable"}
    assert simulator.faults.pick("token") is None
    now = START + OUTAGE_ENDS
    assert "unavailable" not in {simulator.faults.pick("jobs_modern") for _ in range(50)}
    assert Simulator(now=lambda: now, scenario="healthy").faults.pick("jobs_modern") is None
