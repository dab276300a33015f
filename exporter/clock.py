"""The clock, passed as an argument so that tests can set the time."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for exposed times; monotonic time for ages and waits, which steps of the wall time must not change."""

    def time(self) -> float:
        """Return the Unix time in seconds."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that never steps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        ...


class SystemClock:
    """The clock of the machine."""

    def time(self) -> float:
        """Return the Unix time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds of a clock that never steps."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await asyncio.sleep(seconds)
