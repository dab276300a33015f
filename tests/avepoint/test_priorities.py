"""Collectors with long intervals do not delay other collectors, even if the account's limits are reached."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest

from exporter.avepoint.throttle import Throttle

HOUR, DAY = 3600.0, 86_400.0
WORKERS = 9  # workers per collector, one more than the number of slots
CONCURRENCY, RATE = 8, 10.0


class EventClock:
    """A clock that advances to the earliest wake-up time whenever no task can run."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleeps: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def time(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        ended = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleeps, (self._now + seconds, next(self._numbers), ended))
        await ended

    async def run(self) -> None:
        while True:
            for _ in range(20):  # between two sleeps, a request needs fewer than 20 turns of the event loop
                await asyncio.sleep(0)
            if self._sleeps:
                self._now, _, ended = heapq.heappop(self._sleeps)
                if not ended.done():
                    ended.set_result(None)


class Account:
    """Applies the limits of an account to simulated requests. Each request takes `latency` seconds."""

    def __init__(self, latency: float) -> None:
        self.clock = EventClock()
        self.throttle = Throttle(concurrency=CONCURRENCY, per_second=RATE, clock=self.clock, waited=lambda _: None)
        self._latency = latency

    async def request(self, interval: float) -> None:
        async with self.throttle.slot(interval):
            await self.clock.sleep(self._latency)

    async def refresh(self, requests: int, interval: float, workers: int) -> float:
        """Send requests with several workers, and return the seconds until the last response."""
        began, left = self.clock.monotonic(), iter(range(requests))

        async def work() -> None:
            for _ in left:
                await self.request(interval)

        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
        return self.clock.monotonic() - began

    @asynccontextmanager
    async def running(self, slow_collectors: int) -> AsyncIterator[None]:
        """Run the clock and several slow collectors. The slow collectors always have another request to send."""
        running: list[Coroutine[Any, Any, object]] = [self.refresh(10**6, DAY, WORKERS) for _ in range(slow_collectors)]
        tasks = [asyncio.create_task(one) for one in (self.clock.run(), *running)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def seconds(latency: float, requests: int, workers: int, slow_collectors: int) -> float:
    """Start slow collectors that reach the limits of the account. Then return the duration of a fast refresh."""
    account = Account(latency)
    async with account.running(slow_collectors):
        await account.clock.sleep(60)
        return await account.refresh(requests, HOUR, workers)


@pytest.mark.parametrize("latency", [0.1, 0.5, 4.5], ids=["rate", "both", "slots"])
async def test_a_fast_refresh_waits_for_one_slow_request_per_slot_at_most(latency: float) -> None:
    alone = await seconds(latency, 100, WORKERS, 0)
    together = await seconds(latency, 100, WORKERS, 5)
    assert together <= alone + CONCURRENCY / RATE + latency


@pytest.mark.parametrize("latency", [0.1, 0.5], ids=["rate", "both"])
async def test_requests_one_after_another_do_not_queue_behind_slow_ones(latency: float) -> None:
    together = await seconds(latency, 20, 1, 5)
    # Each request waits three times: for a free slot, for the previous request, and for its own turn.
    assert together <= 20 * (latency + 3 / RATE)
