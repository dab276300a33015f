from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from avepoint_simulator import GeneratedPortfolio, JobRecord, unix_ns
from avepoint_simulator.data.company_names import organization, owner_email
from avepoint_simulator.data.tenant_schedule import FAILING_WORKLOAD, STUCK_WORKLOAD

START = 1_780_000_000.0
HOUR, DAY = 3_600.0, 86_400.0


def make(**changes: Any) -> GeneratedPortfolio:
    return GeneratedPortfolio(**({"seed": 1, "customers": 40, "start": START} | changes))


def started_within(jobs: Any, now: float, seconds: float) -> list[JobRecord]:
    return [job for job in jobs if job.start_unix_ns > unix_ns(now - seconds)]


def everything(portfolio: GeneratedPortfolio, now: float) -> Any:
    customers = portfolio.customers(now)
    rows = [portfolio.protected_rows(customer.id, now) for customer in customers]
    return customers, rows, portfolio.jobs(now), portfolio.license(now)


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_the_data_is_a_function_of_seed_and_time(speed: float) -> None:
    one, other = make(speed=speed), make(speed=speed)
    later = START + 12_345
    other.jobs(later + 9 * DAY / speed)  # these calls must not change the results below
    other.customers(later + DAY)
    assert everything(one, later) == everything(other, later)
    assert everything(make(seed=2), START) != everything(one, START)


def test_the_first_customers_stay_when_there_are_more() -> None:
    assert list(make(customers=90).customers(START))[:40] == list(make().customers(START))


def test_five_thousand_organizations_are_all_different() -> None:
    customers = make(customers=5_000, seed=987).customers(START)
    for field in ("id", "organization"):
        assert len({getattr(customer, field) for customer in customers}) == 5_000
    assert all(customer.owner_email.endswith("@example.com") for customer in customers)
    assert not any("@" in customer.organization for customer in customers)
    assert len({organization(number) for number in range(30_000)}) == 30_000
    assert owner_email(7).endswith("@example.com")


def test_customers_have_every_status_and_some_change_theirs() -> None:
    portfolio = make()
    statuses = [[customer.job_status for customer in portfolio.customers(START + n * 6 * HOUR)] for n in range(4)]
    assert {code for status in statuses for code in status} == set(range(7))
    assert statuses[0] != statuses[1]


def test_problems_among_the_customers() -> None:
    portfolio = make()
    rows = {customer.id: portfolio.protected_rows(customer.id, START) or () for customer in portfolio.customers(START)}
    assert [len(of) for of in rows.values()].count(0) == 1
    assert all(3 <= len({row.service_module for row in of}) <= 12 for of in rows.values() if of)
    assert sum(len({row.service_type for row in of}) == 2 for of in rows.values()) == 5
    badly = [of for of in rows.values() if any(row.protected_objects < 0.9 * row.scanned_objects for row in of)]
    assert 3 <= len(badly) <= 10
    every = [row for of in rows.values() for row in of]
    assert {row.avepoint_bytes is None for row in every} == {row.byos_bytes is None for row in every} == {True, False}
    assert all(0 <= row.protected_objects <= row.scanned_objects for row in every)
    assert portfolio.protected_rows("nobody", START) is None


def test_protected_data_grows_with_the_speed() -> None:
    def scanned(speed: float, seconds: float) -> int:
        portfolio = make(speed=speed)
        customers = portfolio.customers(START)
        rows = [row for one in customers for row in portfolio.protected_rows(one.id, START + seconds) or ()]
        return sum(row.scanned_objects for row in rows)

    assert scanned(1, 0) < scanned(1, 10 * DAY) == scanned(60, 10 * DAY / 60)
    assert scanned(1, -30 * DAY) > 0


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_the_number_of_jobs_per_day(speed: float) -> None:
    portfolio = make(speed=speed)
    for days in (0, 1, 2.5):
        now = START + days * DAY / speed
        jobs = portfolio.jobs(now)
        assert 60 <= len(started_within(jobs, now, DAY / speed)) <= 120
        assert len({job.id for job in jobs}) == len(jobs)
        starts = [job.start_unix_ns for job in jobs]
        assert starts == sorted(starts, reverse=True)
        assert starts[0] <= unix_ns(now)


def test_the_history_of_eight_days_contains_all_job_types_and_states() -> None:
    jobs = make().jobs(START)
    oldest = unix_ns(START - 8 * DAY)
    assert oldest <= jobs[-1].start_unix_ns <= oldest + 3_600 * 10**9
    assert {job.job_type for job in jobs} == {1, 2, 3, 4, 5}
    assert {job.object_type for job in jobs if job.job_type == 1} == set(range(1, 13))
    states = Counter(job.state for job in jobs)
    assert set(states) == {1, 2, 3, 4, 5}
    assert states[2] > len(jobs) / 2
    assert all(
        job.total_objects == job.successful_objects + job.failed_objects + job.skipped_objects
        for job in jobs
        if job.finish_unix_ns is not None
    )


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_one_workload_has_failed_for_three_days(speed: float) -> None:
    jobs = make(speed=speed).jobs(START)
    backups = [job for job in jobs if job.job_type == 1 and job.object_type == FAILING_WORKLOAD]
    ended = [job for job in backups if job.finish_unix_ns is not None]
    good = [job for job in ended if job.state == 2]
    assert ended[0].state == 3
    assert good[0].start_unix_ns == unix_ns(START - 3 * DAY)
    assert all(job.state == 3 and job.failed_objects == 0 for job in ended if job.start_unix_ns > good[0].start_unix_ns)


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_one_job_is_stuck_for_forty_hours(speed: float) -> None:
    for later in (0.0, 2 * DAY):
        jobs = make(speed=speed).jobs(START + later)
        (stuck,) = [job for job in jobs if job.start_unix_ns == unix_ns(START - 40 * HOUR)]
        assert (stuck.state, stuck.finish_unix_ns, stuck.object_type) == (1, None, STUCK_WORKLOAD)


def test_fixed_jobs_disappear_after_eight_days() -> None:
    jobs = make(speed=60).jobs(START + 8 * DAY)
    assert all(job.start_unix_ns > unix_ns(START) for job in jobs)


def test_jobs_run_and_then_complete() -> None:
    portfolio = make()
    seen: dict[str, JobRecord] = {}
    ran, checked = 0, 0
    for minute in range(0, 24 * 60, 10):
        for job in portfolio.jobs(START + minute * 60):
            before = seen.get(job.id)
            if before is not None and before.state != job.state:
                assert (before.state, before.finish_unix_ns, before.start_unix_ns) == (1, None, job.start_unix_ns)
                checked += 1
            ran += job.state == 1
            seen[job.id] = job
    assert ran > 144
    assert checked > 20


def test_counts_grow_slowly() -> None:
    portfolio = make()

    def newest(now: float) -> int:
        return next(job.total_objects for job in portfolio.jobs(now) if (job.job_type, job.object_type) == (1, 9))

    assert newest(START) < newest(START + 10 * DAY) < 1.2 * newest(START)


def test_the_tenant_assigned_more_than_it_bought() -> None:
    portfolio = make()
    now, later = portfolio.license(START), portfolio.license(START + 10 * DAY)
    assert now is not None
    assert later is not None
    assert now.assigned_user_seats > now.purchased_user_seats
    assert now.protected_gb < later.protected_gb < later.purchased_storage_gb
    assert now.out_of_policy_unix_ns == later.out_of_policy_unix_ns == unix_ns(START - 5 * DAY)
    assert portfolio.license(START - 90 * DAY) is not None


def test_each_day_of_jobs_is_generated_once() -> None:
    portfolio = make()
    before = {job.id: job for job in portfolio.jobs(START) if job.finish_unix_ns is not None}
    after = {job.id: job for job in portfolio.jobs(START + 60)}
    assert before
    assert all(after[name] is job for name, job in before.items() if name in after)
