"""Test verdicts with random facts, random times between refreshes, and restarts with stored state."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.collectors.base import Sample
from exporter.health.memory import HeldProblem, ProblemKey
from exporter.health.registry import PROBLEMS
from tests.health.support import CUSTOMER, DAY, HOUR, NOW, World, job, sample

EXCLUSIVE = (
    ("backup_late", "backup_overdue"), ("backup_stopped", "backup_overdue"), ("storage_nearly_full", "storage_full"),
    ("subscription_expiring", "subscription_expired"), ("job_incomplete", "job_failed"),
    ("success_unknown", "backup_never_succeeded"),
)  # fmt: skip
SEVERITIES: dict[str, str] = {problem.name: problem.severity for problem in PROBLEMS}
HIDDEN_BY = {problem.name: problem.hidden_by for problem in PROBLEMS}
STATES = ("finished", "failed", "in_progress", "finished_with_exception", "skipped", "disabled", "waiting")
AGES = st.sampled_from([None, 0.0, HOUR, 20 * HOUR, 27 * HOUR, 5 * DAY, 8 * DAY, 40 * DAY])
Problems = Mapping[ProblemKey, HeldProblem]


@st.composite
def jobs(draw: st.DrawFn, now: float) -> list[Sample]:
    ages: dict[str, Any] = {name: draw(AGES) for name in ("start", "finish", "success", "running")}
    times: dict[str, Any] = {name: None if age is None else now - age for name, age in ages.items()}
    return job(draw(st.sampled_from(STATES)), **times)


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[str, Any]]:
    kinds = st.sampled_from(["jobs", "data", "subscriptions", "nothing", "restart", "restart without reads", "off"])
    found: list[tuple[str, Any]] = []
    now = NOW
    for kind in draw(st.lists(kinds, min_size=1, max_size=12)):
        value: Any = None
        if kind == "jobs":
            value = draw(jobs(now))
        elif kind == "data":
            value = draw(st.tuples(st.sampled_from([None, 0, 100]), st.sampled_from([None, 0, 80, 100])))
        elif kind == "subscriptions":
            value = (draw(st.sampled_from([-40, -1, 1, 20, 90])), draw(st.sampled_from([None, 0, 80, 95, 120])))
        found.append((kind, value))
        passed = draw(st.sampled_from([0.0, 60.0, HOUR, 2 * HOUR, 3 * HOUR, 12 * HOUR, 2 * DAY, 9 * DAY]))
        found.append(("time", passed))
        now += passed
    return found


def take(world: World, kind: str, value: Any) -> None:
    labels = {"customer_id": CUSTOMER, "workload": "Teams"}
    match kind, value:
        case "time", float(seconds):
            world.passes(seconds)
        case "jobs", list(samples):
            world.read("customer_jobs", *samples)
        case "data", (scanned, protected):
            values = {"avepoint_scanned_objects": scanned, "avepoint_protected_objects": protected}
            world.read(
                "protected_data", *(sample(key, one, **labels) for key, one in values.items() if one is not None)
            )
        case "subscriptions", (days, used):
            service = {"customer_id": CUSTOMER, "service_type": "Backup"}
            values = {"expiry_timestamp_seconds": NOW + days * DAY, "purchased_capacity_bytes": 100}
            values |= {"protected_capacity_bytes": used}
            world.read(
                "subscriptions",
                *(
                    sample(f"avepoint_subscription_{key}", one, **service)
                    for key, one in values.items()
                    if one is not None
                ),
            )
        case "restart", _:
            world.restarts()
        case "restart without reads", _:
            world.restarts(reads=False)


def problems(world: World) -> Problems:
    world.verdict.settle(world.now)
    return {held.key: held for held in world.verdict[CUSTOMER].problems} if CUSTOMER in world.verdict else {}


@settings(max_examples=150, deadline=None)
@given(steps())
def test_no_problem_ends_or_begins_without_fresh_facts(taken: list[tuple[str, Any]]) -> None:
    world = World(collectors=["customer_jobs", "protected_data", "subscriptions"])
    world.verdict.mark([CUSTOMER])
    before = problems(world)
    for kind, value in taken:
        take(world, kind, value)
        now = problems(world)
        for key in before.keys() - now.keys():
            source = world.sources[before[key].collector]
            is_hidden = any(ProblemKey(other, key.subject) in now for other in HIDDEN_BY[key.problem])
            assert is_hidden or (source.fresh_until > world.now and (source.read_at or 0) > before[key].began)
        for key in now.keys() - before.keys():
            assert world.sources[now[key].collector].fresh_until > world.now
        for key in now.keys() & before.keys():
            assert (now[key].start, now[key].began) == (before[key].start, before[key].began)
        before = now


@settings(max_examples=150, deadline=None)
@given(steps(), st.sampled_from([0.0, 0.3, 0.999]))
def test_what_holds_of_every_verdict(taken: list[tuple[str, Any]], share: float) -> None:
    world = World(collectors=["customer_jobs", "protected_data", "subscriptions"])
    world.verdict.mark([CUSTOMER])
    for kind, value in taken:
        take(world, kind, value)
        found = problems(world)
        for weaker, stronger in EXCLUSIVE:
            assert not any(key.problem == weaker and (stronger, key.subject) in found for key in found)
        for held in found.values():
            assert held.start <= held.began <= world.now
        for one in world.verdict.customer_samples(CUSTOMER):
            if one.family.name == "avepoint_problem":
                assert one.labels[2] == SEVERITIES[one.labels[1]]
        verdict = world.verdict[CUSTOMER]
        assert verdict.valid_until > world.now
        # Before `valid_until`, the verdict changes only if facts change. Therefore, the exporter may cache the
        # verdict.
        left = min(verdict.valid_until - world.now, 100 * DAY)
        world.now += share * left if left > 1 else 0  # rounding errors would be too large for shorter times
        world.verdict.mark([CUSTOMER])
        assert problems(world).keys() == found.keys()
        again = world.verdict[CUSTOMER]
        assert (set(again.outcomes()), again.due) == (set(verdict.outcomes()), verdict.due)
