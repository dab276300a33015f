"""Schedule time is the number of seconds since the simulator started, multiplied by the speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from avepoint_simulator.data.records import unix_ns

MINUTE: Final = 60.0
HOUR: Final = 3_600.0
DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """Converts Unix time to schedule time and back."""

    start: float
    speed: float

    def schedule_seconds(self, now: float) -> float:
        """Return the schedule time at `now`. Before the start, the schedule time is negative."""
        return (now - self.start) * self.speed

    def wall_ns(self, schedule_seconds: float) -> int:
        """Return a schedule time as Unix time in nanoseconds."""
        return unix_ns(self.start + schedule_seconds / self.speed)
