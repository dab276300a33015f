"""The clock. Functions receive the clock as an argument, so tests can set the time."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A clock that returns Unix time for exposed values, and monotonic time for ages and waiting times."""

    def time(self) -> float:
        """Return the Unix time in seconds."""

    def monotonic(self) -> float:
        """Return the time of a monotonic clock in seconds."""

    async def sleep(self, seconds: float) -> None:
        """Sleep for a number of seconds."""


class SystemClock:
    """The clock of the operating system."""

    def time(self) -> float:
        """Return the Unix time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Return the time of a monotonic clock in seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep for a number of seconds."""
        await asyncio.sleep(seconds)
