"""A partner's counters and times of last successes never decrease, even if the process is killed many times."""

import asyncio
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.collectors.test_customer_jobs import row
from tests.engine.kills import Show, Shown, pages_until_killed, shown
from tests.engine.shared import Place, get_lease, world_at
from tests.helpers import BATCH_PATH, NOW, OFF, FakeApi, FakeClock, World, customer, customer_jobs_path, partner, v3

pytestmark = [pytest.mark.slow, pytest.mark.soak]

CUSTOMERS = tuple(f"c-{number}" for number in range(6))
BUSY = partner(collectors={"customers": OFF, "protected_data": OFF, "customer_jobs": {}})


class BusyPartner(FakeApi):
    """A partner account. Each customer completes one backup between two refreshes."""

    def __init__(self) -> None:
        self.now = NOW
        jobs = {customer_jobs_path(one): self._jobs for one in CUSTOMERS}
        super().__init__({BATCH_PATH: v3(list(map(customer, CUSTOMERS))), **jobs})

    def _jobs(self, request: httpx.Request) -> object:
        seconds = self.now - NOW
        return v3([row(f"{request.url.path}-{seconds}", seconds - 50, seconds - 10)])


async def busy_world(place: Place, now: float) -> tuple[World, BusyPartner]:
    api = BusyPartner()
    world = world_at(place, api, FakeClock(now))
    await get_lease(world)
    await world.apply(BUSY)
    return world, api


async def refresh_without_end(place: Place, now: float, show: Show) -> None:
    world, api = await busy_world(place, now)
    while True:
        world.clock.advance(60)
        await get_lease(world)
        api.now = world.clock.time()
        refresh = asyncio.create_task(world.refresh())
        while not refresh.done():
            show((world.clock.time(), shown(world)))
            await asyncio.sleep(0)
        assert await refresh


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the test kills a forked process
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_counter_falls_and_no_success_goes_back_when_the_process_is_killed(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str, soak: bool
) -> None:
    place = tmp_path if kind == "sqlite" else request.getfixturevalue("postgres").url
    random, now, highest = Random(7), NOW, dict[str, float]()

    async def restored() -> Shown:
        world, _ = await busy_world(place, now)
        found = shown(world)
        await world.accounts.stop()
        return found

    for _ in range(100 if soak else 12):
        for at, page in pages_until_killed(refresh_without_end, place, now, random.randrange(20, 200)):
            now = max(now, at)  # never set the clock back, because processes drop times in the future
            for series, value in page.items():
                assert value >= highest.get(series, 0), "within a process"
                highest[series] = value
        found = asyncio.run(restored())
        assert {series: value for series, value in highest.items() if found.get(series, 0) < value} == {}
        now += 100_000
    assert len(highest) > 20
    assert max(highest.values()) > 1
