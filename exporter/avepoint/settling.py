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
        self._since: dict[Hashable, float] = {}

    def are_permanent(self, faults: Iterable[Hashable], group: Hashable = "", *, has_values: bool = False) -> bool:
        """Record the faults that a refresh has found in a group, and return whether all these faults are permanent.

        `has_values` is true if the group has values from before the restart.
        """
        now, former = self._clock.monotonic(), self._since.pop(group, None)
        is_first = not has_values and group not in self._groups
        self._groups.add(group)
        if not tuple(faults):
            return True
        # All faults have the age of the oldest fault. Otherwise, frequent new faults would fail every refresh.
        since = self._since[group] = former if former is not None else -inf if is_first else now
        return now - since >= self._permanent_after

    def keep_only(self, groups: Collection[Hashable]) -> None:
        """Drop the faults of all groups that are not in `groups`."""
        self._groups &= set(groups)
        self._since = {group: since for group, since in self._since.items() if group in groups}
