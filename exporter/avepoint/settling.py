"""A class that decides which faults in AvePoint's responses are permanent."""

from collections.abc import Collection, Hashable, Iterable
from math import inf
from typing import Final

from exporter.clock import Clock

_LONGEST: Final = 900.0  # seconds


class Settling:
    """Decides when a fault in AvePoint's responses counts as permanent.

    A fault is permanent if every refresh has found the fault for two intervals or 15 minutes, whichever is shorter.
    The number of refreshes does not matter, because a failed refresh is soon retried. A fault in the first refresh is
    permanent immediately, because there are no earlier values to keep. Faults belong to a group, such as a customer.
    """

    def __init__(self, clock: Clock, interval: float) -> None:
        """Create an instance for a collector. `interval` is the collector's interval in seconds."""
        self._clock = clock
        self._permanent_after = min(2 * interval, _LONGEST)
        self._groups: set[Hashable] = set()
        self._since: dict[Hashable, dict[Hashable, float]] = {}

    def are_permanent(self, faults: Iterable[Hashable], group: Hashable = "", *, has_values: bool = False) -> bool:
        """Record the faults that a refresh has found in a group, and return whether all these faults are permanent.

        `has_values` is true if the group has values from before the restart.
        """
        now, former = self._clock.monotonic(), self._since.pop(group, {})
        # A new fault gets the age of the oldest fault. Otherwise, frequent new faults would fail every refresh.
        begin = min(former.values(), default=now) if has_values or group in self._groups else -inf
        self._groups.add(group)
        if since := {fault: former.get(fault, begin) for fault in faults}:
            self._since[group] = since
        return all(now - first >= self._permanent_after for first in since.values())

    def keep_only(self, groups: Collection[Hashable]) -> None:
        """Drop the faults of all groups that are not in `groups`."""
        self._groups &= set(groups)
        self._since = {group: since for group, since in self._since.items() if group in groups}
