"""Decides which faults in AvePoint's responses are permanent."""

from collections.abc import Collection, Hashable, Iterable
from typing import Final

from exporter.clock import Clock

PERMANENT_AFTER: Final = 900.0
"""Seconds for which all refreshes must find a fault before the fault counts as permanent."""


class Settling:
    """Decides when a fault in AvePoint's responses counts as permanent.

    A fault is permanent if all refreshes within at least 15 minutes have found the fault. The number of refreshes does
    not matter, because a failed refresh is soon retried. After a restart, the 15 minutes begin again, because a fault
    may be new. Faults belong to a group, such as a customer.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[Hashable, dict[Hashable, float]] = {}

    def are_permanent(self, faults: Iterable[Hashable], group: Hashable = "") -> bool:
        """Record all faults of a group in one refresh, and return whether all of these faults are permanent."""
        now, former = self._clock.monotonic(), self._since.pop(group, {})
        if since := {fault: former.get(fault, now) for fault in faults}:
            self._since[group] = since
        return all(now - first >= PERMANENT_AFTER for first in since.values())

    def keep_only(self, groups: Collection[Hashable]) -> None:
        """Drop the faults of all groups that are not in `groups`."""
        self._since = {group: since for group, since in self._since.items() if group in groups}
