"""Refuse times that cannot be true."""

from typing import Final

from exporter.avepoint.rows import Row
from exporter.avepoint.values import TICKS_PER_SECOND, Ticks

TOLERANCE: Final = Ticks(3600 * TICKS_PER_SECOND)
"""How far in the future a past event may lie, because the clocks of AvePoint and of the exporter differ."""


def past_time(row: Row, field: str, now: Ticks, *, not_before: Ticks | None = None) -> Ticks | None:
    """Return the time of an event that has happened. Count a time in the future or before `not_before`; return None."""
    time = row.time(field)
    if time is None or ((not_before or 0) <= time <= now + TOLERANCE):
        return time
    row.refuse(field, "in the future" if time > now else "before the start of the job")
    return None
