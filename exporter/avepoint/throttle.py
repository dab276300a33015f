"""The rate limits of one account: concurrency, requests per second, and pauses after throttling."""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final

from exporter.clock import Clock

HALVING_WINDOW: Final = 10.0
"""Minimum time between two halvings of the rate, in seconds."""
RECOVERY_PERIOD: Final = 30.0
"""Seconds without throttling after which the rate rises by a tenth of the configured rate."""
LONGEST_PAUSE: Final = 900.0
"""Maximum pause after a Retry-After header, in seconds."""
RECENT: Final = 10.0
"""Period over which the requests per second are averaged, in seconds."""
_SLOWEST: Final = 0.05  # minimum rate, as a fraction of the configured rate
_MOST_OVERRUN: Final = 0.02  # seconds; a late timer shortens the next wait by at most this value


@dataclass(frozen=True, slots=True)
class LimitUsage:
    """The current usage of the rate limits.

    `under_way` is the number of running requests, and `concurrency` is the number of requests that may run at the same
    time. `rate` is the current limit in requests per second, and `full_rate` is the configured limit. `pause` is the
    remaining pause in seconds. `recent` is the average number of requests per second during the past ten seconds.
    """

    under_way: int
    concurrency: int
    rate: float
    full_rate: float
    pause: float
    recent: float = 0.0


class Slots:
    """A semaphore whose waiters have deadlines. The waiter with the earliest deadline gets the next free slot."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._arrivals = count()

    async def acquire(self, deadline: float) -> None:
        """Wait for a slot. Waiters with the same deadline are served in order of arrival."""
        if self._free:
            self._free -= 1
            return
        granted = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (deadline, next(self._arrivals), granted))
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled():  # The slot was granted before the waiter was canceled.
                self.release()
            raise

    def release(self) -> None:
        """Pass the slot to the most urgent waiter, or free the slot if no task is waiting."""
        while self._waiting:
            granted = heapq.heappop(self._waiting)[-1]
            if not granted.done():
                granted.set_result(None)
                return
        self._free += 1


class Throttle:
    """Limits the requests that are sent within `async with throttle.slot():`."""

    def __init__(self, *, concurrency: int, per_second: float, clock: Clock, waited: Callable[[float], None]) -> None:
        self._slots = Slots(concurrency)
        self._concurrency = concurrency
        self._under_way = 0
        self._turns = Slots(1)
        self._full_rate = per_second
        self._clock = clock
        self._waited = waited
        self._next_start = 0.0
        self._paused_until = 0.0
        self._reduced_rate = per_second
        self._reduced_at: float | None = None
        self._starts: deque[float] = deque()

    @property
    def rate(self) -> float:
        """The current rate limit in requests per second."""
        if self._reduced_at is None:
            return self._full_rate
        periods = (self._clock.monotonic() - self._reduced_at) // RECOVERY_PERIOD
        return min(self._full_rate, self._reduced_rate + self._full_rate * 0.1 * periods)

    @property
    def is_paused(self) -> bool:
        """Whether requests are paused."""
        return self._clock.monotonic() < self._paused_until

    @property
    def usage(self) -> LimitUsage:
        """The current usage of the limits."""
        pause = max(0.0, self._paused_until - self._clock.monotonic())
        self._drop_old_starts()
        recent = len(self._starts) / RECENT
        return LimitUsage(self._under_way, self._concurrency, self.rate, self._full_rate, pause, recent)

    def slow_down(self, pause: float) -> None:
        """After a 429 or 503 from AvePoint, pause requests for `pause` seconds and halve the rate."""
        now = self._clock.monotonic()
        self._paused_until = max(self._paused_until, now + min(pause, LONGEST_PAUSE))
        if self._reduced_at is None or now - self._reduced_at >= HALVING_WINDOW:
            self._reduced_rate = max(self.rate / 2, self._full_rate * _SLOWEST)
            self._reduced_at = now

    @asynccontextmanager
    async def slot(self, patience: float = 0.0) -> AsyncIterator[None]:
        """Wait until the limits allow a request.

        `patience` is the collector's interval in seconds. A request is due `patience` seconds after its arrival.
        The request with the earliest due time starts first, so collectors with long intervals do not delay collectors
        with short intervals.
        """
        deadline = self._clock.monotonic() + patience
        await self._slots.acquire(deadline)
        try:
            await self.turn(deadline)
            self._under_way += 1
            self._drop_old_starts()
            self._starts.append(self._clock.monotonic())
            try:
                yield
            finally:
                self._under_way -= 1
        finally:
            self._slots.release()

    def _drop_old_starts(self) -> None:
        while self._starts and self._starts[0] <= self._clock.monotonic() - RECENT:
            self._starts.popleft()

    async def turn(self, deadline: float = 0.0) -> None:
        """Wait until the rate limit allows a request. Requests with earlier deadlines start first."""
        # Only the first request in the queue sleeps, so the order does not change.
        await self._turns.acquire(deadline)
        try:
            began = due = self._clock.monotonic()
            while (start := max(self._next_start, self._paused_until)) > self._clock.monotonic():
                await self._clock.sleep(start - self._clock.monotonic())
                due = start
            now = self._clock.monotonic()
            self._next_start = max(due, now - _MOST_OVERRUN) + 1 / self.rate
            if now > began:
                self._waited(now - began)
        finally:
            self._turns.release()
