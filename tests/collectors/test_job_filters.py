"""If AvePoint ignores the filters of the job list, the exporter sets no wrong type or workload."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.collectors.test_jobs_truth import JobApi, Raw, _job, gauges, oracle
from tests.helpers import NOW, World, tenant

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
    # The exporter has stored no wrong type, so it finds all types when the service filters again.
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
    assert len(api.filters) == 6, "each filter value is requested twice, and another value once"


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
        api.jobs[number] = replace(job, workload=1)  # the exporter has stored Teams as the workload of these jobs
    api.jobs.append(replace(_job(Random(99), 99, NOW, back=60), type=1, workload=1))
    for _ in range(5):
        assert await world.refresh()
    assert "Exchange Online" in world.labels("avepoint_jobs", "workload")
