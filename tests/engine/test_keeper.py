"""Two processes share a shard and a real database. Only one of the processes reads data from AvePoint."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from structlog.testing import capture_logs

from exporter.clock import SystemClock
from exporter.engine.shared.keeper import Keeper
from exporter.engine.shared.lease import LeaseTimes
from exporter.logs import logger
from tests.engine.shared import QUICK, shared, shown, state_of
from tests.engine.test_postgresql import PARTNER
from tests.engine.test_postgresql import customers as customers_at
from tests.helpers import FakeApi, FakeClock, World
from tests.postgresql import PASSWORD, PostgresServer
from tests.relay import relay

EXPIRES = "SELECT expires FROM avepoint_exporter_lease"
LONG = LeaseTimes(length=3600.0, renewal=0.1, poll=0.1, attempt=0.5)


class RealClock(SystemClock, FakeClock):
    """The clock of the machine, with the interface of FakeClock."""


def customers(*names: str, jobs: int = 1) -> FakeApi:
    return customers_at(*names, jobs=jobs, now=time.time())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - no event reports this change
        await asyncio.sleep(0.02)


class Process:
    """Simulates a process. The process has accounts, and a task that renews the lease."""

    def __init__(self, url: str, holder: str, times: LeaseTimes, api: FakeApi) -> None:
        self.world = World(api, RealClock(), shared=shared(url, holder, times=times))
        self.storage = state_of(self.world)
        self.keeper = Keeper(self.storage, self.world.accounts, self.world.clock, logger())
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.keeper.attempt()
        await self.world.apply(PARTNER)
        self._task = asyncio.create_task(self.keeper.run())

    @property
    def reads(self) -> bool:
        return self.storage.may_request and self.world.accounts.is_started

    async def pause(self) -> None:
        """Stop the renewals of the lease, as in a suspended process."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def go_on(self) -> None:
        self._task = asyncio.create_task(self.keeper.run())

    async def stop(self) -> None:
        await self.pause()
        await self.world.accounts.stop()


@asynccontextmanager
async def running(
    url: str, holder: str, times: LeaseTimes = QUICK, api: FakeApi | None = None
) -> AsyncIterator[Process]:
    process = Process(url, holder, times, api or customers("x", "y"))
    await process.start()
    try:
        yield process
    finally:
        await process.stop()


async def test_a_standby_process_shows_what_is_stored_and_takes_over(postgres: PostgresServer) -> None:
    async with running(postgres.url, "a") as first, running(postgres.url, "b") as second:
        await until(lambda: first.world.accounts.ready and second.world.accounts.ready)
        assert first.reads
        assert not second.reads
        assert second.world.api.requests == []
        first.world.api.routes.update(customers("x", "y", jobs=2).routes)
        assert await first.world.refresh()
        await until(lambda: second.world.of_avepoint() == first.world.of_avepoint())
        await first.pause()
        await until(lambda: second.reads and second.world.api.calls() > 0)
        assert second.world.accounts.ready
        before = await shown(second.world)
        await first.go_on()
        await until(lambda: not first.world.accounts.is_reading)
        assert not first.storage.may_request
        asked, lease = first.world.api.calls(), postgres.execute(EXPIRES)
        await until(lambda: postgres.execute(EXPIRES) != lease)
        assert first.world.api.calls() == asked
        assert (await shown(second.world)).keys() >= before.keys()


async def test_a_process_that_ends_hands_over_at_once(postgres: PostgresServer) -> None:
    async with running(postgres.url, "a", LONG) as first:
        await until(lambda: first.reads)
        async with running(postgres.url, "b", LONG) as second:
            assert not second.reads
            await first.stop()
            await until(lambda: second.reads)


async def test_the_last_holder_reads_on_without_the_database_and_stores_the_rest_later(
    postgres: PostgresServer,
) -> None:
    with relay(postgres.port) as path:
        async with running(postgres.url_at(path.port), "a", LONG) as process:
            await until(lambda: process.reads and process.world.accounts.ready)
            with capture_logs() as logs:
                path.cut()
                await until(lambda: not process.storage.lease.is_reachable)
                process.world.api.routes.update(customers("x", "y", jobs=2).routes)
                assert await process.world.refresh()
                during = await shown(process.world)
                assert process.reads
                path.restore()
                await until(lambda: process.storage.lease.is_reachable and not process.storage._pending)
            assert PASSWORD not in str(logs)
    async with running(postgres.url, "b", LONG) as again:
        await until(lambda: again.reads)
        stored = await shown(again.world)
        assert {key: value for key, value in stored.items() if "jobs" in key[0]} == {
            key: value for key, value in during.items() if "jobs" in key[0]
        }


async def test_a_database_that_hangs_delays_neither_the_page_nor_the_end(postgres: PostgresServer) -> None:
    with relay(postgres.port) as path:
        async with running(postgres.url_at(path.port), "a", LONG) as process:
            await until(lambda: process.reads and process.world.accounts.ready)
            path.freeze()
            await until(lambda: not process.storage.lease.is_reachable)
            assert await process.world.refresh()
            assert "avepoint_up" in process.world.text()
            async with asyncio.timeout(5):
                await process.stop()


async def test_without_a_database_since_the_start_a_process_reads_and_merges_what_it_finds_later(
    postgres: PostgresServer,
) -> None:
    async with running(postgres.url, "a", QUICK) as former:
        await until(lambda: former.reads and former.world.accounts.ready)
        former.world.api.routes.update(customers("x", "y", jobs=2).routes)
        assert await former.world.refresh()
    times = LeaseTimes(length=1.0, renewal=0.1, poll=0.1, attempt=0.5, patience=0.5, grace=0.1)
    with relay(postgres.port) as path:
        path.cut()
        async with running(postgres.url_at(path.port), "b", times, customers("x", "y", jobs=3)) as process:
            assert not process.reads
            await until(lambda: process.reads and process.world.accounts.ready)
            assert process.storage.lease.is_blind
            path.restore()
            await until(lambda: process.reads and not process.storage.needs_load)
            assert await process.world.refresh()
            counts = [
                value for (name, labels), value in (await shown(process.world)).items()
                if name == "avepoint_jobs_completed_total" and dict(labels)["state"] == "finished"
            ]  # fmt: skip
            assert counts == [1.0, 1.0]
