"""The lease of a shard, which only one process holds at a time. Only the holder sends requests to AvePoint.

This module decides whether a process may send requests and write state. It has no clock and no connection; the caller
passes times and results.
"""

from dataclasses import dataclass
from typing import Final

LEASE_SECONDS: Final = 20.0
"""Time, in seconds of the database's clock, until another process may take over."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Times in seconds; tests use shorter times.

    `length` is the length of a lease. `deadline` is the time after sending a renewal for which the holder may send
    requests to AvePoint. `patience` is the time that a new process waits for an unreachable database. `grace` is the
    time that a process waits after an outage of the database before it takes over. Meanwhile, the last holder can renew
    its lease.
    """

    length: float = LEASE_SECONDS
    renewal: float = 5.0
    deadline: float = 15.0
    poll: float = 2.0
    attempt: float = 4.0
    patience: float = 60.0
    grace: float = 10.0


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to send requests for a shard. The epoch increases with each grant, across all shards."""

    holder: str
    epoch: int


class Lease:
    """The permissions of this process, which depend on the results of its attempts to get or to renew the lease."""

    def __init__(self, times: LeaseTimes, started: float) -> None:
        """Create a lease that is not held. `started` is the monotonic time at which the process started."""
        self._times = times
        self._started = started
        self._deadline = started
        self._is_blind = False
        self._has_answered = False
        self._reachable_since: float | None = None
        self._had_outage = False
        self.grant: Grant | None = None

    @property
    def is_blind(self) -> bool:
        """Whether this process may send requests to AvePoint although it has never reached the database."""
        return self._is_blind

    @property
    def is_reachable(self) -> bool:
        """Whether the database responded to the last attempt."""
        return self._reachable_since is not None

    def may_read(self, now: float) -> bool:
        """Return whether this process may send requests to AvePoint at the monotonic time `now`."""
        return (self.grant is not None or self._is_blind) and now < self._deadline

    def may_take_over(self, now: float) -> bool:
        """Return whether this process may take over an expired lease.

        After an outage of the database, the last holder has time to renew its lease first.
        """
        if not self._had_outage:
            return True
        return self._reachable_since is not None and now >= self._reachable_since + self._times.grace

    def granted(self, grant: Grant, sent: float) -> None:
        """Record that the database granted or renewed the lease after a request that was sent at `sent`."""
        self._answered(sent)
        self.grant, self._is_blind = grant, False
        self._deadline = sent + self._times.deadline

    def refused(self, sent: float) -> None:
        """Record that another process holds the lease, so that this process sends no requests to AvePoint."""
        self._answered(sent)
        self.grant, self._is_blind = None, False

    def unreachable(self, sent: float, now: float) -> None:
        """Record that the database did not respond to a request that was sent at `sent`.

        The last holder continues to send requests to AvePoint. A process that has never reached the database starts to
        send requests after `patience` seconds. Any other process waits.
        """
        self._reachable_since, self._had_outage = None, True
        if self.grant is None and not self._has_answered and now >= self._started + self._times.patience:
            self._is_blind = True
        if self.grant is not None or self._is_blind:
            self._deadline = max(self._deadline, sent + self._times.deadline)

    def lost_contact(self) -> None:
        """Record that another request to the database failed. Writes wait until the next renewal."""
        self._reachable_since = None

    def _answered(self, sent: float) -> None:
        self._has_answered = True
        if self._reachable_since is None:
            self._reachable_since = sent
