"""Keeps the listed jobs for later refreshes, and drops jobs that are older than the lookback period."""

from collections.abc import Callable, Mapping
from typing import Final

from exporter.avepoint.reading.values import TICKS_PER_SECOND, Ticks
from exporter.collectors.jobs.families import Job

# The time ranges of refreshes overlap, because a new job may appear in the list with a delay.
_OVERLAP: Final = 900 * TICKS_PER_SECOND


class ListedJobs:
    """Stores the jobs from earlier refreshes, keyed by job id.

    The first refresh requests the jobs of the lookback period. Later refreshes request the jobs of the window and all
    jobs that may change. The window and the lookback period are in seconds.
    """

    def __init__(self, window: float, lookback: float) -> None:
        self.jobs: dict[str, Job] = {}
        self._window = window
        self._lookback = lookback
        self._read_until: Ticks | None = None

    def earliest(self, now: Ticks) -> Ticks:
        """Return the start of the lookback period."""
        return ago(now, self._lookback)

    def window_start(self, now: Ticks) -> Ticks:
        """Return the start of the window."""
        return ago(now, self._window)

    def start(self, now: Ticks, may_change: Callable[[str, Job], bool]) -> Ticks:
        """Return the start of the time range to request. The range includes all jobs that may change."""
        # If the timestamp of the previous refresh is in the future, the clock was wrong during that refresh. Therefore,
        # the previous refresh may have missed jobs.
        if self._read_until is None or now < self._read_until:
            return self.earliest(now)
        changing = [job.start for key, job in self.jobs.items() if may_change(key, job)]
        return max(self.earliest(now), min([self.window_start(now), Ticks(self._read_until - _OVERLAP), *changing]))

    def replace(self, found: Mapping[str, Job], start: Ticks, now: Ticks, *, is_complete: bool) -> None:
        """Replace the jobs that started at or after `start`, and drop jobs that started before the lookback period.

        `is_complete` is false if rows were dropped. In this case, the next refresh requests these rows again.
        """
        earliest = self.earliest(now)
        kept = {key: job for key, job in self.jobs.items() if earliest <= job.start < start}
        self.jobs = {**kept, **found}
        self._read_until = now if is_complete else self._read_until


def ago(now: Ticks, span: float) -> Ticks:
    """Return the timestamp `span` seconds before `now`."""
    return Ticks(now - round(span * TICKS_PER_SECOND))
