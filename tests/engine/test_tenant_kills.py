"""A tenant's counters and times of last successes never decrease, even if the process is killed many times."""

import asyncio
from itertools import pairwise
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.collectors.test_jobs_truth import TICK, JobApi, Raw
from tests.engine.kills import COMPLETED, Show, Shown, pages_until_killed, shown
from tests.engine.shared import Place, get_lease, world_at
from tests.helpers import NOW, FakeClock, World, tenant

pytestmark = [pytest.mark.slow, pytest.mark.soak]

ACCOUNT = tenant(collectors={"jobs": {"lookback": "2d", "window": "6h"}})
STEP = 900
"""Seconds between two jobs, and between two refreshes."""


class BusyTenant(JobApi):
    """A tenant with one backup per step. The backup completes in the middle of the step."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__([])
        self._clock = clock

    def _list(self, request: httpx.Request) -> object:
        last = int(self._clock.time()) // STEP
        self.jobs = [
            Raw(str(number), 1, 1, 2, number * STEP * TICK, (number * STEP + STEP // 2) * TICK, (1, 0, 0))
            for number in range(last - 400, last)
        ]
        return super()._list(request)


def completed(began: float, now: float) -> int:
    """Return the number of jobs that completed between two times."""
    return int(now) // STEP - int(began) // STEP


def busy_world(place: Place, now: float) -> World:
    clock = FakeClock(now)
    return world_at(place, BusyTenant(clock), clock)


async def refresh_without_end(place: Place, now: float, show: Show) -> None:
    world = busy_world(place, now)
    await get_lease(world)
    await world.apply(ACCOUNT)
    show((world.clock.time(), shown(world)))
    while True:
        world.clock.advance(STEP)
        await get_lease(world)
        refresh = asyncio.create_task(world.refresh())
        while not refresh.done():
            show((world.clock.time(), shown(world)))
            await asyncio.sleep(0)
        assert await refresh


def increase(values: list[float]) -> float:
    """Return the increase of a counter, as Prometheus computes it. A counter that falls has restarted at 0."""
    return sum(later - earlier if later >= earlier else later for earlier, later in pairwise(values))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the test kills a forked process
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_nothing_falls_goes_back_or_is_counted_twice_when_the_process_is_killed(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str, soak: bool
) -> None:
    place = tmp_path if kind == "sqlite" else request.getfixturevalue("postgres").url
    random, now, history, falls = Random(11), NOW, dict[str, list[float]](), 0
    began = 0.0  # time of the first refresh; earlier jobs are not counted
    kills, most = 100 if soak else 10, 120 if kind == "sqlite" else 600  # commits over the network are slower
    for _ in range(kills):
        for at, page in pages_until_killed(refresh_without_end, place, now, random.randrange(3, most)):
            now = max(now, at)
            if not began and any(COMPLETED in series for series in page):
                began = at
            for series, value in page.items():
                values = history.setdefault(series, [])
                falls += bool(values) and value < values[-1]
                values.append(value)

    async def last() -> Shown:
        world = busy_world(place, now + STEP)
        await get_lease(world)
        await world.apply(ACCOUNT)
        assert await world.refresh()
        page = shown(world)
        await world.accounts.stop()
        return page

    final = asyncio.run(last())
    truth = completed(began, now + STEP)
    total = sum(increase([*values, final[series]]) for series, values in history.items() if COMPLETED in series)
    print(f"{kind}: {kills} kills, {falls} falls, {total:.0f} of {truth} jobs counted")  # noqa: T201 - figures
    assert falls == 0
    assert total == truth
    assert max(final.values()) > now - 2 * STEP
