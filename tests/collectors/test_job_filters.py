"""If AvePoint ignores the filters of the job list, the exporter reports no wrong type, workload or other value."""

from collections import Counter, defaultdict
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.avepoint.reading.vocabulary import STATES, WORKLOADS
from tests.collectors.test_jobs_truth import TICK, TYPES, JobApi, Raw, _evolved, _job, ended, gauges, oracle
from tests.helpers import NOW, Samples, World, tenant

FOREVER = 10**9


def jobs(count: int, **values: Any) -> list[Raw]:
    random = Random(count)
    return [replace(_job(random, number, NOW), **values) for number in range(count)]


async def world_of(api: JobApi, **options: Any) -> World:
    world = World(api)
    await world.apply(tenant(collectors={"jobs": options}))
    return world


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("options", [{}, {"job_types": ["restore"]}])
async def test_a_service_that_ignores_filters_leaves_jobs_without_names(options: Any, *, legacy: bool) -> None:
    api = JobApi(jobs(40), legacy=legacy)
    api.ignores = FOREVER
    world = await world_of(api, **options)
    for _ in range(5):
        with capture_logs() as logs:
            assert await world.refresh()
        assert world.labels("avepoint_jobs", "workload") | world.labels("avepoint_jobs", "job_type") <= {""}
        assert world.labels("avepoint_last_success_timestamp_seconds", "job_type") <= {""}
        assert [log for log in logs if log["event"] == "AvePoint ignores the filter"]
        world.clock.advance(300)
    assert len(api.filters) <= 5 * 8, "a conflict ends the classification in this refresh"
    unknown = world.value("avepoint_unknown_values_total", account="contoso", field="jobKind")
    assert options or (unknown or 0) >= 1
    # The exporter has stored no wrong types. When the service applies filters again, the exporter finds all types.
    api.ignores = 0
    assert await world.refresh()
    types = tuple(options.get("job_types", ("backup", "restore", "export", "delete", "retention")))
    assert gauges(world) == oracle(api.jobs, world.clock.wall, {}, types=types)


@pytest.mark.parametrize("ignored", range(1, 24))
async def test_one_response_without_a_filter_gives_no_wrong_name(ignored: int) -> None:
    api = JobApi(jobs(30))
    world = await world_of(api)
    original, truth = api._list, oracle(api.jobs, NOW, {})

    count = 0

    def lies_once(request: Any) -> object:
        nonlocal count
        count += request.url.params["JobType"] != "0" or request.url.params["ObjectType"] != "0"
        api.ignores = 1 if count == ignored else 0
        return original(request)

    api.routes[next(iter(api.routes))] = lies_once
    assert await world.refresh()
    for (name, labels), value in gauges(world).items():
        if name == "avepoint_jobs" and {"workload", "job_type"} <= dict(labels).keys():
            assert value <= truth.get((name, labels), 0)
    assert await world.refresh()
    assert gauges(world) == oracle(api.jobs, world.clock.wall, {})


async def test_a_tenant_with_one_kind_of_job_costs_a_few_more_requests() -> None:
    api = JobApi(jobs(30, type=1, workload=1))
    world = await world_of(api)
    assert await world.refresh()
    assert gauges(world) == oracle(api.jobs, world.clock.wall, {})
    assert len(api.filters) == 19, "each value is requested once, and the value of the jobs twice"


async def test_a_known_job_of_another_value_proves_a_filter_without_more_requests() -> None:
    api = JobApi(jobs(30))
    world = await world_of(api)
    assert await world.refresh()
    api.filters.clear()
    api.jobs.append(replace(_job(Random(99), 99, NOW, back=60), type=1, workload=1))
    assert await world.refresh()
    assert gauges(world) == oracle(api.jobs, world.clock.wall, {})
    assert len(api.filters) <= 4


async def test_wrong_names_of_an_older_state_do_not_hide_new_jobs_for_long() -> None:
    api = JobApi(jobs(12, workload=7))
    world = await world_of(api)
    assert await world.refresh()
    for number, job in enumerate(api.jobs):
        api.jobs[number] = replace(job, workload=1)  # earlier, the exporter stored Teams as the workload of these jobs
    api.jobs.append(replace(_job(Random(99), 99, NOW, back=60), type=1, workload=1))
    assert [await world.refresh() for _ in range(5)][-1]
    assert "Exchange Online" in world.labels("avepoint_jobs", "workload")


def named(samples: Samples) -> Samples:
    """Return the samples that have the labels `workload` and `job_type`."""
    return {key: value for key, value in samples.items() if {"workload", "job_type"} <= dict(key[1]).keys()}


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
@pytest.mark.parametrize("parameter", ["JobType", "ObjectType"])
async def test_an_older_job_is_not_the_last_one_while_a_newer_one_is_unclassified(
    parameter: str, *, legacy: bool
) -> None:
    older = jobs(30)
    api = JobApi(older, legacy=legacy)
    world = await world_of(api)
    assert await world.refresh()
    before = named(gauges(world))
    newer = replace(_job(Random(99), 99, NOW, back=60), type=1, workload=1, state=3)
    api.jobs = [*older, newer]
    original = api._list

    def ignores(request: Any) -> object:
        api.ignores = FOREVER if request.url.params[parameter] != "0" else 0
        return original(request)

    api.routes[next(iter(api.routes))] = ignores
    for _ in range(4):
        world.clock.advance(300)
        assert not await world.refresh(), "the values of the workloads are not fresh"
        assert world.value("avepoint_up", account="contoso", collector="jobs") == 0
        shown = {key: value for key, value in named(gauges(world)).items() if key[0] != "avepoint_jobs"}
        assert shown == {key: value for key, value in before.items() if key[0] != "avepoint_jobs"}
    api.routes[next(iter(api.routes))] = original
    api.ignores = 0
    assert await world.refresh()
    assert gauges(world) == oracle(api.jobs, world.clock.wall, {})
    await world.accounts.stop()


async def test_before_any_certain_value_an_uncertain_workload_has_no_series() -> None:
    older = Raw("older", 1, 1, 2, round(NOW * TICK) - 9000 * TICK, round(NOW * TICK) - 8000 * TICK, (1, 0, 0))
    newer = replace(older, id="newer", start=older.start + 60 * TICK)
    api = JobApi([older, newer, *(replace(older, id=f"other{n}", type=n, workload=n) for n in range(2, 6))])
    row, is_garbled = api._row, True

    def strange(job: Raw) -> dict[str, Any]:
        return {**row(job), "id": "unlisted"} if is_garbled and api.filters and job.id == "newer" else row(job)

    api._row = strange  # type: ignore[method-assign] # the same service with another row
    world = await world_of(api)
    assert not await world.refresh()
    assert "Exchange Online" not in world.labels("avepoint_last_job_finish_timestamp_seconds", "workload")
    assert "Exchange Online" not in world.labels("avepoint_last_success_timestamp_seconds", "workload")
    assert "Exchange Online" not in world.labels("avepoint_jobs", "workload")
    is_garbled = False
    assert await world.refresh()
    assert gauges(world) == oracle(api.jobs, world.clock.wall, {})
    await world.accounts.stop()


async def test_a_job_of_no_known_workload_holds_no_value() -> None:
    api = JobApi([job for job in jobs(30) if job.workload != 12])
    api.refused = {("ObjectType", 12)}  # the service rejects requests that filter by Power Apps
    world = await world_of(api)
    assert await world.refresh()
    api.jobs.append(replace(_job(Random(99), 99, NOW, back=60), type=1, workload=77))
    for _ in range(4):
        world.clock.advance(300)
        assert await world.refresh()
    await world.accounts.stop()


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
@pytest.mark.parametrize("ratio", [0.1, 0.3])
async def test_no_fresh_number_is_wrong_while_filters_are_ignored_and_rejected_at_random(
    ratio: float, *, legacy: bool
) -> None:
    random = Random(int(100 * ratio))
    api = JobApi(jobs(40), legacy=legacy)
    world, successes = await world_of(api), dict[tuple[str, str], int]()
    assert await world.refresh()
    assert gauges(world) == oracle(api.jobs, NOW, successes)
    over = {job.id for job in api.jobs if job.state != 1}
    original, known, fresh = api._list, defaultdict[Any, set[float]](set), 0

    def faulty(request: Any) -> object:
        api.ignores = int(random.random() < ratio)
        codes = {(name, int(request.url.params[name])) for name in ("JobType", "ObjectType")}
        api.refused = {one for one in codes if one[1] and random.random() < ratio / 4}
        return original(request)

    for _ in range(40):
        for key, value in gauges(world).items():
            known[key].add(value)
        world.clock.advance(300)
        api.jobs = [_evolved(random, job, world.clock.wall) for job in api.jobs]
        api.jobs += [_job(random, len(api.jobs), world.clock.wall, back=290)] if random.random() < 0.5 else []
        api.routes[next(iter(api.routes))] = faulty
        is_up, truth = await world.refresh(), oracle(api.jobs, world.clock.wall, successes)
        shown, fresh = named(gauges(world)), fresh + is_up
        if is_up:
            assert {key: value for key, value in shown.items() if truth.get(key) != value} == {}
        for key, value in truth.items():
            known[key].add(value)
        old = {key: value for key, value in shown.items() if key[0] != "avepoint_jobs"}
        assert {key: value for key, value in old.items() if value not in known[key]} == {}
    assert fresh > 5
    api.routes[next(iter(api.routes))], api.ignores, api.refused = original, 0, set()
    assert [await world.refresh() for _ in range(3)][-1]
    assert gauges(world) == oracle(api.jobs, world.clock.wall, successes)
    completed = (job for job in api.jobs if job.state != 1 and job.id not in over)
    assert ended(world) == Counter(
        (WORKLOADS[job.workload], TYPES[job.type], STATES[job.state - 1]) for job in completed
    )
    await world.accounts.stop()
