"""One account's pace: how many calls at once, how many a second, and silence when AvePoint asks for it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from exporter.clock import Clock

HALVING_WINDOW: Final = 10.0
"""Seconds within which several 429s count as one sign."""
RECOVERY_PERIOD: Final = 30.0
"""Seconds without a sign after which a tenth of the configured rate is given back."""
LONGEST_SILENCE: Final = 900.0
"""Seconds that a Retry-After can silence an account for."""
_SLOWEST: Final = 0.05  # of the configured rate
_MOST_OVERRUN: Final = 0.02  # seconds; timers wake late, and at a high rate that would add up


@dataclass(frozen=True, slots=True)
class LimitUsage:
    """Calls under way and allowed at once; calls a second allowed now and configured; seconds of silence to come."""

    under_way: int
    concurrency: int
    rate: float
    full_rate: float
    silence: float


class Throttle:
    """Use as `async with pace:` around each request; calls go out in the order in which they came."""

    def __init__(self, *, concurrency: int, per_second: float, clock: Clock, waited: Callable[[float], None]) -> None:
        self._places = asyncio.Semaphore(concurrency)
        self._concurrency = concurrency
        self._under_way = 0
        self._queue = asyncio.Lock()
        self._full_rate = per_second
        self._clock = clock
        self._waited = waited
        self._next_start = 0.0
        self._silent_until = 0.0
        self._reduced_rate = per_second
        self._reduced_at: float | None = None

    @property
    def rate(self) -> float:
        """Requests a second that are allowed now."""
        if self._reduced_at is None:
            return self._full_rate
        periods = (self._clock.monotonic() - self._reduced_at) // RECOVERY_PERIOD
        return min(self._full_rate, self._reduced_rate + self._full_rate * 0.1 * periods)

    @property
    def is_silent(self) -> bool:
        """Whether AvePoint has asked for silence that is not over."""
        return self._clock.monotonic() < self._silent_until

    @property
    def budget(self) -> LimitUsage:
        """How much of it is used now."""
        silence = max(0.0, self._silent_until - self._clock.monotonic())
        return LimitUsage(self._under_way, self._concurrency, self.rate, self._full_rate, silence)

    def slow_down(self, silence: float) -> None:
        """Obey a 429 or 503: nothing goes out for `silence` seconds, then at half the rate."""
        now = self._clock.monotonic()
        self._silent_until = max(self._silent_until, now + min(silence, LONGEST_SILENCE))
        if self._reduced_at is None or now - self._reduced_at >= HALVING_WINDOW:
            self._reduced_rate = max(self.rate / 2, self._full_rate * _SLOWEST)
            self._reduced_at = now

    async def __aenter__(self) -> Self:
        """Wait for a place and a turn."""
        await self._places.acquire()
        try:
            await self.turn()
        except BaseException:
            self._places.release()
            raise
        self._under_way += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        """Release the place."""
        self._under_way -= 1
        self._places.release()

    async def turn(self) -> None:
        """Wait for a turn, within a place that is held already."""
        # Who is first in the queue waits for all: the order stays, and the wait is counted once.
        async with self._queue:
            began = due = self._clock.monotonic()
            while (start := max(self._next_start, self._silent_until)) > self._clock.monotonic():
                await self._clock.sleep(start - self._clock.monotonic())
                due = start
            now = self._clock.monotonic()
            self._next_start = max(due, now - _MOST_OVERRUN) + 1 / self.rate
            if now > began:
                self._waited(now - began)
