"""While the type and workload of a new job are unknown, problems with older jobs neither begin nor resolve."""

from dataclasses import replace

from tests.collectors.test_jobs_truth import TICK, JobApi, Raw
from tests.engine.test_verdicts import problems
from tests.helpers import NOW, World, tenant

FOREVER = 10**9
START = round(NOW * TICK) - 3600 * TICK
JOB = Raw("older", 1, 1, 2, START, START + 60 * TICK, (1, 0, 0))
OTHERS = [replace(JOB, id=f"other{number}", workload=number) for number in range(2, 5)]
FAILED = {("contoso", "", "job_failed")}


async def world_of(api: JobApi) -> World:
    world = World(api)
    await world.apply(tenant(collectors={"jobs": {}}))
    assert await world.refresh()
    return world


async def test_a_problem_does_not_begin_or_end_while_the_newer_job_is_unclassified() -> None:
    for older, newer in ((3, 2), (2, 3)):
        api = JobApi([replace(JOB, state=older), *OTHERS])
        world = await world_of(api)
        before = await problems(world)
        assert (before >= FAILED) is (older == 3)
        api.jobs.append(replace(JOB, id="newer", state=newer, start=START + 600 * TICK, finish=START + 660 * TICK))
        api.ignores = FOREVER
        for _ in range(4):
            world.clock.advance(300)
            assert not await world.refresh()
            assert await problems(world) == before
        api.ignores = 0
        assert await world.refresh()
        assert (await problems(world) >= FAILED) is (newer == 3)
        await world.accounts.stop()


async def test_an_unclassified_job_of_another_type_does_not_hold_a_problem() -> None:
    api = JobApi([replace(JOB, state=3), *OTHERS, *(replace(one, id=f"r{one.id}", type=2) for one in OTHERS)])
    world = await world_of(api)
    assert await problems(world) >= FAILED
    restore = replace(JOB, id="restore", type=2, workload=9, start=START + 600 * TICK, finish=START + 660 * TICK)
    api.jobs += [replace(JOB, id="newer", start=START + 600 * TICK, finish=START + 660 * TICK), restore]
    original = api._list

    def hides(request: object) -> object:
        """Return the list. If the request filters by workload 9, set the id of each job to "unlisted"."""
        page = original(request)  # type: ignore[arg-type] # a request
        if request.url.params["ObjectType"] == "9":  # type: ignore[attr-defined]
            page["data"] = [{**row, "id": "unlisted"} for row in page["data"]]  # type: ignore[index]
        return page

    api.routes[next(iter(api.routes))] = hides
    world.clock.advance(300)
    assert await world.refresh(), "no restore of this workload is shown, so no value can be wrong"
    assert not FAILED & await problems(world)
    await world.accounts.stop()
