"""Verdicts change as expected after restarts, reloads and removals, and only affected verdicts are updated."""

import json
from typing import Any, get_args

import pytest

from exporter.config.expectations import Expectations, ProblemName
from exporter.health.facts import Source, fresh_for
from exporter.health.families import FAMILIES
from exporter.health.registry import PROBLEMS, collectors_of
from exporter.health.verdict import AccountVerdict
from tests.health.support import CUSTOMER, DAY, HOUR, NOW, World, job, sample

JOBS = "customer_jobs"


def overdue(**expectations: Any) -> World:
    world = World(expectations=expectations).read(JOBS, *job("failed", start=NOW, finish=NOW, success=NOW - 2 * DAY))
    assert "backup_overdue" in world.names() or expectations
    return world


def test_every_problem_of_the_configuration_is_decided_once() -> None:
    names = [problem.name for problem in PROBLEMS]

    assert sorted(names) == sorted(get_args(ProblemName))
    assert all(set(problem.hidden_by) <= set(names) for problem in PROBLEMS)
    severities = {problem.name: problem.severity for problem in PROBLEMS}
    assert {name for name, severity in severities.items() if severity == "critical"} == {
        "backup_overdue", "backup_never_succeeded", "consent_missing", "ransomware_suspected", "storage_full",
        "license_out_of_policy",
    }  # fmt: skip
    assert {name for name, severity in severities.items() if severity == "info"} == {
        "success_unknown", "job_incomplete", "unusual_activity", "restore_not_tested", "customer_attention",
    }  # fmt: skip


def test_problems_rest_on_the_collectors_that_have_their_families() -> None:
    assert collectors_of("tenant")["backup_overdue"] >= {"jobs"}
    assert collectors_of("partner")["backup_overdue"] >= {"customer_jobs"}
    assert collectors_of("partner")["license_out_of_policy"] == frozenset()


def test_the_samples_name_the_problem_its_severity_and_its_subject() -> None:
    world = overdue()

    assert [(one.family.name, one.labels, one.value) for one in world.verdict.customer_samples(CUSTOMER)] == [
        ("avepoint_problem", (CUSTOMER, "backup_overdue", "critical", "Microsoft 365", "Teams", "", "", ""), 1.0),
        (
            "avepoint_problem_start_timestamp_seconds",
            (CUSTOMER, "backup_overdue", "critical", "Microsoft 365", "Teams", "", "", ""),
            NOW - 2 * DAY + 26 * HOUR,
        ),
        ("avepoint_problem", (CUSTOMER, "job_failed", "warning", "Microsoft 365", "Teams", "backup", "", ""), 1.0),
        (
            "avepoint_problem_start_timestamp_seconds",
            (CUSTOMER, "job_failed", "warning", "Microsoft 365", "Teams", "backup", "", ""),
            NOW,
        ),
        (
            "avepoint_backup_due_timestamp_seconds",
            (CUSTOMER, "Microsoft 365", "Teams", ""),
            NOW - 2 * DAY + 26 * HOUR,
        ),
    ]
    assert world.verdict.customer_samples("another") == ()
    assert all(len(one.labels) == len(set(one.labels)) for one in FAMILIES)


def test_counts_are_zero_filled_for_what_the_collectors_can_find() -> None:
    counts = {one.labels: one.value for one in overdue().verdict.count_samples()}

    assert counts["backup_overdue", "wrong"] == 1
    assert counts["backup_overdue", "fine"] == counts["backup_overdue", "unknown"] == 0
    assert counts["job_stuck", "fine"] == 1
    assert ("subscription_expired", "wrong") not in counts


def test_a_problem_outlives_a_restart_and_keeps_its_start() -> None:
    world = overdue()
    start = world.start_of("backup_overdue")

    assert world.passes(HOUR).restarts(reads=False).names() == {"backup_overdue", "job_failed"}
    assert world.start_of("backup_overdue") == start
    assert world.outcome("backup_overdue") == "wrong"
    assert world.outcome("job_stuck") == "unknown"


def test_facts_that_were_stored_before_the_problem_do_not_end_it() -> None:
    world = overdue()
    world.sources[JOBS] = Source(JOBS, tuple(job(start=NOW, success=NOW)), NOW - 60)
    world.verdict.mark([CUSTOMER])

    assert "backup_overdue" in world.names()
    assert world.passes(60).reread().names() == set()


def test_without_memory_a_lost_success_is_not_an_all_clear() -> None:
    world = overdue().passes(HOUR).restarts(memory=False, reads=False)
    assert world.names() == set()
    assert world.outcome("backup_overdue") == "unknown"

    world.read(JOBS, *job("failed", start=NOW, finish=NOW))
    assert world.names() == {"success_unknown", "job_failed"}


@pytest.mark.parametrize(
    "change",
    [
        {"ignore": ["backup_overdue", "job_failed"]},
        {"backup_age": "3d", "job_verdict_age": "1m"},
        {"exceptions": [{"workloads": ["Teams"], "ignore": ["backup_overdue", "job_failed"]}]},
    ],
)
def test_the_configuration_ends_a_problem_at_once(change: dict[str, Any]) -> None:
    assert overdue().passes(60).expects(**change).names() == set()


def test_it_does_so_on_the_last_facts_where_those_are_stale() -> None:
    assert overdue().passes(DAY).expects(backup_age="8d", job_verdict_age="1m").names() == set()


def test_but_not_without_any_facts() -> None:
    world = overdue().restarts(reads=False)

    assert world.expects(backup_age="8d").names() == {"backup_overdue", "job_failed"}
    assert world.passes(60).read(JOBS, *job(start=NOW, success=NOW - 2 * DAY)).names() == set()


def test_a_longer_grace_period_ends_a_problem_at_once() -> None:
    world = World().read(JOBS, *job(start=NOW, success=NOW))
    assert world.names() == set()
    world.read(JOBS, *job("partially_finished", start=NOW, finish=NOW, success=NOW))
    assert world.names() == set()
    assert world.passes(DAY).reread().names() == {"job_incomplete"}

    assert world.expects(incomplete_after="36h").names() == set()
    assert world.passes(12 * HOUR).reread().expects(incomplete_after="36h", backup_age="9d").names() == {
        "job_incomplete"
    }


def test_the_configuration_begins_a_problem_on_fresh_facts_only() -> None:
    world = World().read(JOBS, *job(start=NOW, success=NOW - HOUR))
    assert world.names() == set()

    assert world.expects(backup_age="30m").names() == {"backup_overdue"}
    assert world.expects(backup_age="1d").names() == set()
    assert world.passes(4 * HOUR).expects(backup_age="30m").names() == set()


def test_a_collector_that_is_off_or_disabled_ends_its_problems() -> None:
    world = overdue()
    world.sources[JOBS] = Source(JOBS, off=True)
    world.verdict.mark([CUSTOMER])
    assert world.names() == set()
    assert world.outcome("backup_overdue") == "unknown"

    world = overdue()
    del world.sources[JOBS]
    world.verdict.mark([CUSTOMER])
    assert world.names() == set()
    assert world.outcome("backup_overdue") is None


def test_a_product_that_the_customer_does_not_have_leaves_no_doubt() -> None:
    world = World("tenant").read("jobs", *job(start=NOW, success=NOW))
    world.sources |= {name: Source(name, off=True) for name in ("google_jobs", "salesforce_jobs")}
    assert world.outcome("backup_overdue") == "fine"
    world.sources["google_jobs"] = Source("google_jobs")
    world.verdict.mark([""])
    assert world.outcome("backup_overdue") == "unknown"
    world.sources = {name: Source(name, off=True) for name in world.sources}
    world.verdict.mark([""])
    assert world.outcome("backup_overdue") == "unknown"


def test_a_customer_that_left_the_list_is_held_for_a_day() -> None:
    world = overdue()
    world.verdict.list_read([], world.now)
    world.sources = {name: Source(name) for name in world.sources}

    assert world.names() == {"backup_overdue", "job_failed"}
    assert world.outcome("job_stuck") is None
    assert world.passes(DAY - 1).names() == {"backup_overdue", "job_failed"}
    assert world.passes(1).names() == set()
    assert CUSTOMER not in world.verdict
    assert world.outcome("backup_overdue") is None


def test_a_customer_that_comes_back_is_judged_as_before() -> None:
    world = overdue()
    world.verdict.list_read([], world.now)
    assert world.names()

    world.passes(12 * HOUR).verdict.list_read([CUSTOMER], world.now)
    assert world.passes(DAY).names() == {"backup_overdue", "job_failed"}


def test_how_long_a_customer_is_absent_outlives_a_restart() -> None:
    world = overdue()
    world.verdict.list_read([], world.now)

    assert world.passes(12 * HOUR).restarts(reads=False).names()
    assert world.passes(12 * HOUR).names() == set()


def test_a_customer_without_problems_is_dropped_when_it_leaves() -> None:
    world = World().read(JOBS, *job(start=NOW, success=NOW))
    assert world.outcome("backup_overdue") == "fine"

    world.verdict.list_read([], world.now)
    assert world.outcome("backup_overdue") is None
    assert len(world.verdict) == 0


def test_a_customer_that_is_not_wanted_is_dropped_at_once() -> None:
    world = overdue()
    world.verdict.drop(CUSTOMER)

    assert world.names() == set()
    assert list(world.verdict) == []


def test_only_what_changed_is_judged_again() -> None:
    reads = {f"c{number}": {JOBS: Source(JOBS, tuple(job(start=NOW, success=NOW)), NOW)} for number in range(10)}
    verdict = AccountVerdict("partner", Expectations(), lambda customer: reads.get(customer, {}), started=NOW)
    verdict.mark(reads)
    assert list(verdict.steps(NOW)) == list(reads)

    assert list(verdict.steps(NOW + HOUR)) == []
    verdict.mark(["c3"])
    assert list(verdict.steps(NOW + HOUR)) == ["c3"]
    assert list(verdict.steps(NOW + 3 * HOUR)) == list(reads)  # after 3 hours, all facts are stale
    assert list(verdict.steps(NOW + 4 * HOUR)) == []


def test_the_memory_is_json_and_the_same_after_a_round() -> None:
    world = overdue()
    world.verdict.list_read([], world.now)
    assert world.names()
    dumped = json.loads(json.dumps(world.dumped()))

    world.restarts()
    assert world.names()
    assert json.loads(json.dumps(world.dumped())) == dumped


@pytest.mark.parametrize(
    "dumped",
    [
        None,
        [],
        1,
        {"held": [], "first_seen": []},
        {"held": [], "first_seen": [], "judged": "x"},
        {"held": [], "first_seen": [], "judged": [], "absent_since": "yesterday"},
        {"held": [["x"]], "first_seen": [], "judged": []},
        {"held": [], "first_seen": [["x"]], "judged": []},
        {"held": [], "first_seen": [["job_stuck", [], 1]], "judged": []},
    ],
)
def test_what_is_not_the_memory_is_refused(dumped: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        World().verdict.load({CUSTOMER: dumped})


def test_problems_of_other_versions_are_left_out() -> None:
    row = ["no_such_problem", ["", "", "", "", ""], 1.0]
    memory = {"held": [[*row, 1.0, JOBS, "x"]], "first_seen": [row], "judged": []}
    world = World()
    world.verdict.load({CUSTOMER: memory})

    assert world.names() == set()


@pytest.mark.parametrize(("interval", "seconds"), [(300, 3 * HOUR), (HOUR, 3 * HOUR), (2 * HOUR, 6 * HOUR)])
def test_facts_are_fresh_for_three_hours_or_three_intervals(interval: float, seconds: float) -> None:
    assert fresh_for(interval) == seconds


def test_the_problem_of_a_collector_that_is_off_ends_although_the_customer_left() -> None:
    world = overdue()
    world.verdict.list_read([], world.now)
    assert world.names()

    world.read(JOBS, off=True)
    assert world.names() == set()


def test_a_problem_does_not_begin_in_the_future() -> None:
    world = World().read(JOBS, *job("failed", start=NOW + HOUR, finish=NOW + HOUR, success=NOW))
    assert world.start_of("job_failed") == NOW


def test_facts_that_are_as_old_as_a_problem_do_not_end_it() -> None:
    world = overdue()
    assert world.names()

    world.read(JOBS, *job(start=NOW, finish=NOW, success=NOW))
    assert world.names() == {"backup_overdue", "job_failed"}, "the facts were read when the problem began"
    world.passes(1).reread()
    assert world.names() == set()


def test_facts_are_not_fresh_at_the_end_of_their_time() -> None:
    world = World().read(JOBS, *job(start=NOW, success=NOW - 23 * HOUR), fresh_for=3 * HOUR)

    assert world.passes(3 * HOUR).names() == set(), "the backup is overdue, but the facts have just become stale"
    assert world.outcome("backup_overdue") == "unknown"


def test_a_condition_that_may_be_old_is_a_problem_from_now() -> None:
    world = World().read(JOBS, sample("avepoint_customer_scan_status", customer_id=CUSTOMER, status="failed"))

    assert world.start_of("scan_failed") == NOW
