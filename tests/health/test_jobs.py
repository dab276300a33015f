"""Test the problems with individual jobs and with restore tests."""

from typing import Any

import pytest

from tests.health.support import DAY, HOUR, NOW, World, job, unread

ON_PARTNER = "customer_jobs"


@pytest.mark.parametrize("state", ["failed", "failed_to_start"])
def test_a_failed_job_is_a_problem_until_it_is_history(state: str) -> None:
    world = World().read(ON_PARTNER, *job(state, start=NOW - 2 * HOUR, finish=NOW - HOUR, success=NOW - 3 * HOUR))
    assert world.names() == {"job_failed"}
    assert world.start_of("job_failed") == NOW - HOUR

    assert "job_failed" in world.passes(2 * DAY - HOUR - 1).reread().names()
    assert "job_failed" not in world.passes(1).reread().names()


def test_a_job_that_could_not_start_has_no_age() -> None:
    assert World().read(ON_PARTNER, *job("failed_to_start")).names() == {"job_failed"}


def test_a_running_job_does_not_clear_the_failed_one_before() -> None:
    world = World().read(ON_PARTNER, *job("failed", start=NOW, finish=NOW, success=NOW - HOUR))
    assert world.names() == {"job_failed"}

    world.passes(HOUR).read(ON_PARTNER, *job("in_progress", start=world.now, running=world.now, success=NOW - HOUR))
    assert world.names() == {"job_failed"}
    world.passes(HOUR).read(ON_PARTNER, *job(start=world.now, finish=world.now, success=world.now))
    assert world.names() == set()


def test_without_memory_the_job_before_a_running_one_is_unknown() -> None:
    world = World().read(ON_PARTNER, *job("in_progress", start=NOW, running=NOW, success=NOW - HOUR))

    assert world.outcome("job_failed") == "unknown"
    world.read(ON_PARTNER, *job("in_progress", completed="finished", start=NOW, running=NOW, success=NOW - HOUR))
    assert world.outcome("job_failed") == "fine"


def test_the_state_of_the_last_completed_job_is_a_fact_where_it_is_listed() -> None:
    ran: dict[str, Any] = {"start": NOW, "running": NOW, "finish": NOW - HOUR, "success": NOW - DAY}

    assert World("tenant").read("jobs", *job("in_progress", completed="failed", **ran)).names() == {"job_failed"}
    assert World("tenant").read("jobs", *job("in_progress", completed="finished", **ran)).names() == set()
    assert (
        World("tenant").read("jobs", *job("in_progress", **{**ran, "success": NOW - HOUR})).outcome("job_failed")
        == "fine"
    )


@pytest.mark.parametrize("state", ["finished_with_exception", "partially_finished"])
def test_incomplete_jobs_may_last_for_a_grace_period(state: str) -> None:
    world = World().read(ON_PARTNER, *job(start=NOW, finish=NOW, success=NOW))
    assert world.names() == set()

    world.read(ON_PARTNER, *job(state, start=NOW, finish=NOW, success=NOW))
    assert world.names() == set()
    assert world.passes(DAY - 1).reread().names() == set()
    assert world.passes(1).reread().names() == {"job_incomplete"}
    assert world.start_of("job_incomplete") == NOW + DAY


def test_an_incomplete_job_becomes_history() -> None:
    world = World(expectations={"backup_age": "10d"})
    world.read(ON_PARTNER, *job("finished_with_exception", start=NOW, finish=NOW, success=NOW))
    assert world.names() == {"job_incomplete"}  # without stored state, the problem begins immediately

    assert world.passes(2 * DAY).reread().names() == set()


@pytest.mark.parametrize("state", ["skipped", "canceled", "rejected", "stopped", "none", "some_new_state"])
def test_other_states_are_no_problem(state: str) -> None:
    assert World().read(ON_PARTNER, *job(state, start=NOW, success=NOW)).names() == set()


@pytest.mark.parametrize(("age", "wrong"), [(DAY - 1, False), (DAY, True)])
def test_a_job_is_stuck_from_job_runtime(age: float, *, wrong: bool) -> None:
    samples = job("in_progress", start=NOW - age, running=NOW - age, success=NOW - HOUR, job_type="export")
    problems = World("tenant").read("jobs", *samples).problems()

    assert [(one.workload, one.job_type) for one in problems.get("job_stuck", ())] == [("Teams", "export")] * wrong


def test_time_alone_makes_a_job_stuck_and_only_fresh_facts_end_it() -> None:
    world = World().read(ON_PARTNER, *job("in_progress", start=NOW, running=NOW, success=NOW), fresh_for=2 * DAY)
    assert world.passes(DAY).names() == {"job_stuck"}

    assert world.passes(12 * HOUR).restarts(reads=False).names() >= {"job_stuck"}
    assert world.read(ON_PARTNER, *job(start=NOW, success=world.now)).names() == set()


def test_restores_are_expected_only_if_configured() -> None:
    backup = job(start=NOW, success=NOW, oldest=NOW - 5 * DAY)
    restore = job(start=NOW, success=NOW - 90 * DAY, job_type="restore")
    assert World("tenant").read("jobs", *backup, *restore).names() == set()

    expectations = {"restore_age": "90d"}
    world = World("tenant", expectations).read("jobs", *backup, *restore)
    assert world.names() == {"restore_not_tested"}
    assert World("tenant", {"restore_age": "91d"}).read("jobs", *backup, *restore).names() == set()
    assert World("partner", expectations).read("customer_jobs", *backup).names() == set()


def test_a_restore_that_is_not_known_counts_from_the_oldest_job() -> None:
    world = World("tenant", {"restore_age": "90d"}).read("jobs", *job(start=NOW, success=NOW, oldest=NOW - 7 * DAY))
    assert world.names() == set()

    world.passes(83 * DAY).read("jobs", *job(start=world.now, success=world.now, oldest=world.now - 7 * DAY))
    assert world.names() == {"restore_not_tested"}


UNCLASSIFIED = ("job_failed", "job_incomplete", "job_stuck")


@pytest.mark.parametrize("labels", [{"workload": ""}, {"job_type": ""}, {"workload": "", "job_type": ""}])
def test_unclassified_jobs_are_never_fine(labels: dict[str, Any]) -> None:
    world = World("tenant").read("jobs", *job(start=NOW, finish=NOW, success=NOW, **labels))

    assert world.names() == set()
    assert {world.outcome(problem) for problem in UNCLASSIFIED} == {"unknown"}
    assert world.read("jobs", *job("failed", start=NOW, finish=NOW, **labels)).outcome("job_failed") == "wrong"


def test_an_unclassified_job_ends_no_problem_before_it_is_history() -> None:
    unclassified: dict[str, Any] = {"workload": "", "job_type": ""}
    world = World("tenant").read("jobs", *job("failed", start=NOW, finish=NOW), *job("failed", **unclassified))
    assert len(world.problems()["job_failed"]) == 2

    world.passes(HOUR).read("jobs", *job(start=world.now, finish=world.now, success=world.now, **unclassified))
    assert len(world.problems()["job_failed"]) == 2
    world.passes(2 * DAY).read("jobs", *job(start=world.now, finish=world.now, success=world.now, **unclassified))
    assert world.outcome("job_failed") == "unknown"
    world.read("jobs", *job(start=world.now, finish=world.now, success=world.now))
    assert world.outcome("job_failed") == "fine"


def test_a_retention_job_needs_no_workload() -> None:
    samples = job(start=NOW, finish=NOW, success=NOW, workload="", job_type="retention")

    assert World("tenant").read("jobs", *samples).outcome("job_failed") == "fine"


def test_jobs_of_a_product_without_workloads_are_fine() -> None:
    samples = job(start=NOW, finish=NOW, success=NOW, workload="", product="Salesforce")

    assert World().read(ON_PARTNER, *samples).outcome("job_failed") == "fine"


def test_a_dropped_job_matters_to_restore_tests_only_if_they_are_checked() -> None:
    assert World("tenant").read("jobs", unread()).outcome("restore_not_tested") == "fine"
    assert World("tenant", {"restore_age": "30d"}).read("jobs", unread()).outcome("restore_not_tested") == "unknown"
