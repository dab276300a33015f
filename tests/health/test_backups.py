"""Test the problems that depend on the age of the last successful backup."""

from typing import Any

import pytest

from exporter.collectors.base import Sample
from tests.health.support import DAY, HOUR, NOW, World, job, sample, unread

ON_PARTNER = "customer_jobs"
PER_DAY = "avepoint_backup_interval_seconds"
SCANNED = sample("avepoint_scanned_objects", 100, customer_id="c1", workload="Teams")


def partner(*, success: float | None, start: float = NOW, state: str = "finished", **expectations: object) -> World:
    return World(expectations=expectations).read(ON_PARTNER, *job(state, start=start, success=success))


@pytest.mark.parametrize(("age", "wrong"), [(26 * HOUR - 1, False), (26 * HOUR, True), (60 * HOUR, True)])
def test_a_backup_is_overdue_from_backup_age(age: float, *, wrong: bool) -> None:
    world = partner(success=NOW - age)

    assert ("backup_overdue" in world.names()) is wrong
    assert world.outcome("backup_overdue") == ("wrong" if wrong else "fine")
    assert world.due() == [NOW - age + 26 * HOUR]


def test_time_alone_begins_it_between_two_refreshes() -> None:
    world = partner(success=NOW - 25 * HOUR)
    assert world.names() == set()

    assert world.passes(HOUR - 1).names() == set()
    assert world.passes(1).names() == {"backup_overdue"}
    assert world.start_of("backup_overdue") == NOW + HOUR


def test_it_begins_only_on_fresh_facts() -> None:
    world = partner(success=NOW - 20 * HOUR)

    assert world.passes(12 * HOUR).names() == set()
    assert world.outcome("backup_overdue") == "unknown"
    assert world.reread().names() == {"backup_overdue"}


def test_the_interval_of_the_collector_says_how_long_facts_are_fresh() -> None:
    world = World().read(ON_PARTNER, *job(start=NOW, success=NOW - 20 * HOUR), fresh_for=9 * HOUR)

    assert world.passes(8 * HOUR).names() == {"backup_overdue"}


def test_it_is_held_until_fresh_facts_are_newer() -> None:
    world = partner(success=NOW - 30 * HOUR)
    assert world.names() == {"backup_overdue"}

    assert world.passes(5 * DAY).names() == {"backup_overdue"}
    assert world.outcome("backup_overdue") == "wrong"
    world.read(ON_PARTNER, *job(start=world.now, success=world.now - HOUR))
    assert world.names() == set()


@pytest.mark.parametrize("state", ["disabled", "waiting_for_configuration"])
def test_nothing_is_expected_of_a_backup_that_is_off(state: str) -> None:
    world = partner(success=NOW - 60 * HOUR, state=state)

    assert world.names() == set()
    assert world.due() == []


def test_without_new_jobs_it_has_stopped_and_then_retired() -> None:
    world = World().read(ON_PARTNER, *job("failed", start=NOW - 7 * DAY + 1, success=NOW - 8 * DAY))
    assert world.names() == {"backup_overdue"}

    world.passes(1).reread()
    assert world.names() == {"backup_stopped"}
    assert world.start_of("backup_stopped") == NOW + 1
    assert world.due() == []
    world.passes(23 * DAY - 1).reread()
    assert world.names() == {"backup_stopped"}
    assert world.passes(1).reread().names() == set()


def test_it_is_overdue_as_long_as_objects_are_scanned() -> None:
    world = partner(success=NOW - 20 * DAY, start=NOW - 19 * DAY).read("protected_data", SCANNED)

    assert world.names() == {"backup_overdue"}


def test_whether_it_has_stopped_is_unknown_while_the_scan_is_missing() -> None:
    world = World(collectors=["protected_data"])
    world.read(ON_PARTNER, *job("failed", start=NOW - 20 * DAY, success=NOW - 21 * DAY))
    assert world.names() == set()
    assert world.outcome("backup_overdue") == world.outcome("backup_stopped") == "unknown"

    assert world.read("protected_data").names() == {"backup_stopped"}


def test_the_last_success_stands_for_the_last_job_that_is_not_listed_any_more() -> None:
    samples = [one for one in job(success=NOW - 3 * DAY) if "state" not in one.family.name]

    assert World().read(ON_PARTNER, *samples).names() == {"backup_overdue"}
    assert World(now=NOW + 5 * DAY).read(ON_PARTNER, *samples).names() == {"backup_stopped"}


@pytest.mark.parametrize(("age", "name"), [(15 * HOUR - 1, None), (15 * HOUR, "backup_late"), (26 * HOUR, "")])
def test_a_backup_is_late_by_its_own_intervals_until_it_is_overdue(age: float, name: str | None) -> None:
    world = World("tenant").read("jobs", *job(start=NOW, success=NOW - age))
    world.read("backup_frequency", sample(PER_DAY, 6 * HOUR, workload="Teams"))

    assert world.names() == ({name or "backup_overdue"} if name is not None else set())


def test_late_becomes_overdue_by_time_alone() -> None:
    world = World("tenant").read("jobs", *job(start=NOW, success=NOW - 25 * HOUR))
    world.read("backup_frequency", sample(PER_DAY, 6 * HOUR, workload="Teams"))
    assert world.names() == {"backup_late"}

    assert world.passes(HOUR).names() == {"backup_overdue"}


def test_whether_it_is_late_is_unknown_before_the_schedule_is_read() -> None:
    world = World("tenant", collectors=["backup_frequency"]).read("jobs", *job(start=NOW, success=NOW - HOUR))

    assert world.outcome("backup_late") == "unknown"
    assert world.read("backup_frequency").outcome("backup_late") == "fine"


@pytest.mark.parametrize("location", ["", "EUR"])
def test_a_schedule_applies_to_its_geo_location(location: str) -> None:
    world = World("tenant").read("jobs", *job(start=NOW, success=NOW - 20 * HOUR, geo_location="EUR"))
    world.read("backup_frequency", sample(PER_DAY, 6 * HOUR, workload="Teams", geo_location=location))

    [subject] = world.problems()["backup_late"]
    assert (subject.product, subject.workload, subject.geo_location) == ("Microsoft 365", "Teams", "EUR")


def test_without_a_known_success_it_is_unknown_and_then_never_succeeded() -> None:
    world = World().read(ON_PARTNER, *job("failed", start=NOW, finish=NOW))
    assert world.names() == {"success_unknown", "job_failed"}

    assert world.passes(DAY - 1).reread().names() == {"success_unknown", "job_failed"}
    assert world.passes(1).reread().names() == {"backup_never_succeeded", "job_failed"}
    assert world.start_of("backup_never_succeeded") == NOW + DAY


def test_a_restart_without_memory_counts_customers_from_its_start() -> None:
    world = World().read(ON_PARTNER, *job("failed", start=NOW + DAY, finish=NOW)).passes(DAY)
    assert "backup_never_succeeded" in world.reread().names()

    assert "success_unknown" in world.restarts(memory=False).names()
    assert "backup_never_succeeded" in world.passes(DAY).reread().names()


def test_a_restart_with_memory_goes_on_counting() -> None:
    world = World().read(ON_PARTNER, *job("failed", start=NOW + DAY, finish=NOW))
    assert "success_unknown" in world.names()

    assert "backup_never_succeeded" in world.passes(DAY).restarts().reread().names()


def test_an_unknown_state_may_mean_success() -> None:
    world = World().read(ON_PARTNER, *job("accomplished", start=NOW, finish=NOW))

    assert "backup_never_succeeded" not in world.passes(2 * DAY).reread().names()


def test_a_finished_job_without_a_finish_time_may_be_a_success() -> None:
    world = World().read(ON_PARTNER, *job("finished", start=NOW))

    assert "backup_never_succeeded" not in world.passes(2 * DAY).reread().names()
    assert "success_unknown" in world.names()


def test_tenants_are_counted_from_the_oldest_job() -> None:
    samples = job("failed", start=NOW - HOUR, finish=NOW, oldest=NOW - 2 * DAY)

    assert "backup_never_succeeded" in World("tenant").read("jobs", *samples).names()


@pytest.mark.parametrize(("state", "start"), [("disabled", NOW), ("failed", NOW - 8 * DAY), ("not_started", None)])
def test_without_recent_jobs_no_success_is_expected(state: str, start: float | None) -> None:
    world = World().read(ON_PARTNER, *job(state, start=start))

    assert world.passes(2 * DAY).reread().names() <= {"job_failed"}


def test_restores_and_jobs_without_a_workload_are_no_backups() -> None:
    old: dict[str, Any] = {"start": NOW, "success": NOW - 60 * HOUR}
    world = World("tenant").read("jobs", *job(**old, job_type="restore"), *job(**old, workload=""))

    assert world.names() == set()


def test_each_product_and_workload_has_its_own_limit() -> None:
    exceptions = [
        {"workloads": ["power bi"], "backup_age": "8d"},
        {"customers": ["c1"], "workloads": ["Teams"], "ignore": ["backup_overdue"]},
        {"customers": ["c2"], "backup_age": "1h"},
    ]
    samples = [
        one
        for name in ("Power BI", "Teams", "OneDrive")
        for one in job(start=NOW, success=NOW - 3 * DAY, workload=name)
    ]
    world = World(expectations={"exceptions": exceptions}).read(ON_PARTNER, *samples)

    assert [subject.workload for subject in world.problems()["backup_overdue"]] == ["OneDrive"]


def test_an_exception_may_have_any_name_of_a_workload() -> None:
    exceptions = [{"workloads": ["Yammer", "Office 365 groups"], "backup_age": "8d"}]
    samples = [
        one
        for name in ("Viva Engage", "Microsoft 365 Groups", "Teams")
        for one in job(start=NOW, success=NOW - 3 * DAY, workload=name)
    ]
    world = World(expectations={"exceptions": exceptions}).read(ON_PARTNER, *samples)

    assert [subject.workload for subject in world.problems()["backup_overdue"]] == ["Teams"]


OF_BACKUPS = ("backup_overdue", "backup_late", "backup_stopped", "backup_never_succeeded", "success_unknown")


@pytest.mark.parametrize("labels", [{"workload": ""}, {"job_type": ""}, {"workload": "", "job_type": ""}])
def test_backups_are_unknown_while_jobs_are_unclassified(labels: dict[str, Any]) -> None:
    classified = job(start=NOW, finish=NOW, success=NOW)
    world = World("tenant").read("jobs", *job(start=NOW, finish=NOW, success=NOW, **labels), *classified)

    assert {world.outcome(problem) for problem in OF_BACKUPS} == {"unknown"}
    assert {world.read("jobs", *classified).outcome(problem) for problem in OF_BACKUPS} == {"fine"}


def test_an_unclassified_job_ends_no_problem_of_a_backup() -> None:
    world = World("tenant").read("jobs", *job(start=NOW, success=NOW - 30 * HOUR))
    assert world.names() == {"backup_overdue"}

    world.passes(HOUR).read("jobs", *job(start=world.now, success=world.now, workload="", job_type=""))
    assert world.outcome("backup_overdue") == "wrong"
    unclassified = job(start=world.now, success=world.now, job_type="")
    world.read("jobs", *job(start=world.now, success=world.now), *unclassified)
    assert world.outcome("backup_overdue") == "unknown"
    assert world.read("jobs", *job(start=world.now, success=world.now)).outcome("backup_overdue") == "fine"


@pytest.mark.parametrize("state", ["accomplished", "finished", "failed"])
def test_without_a_known_success_it_is_unknown_whether_a_backup_is_overdue(state: str) -> None:
    world = partner(success=None, state=state)

    assert world.outcome("backup_overdue") == "unknown"
    assert partner(success=None, state="disabled").outcome("backup_overdue") == "fine"


def test_without_a_known_success_it_is_unknown_whether_a_backup_has_stopped() -> None:
    world = partner(success=None, start=NOW - 8 * DAY)

    assert world.outcome("backup_stopped") == "unknown"
    assert world.read("protected_data", SCANNED).outcome("backup_stopped") == "fine"


def test_backups_of_a_product_without_workloads_are_unknown() -> None:
    world = World().read(ON_PARTNER, *job(start=NOW, success=NOW, workload="", product="Salesforce"))

    assert world.outcome("backup_overdue") == "unknown"


@pytest.mark.parametrize("odd", [unread(), unread("avepoint_scanned_objects", workload="Teams")])
def test_an_idle_backup_is_unknown_if_its_scanned_objects_are_unreadable(odd: Sample) -> None:
    world = partner(success=NOW - 10 * DAY, start=NOW - 10 * DAY).read("protected_data", SCANNED)
    assert world.outcome("backup_overdue") == "wrong"

    world.passes(60).reread().read("protected_data", odd)
    assert world.names() == {"backup_overdue"}
    world.restarts(memory=False)
    assert world.outcome("backup_overdue") == "unknown"


@pytest.mark.parametrize("odd", [unread(), unread(PER_DAY, workload="Teams")])
def test_a_backup_is_not_known_to_be_on_time_if_its_schedule_is_unreadable(odd: Sample) -> None:
    schedule = sample(PER_DAY, 3600.0, workload="Teams")
    world = World("tenant").read("jobs", *job(start=NOW, success=NOW - 10 * HOUR)).read("backup_frequency", schedule)
    assert world.outcome("backup_late") == "wrong"

    world.passes(60).reread().read("backup_frequency", odd)
    assert world.names() == {"backup_late"}
    world.restarts(memory=False)
    assert world.outcome("backup_late") == "unknown"


def test_the_scan_of_microsoft_365_is_no_reason_to_expect_backups_of_another_product() -> None:
    samples = job(start=NOW - 30 * DAY, success=NOW - 30 * DAY, product="Salesforce")
    world = World().read(ON_PARTNER, *samples).read("protected_data", SCANNED)
    assert world.outcome("backup_overdue") == "fine"
    same = job(start=NOW - 30 * DAY, success=NOW - 30 * DAY)
    assert World().read(ON_PARTNER, *same).read("protected_data", SCANNED).outcome("backup_overdue") == "wrong"
