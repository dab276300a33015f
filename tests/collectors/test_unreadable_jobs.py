"""An unreadable job row does not hide newer jobs. At first, the collector is down, and its last values stay."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.collectors.test_job_filters import jobs, world_of
from tests.collectors.test_jobs_truth import JobApi, Raw, _job, gauges, oracle
from tests.helpers import NOW, RETRIES

Garble = Callable[[dict[str, Any]], dict[str, Any]]


def without(*words: str) -> Garble:
    return lambda row: {key: None if key.lower() in words else value for key, value in row.items()}


GARBLES: dict[str, Garble] = {
    "only an id": lambda row: {key: value if key.lower() == "id" else None for key, value in row.items()},
    "no id": without("id"),
    "no state": without("state"),
    "odd start": lambda row: {key: "soon" if key.lower() == "starttime" else value for key, value in row.items()},
}


def garbled(api: JobApi, garble: Garble, *ids: str) -> None:
    """Garble the rows of these jobs from now on."""
    row = JobApi._row

    def strange(job: Raw) -> dict[str, Any]:
        return garble(row(api, job)) if job.id in ids else row(api, job)

    api._row = strange  # type: ignore[method-assign] # the same service with other rows


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
@pytest.mark.parametrize("garble", GARBLES)
async def test_a_new_unreadable_job_holds_every_value_for_15_minutes(garble: str, *, legacy: bool) -> None:
    api = JobApi(jobs(30), legacy=legacy)
    world = await world_of(api, interval="10m")
    assert await world.refresh()
    known, before = api.jobs, gauges(world)
    api.jobs = [*known, replace(_job(Random(99), 99, NOW, back=60), id="new")]
    garbled(api, GARBLES[garble], "new")
    for seconds in (*RETRIES, 1):
        assert not await world.refresh()
        assert gauges(world) == before
        world.clock.advance(seconds)
    assert await world.refresh(), "the row is permanently unreadable"
    assert gauges(world) == oracle(known, world.clock.wall, {})
    garbled(api, GARBLES[garble])
    assert await world.refresh()
    assert gauges(world) == oracle(api.jobs, world.clock.wall, {})
    await world.accounts.stop()


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
async def test_a_completed_job_keeps_its_values_while_its_row_is_unreadable(*, legacy: bool) -> None:
    api = JobApi([replace(job, state=3) if job.finish is None else job for job in jobs(30)], legacy=legacy)
    api.jobs = [job for job in api.jobs if job.finish is not None]
    world = await world_of(api)
    assert await world.refresh()
    garbled(api, GARBLES["only an id"], *(job.id for job in api.jobs))
    for _ in range(4):
        world.clock.advance(300)
        assert await world.refresh()
        assert gauges(world) == oracle(api.jobs, world.clock.wall, {})
    await world.accounts.stop()


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
async def test_a_running_job_whose_row_is_unreadable_may_have_ended(*, legacy: bool) -> None:
    running = replace(jobs(1)[0], id="running", state=1, finish=None)
    api = JobApi([*jobs(30), running], legacy=legacy)
    world = await world_of(api)
    assert await world.refresh()
    before = gauges(world)
    garbled(api, GARBLES["no state"], "running")
    assert not await world.refresh()
    assert gauges(world) == before
    await world.accounts.stop()


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
async def test_a_job_that_has_not_started_is_not_unreadable(*, legacy: bool) -> None:
    api = JobApi(jobs(30), legacy=legacy)
    world = await world_of(api)
    assert await world.refresh()
    never: Any = 0 if legacy else "0001-01-01T00:00:00Z"
    api.jobs = [*api.jobs, replace(_job(Random(99), 99, NOW, back=60), id="queued")]
    garbled(api, lambda row: {key: never if key.lower() == "starttime" else one for key, one in row.items()}, "queued")
    assert await world.refresh()
    assert gauges(world) == oracle(api.jobs[:-1], NOW, {})
    await world.accounts.stop()


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
async def test_the_unreadable_finish_of_a_success_shows_no_older_success(*, legacy: bool) -> None:
    api = JobApi(jobs(30), legacy=legacy)
    world = await world_of(api, interval="10m")
    assert await world.refresh()
    before = gauges(world)
    new = _job(Random(99), 99, NOW, back=60)
    api.jobs = [*api.jobs, replace(new, id="new", state=2, finish=new.start)]
    garbled(
        api, lambda row: {key: "soon" if key.lower() == "finishtime" else value for key, value in row.items()}, "new"
    )
    for seconds in (*RETRIES, 1):
        assert not await world.refresh()
        assert gauges(world) == before
        world.clock.advance(seconds)
    assert await world.refresh(), "the finish time is permanently unreadable"
    garbled(api, lambda row: row)
    assert await world.refresh()
    assert gauges(world) == oracle(api.jobs, world.clock.wall, {})
    await world.accounts.stop()
