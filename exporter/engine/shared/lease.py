"""The lease of a shard. At most one process holds the lease. Only the holder of the lease sends requests to AvePoint.

This module decides whether a process may send requests and write state. The caller passes the current time and the
outcome of each database request.
"""

from dataclasses import dataclass
from typing import Final

LEASE_SECONDS: Final = 20.0
"""Seconds after which a lease expires, measured by the database's clock. Another process can then take over."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """The times of a lease, in seconds. Tests use shorter times.

    `length` is the length of a lease. After a successful renewal, the holder may send requests to AvePoint for
    `deadline` seconds. If the database is unreachable, a new process waits for at most `patience` seconds. After an
    outage of the database, a process waits `grace` seconds before it takes over. Meanwhile, the previous holder can
    renew its lease.
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
    """The right to send requests for a shard. `epoch` increases with each new grant, across all shards."""

    holder: str
    epoch: int


class Lease:
    """Decides whether this process may send requests to AvePoint. The decision depends on the database's responses."""

    def __init__(self, times: LeaseTimes, started: float) -> None:
        """Create a lease that is not held yet. `started` is the monotonic time at which the process started."""
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
        """Whether this process may send requests to AvePoint although the database has never responded."""
        return self._is_blind

    @property
    def is_reachable(self) -> bool:
        """Whether the database responded to the most recent request."""
        return self._reachable_since is not None

    def may_read(self, now: float) -> bool:
        """Return whether this process may send requests to AvePoint at the monotonic time `now`."""
        return (self.grant is not None or self._is_blind) and now < self._deadline

    def may_take_over(self, now: float) -> bool:
        """Return whether this process may take over an expired lease.

        After an outage of the database, the previous holder first has `grace` seconds to renew the lease.
        """
        if not self._had_outage:
            return True
        return self._reachable_since is not None and now >= self._reachable_since + self._times.grace

    def granted(self, grant: Grant, sent: float) -> None:
        """Record that the database granted or renewed the lease.

        `sent` is the monotonic time at which the request was sent.
        """
        self._answered(sent)
        self.grant, self._is_blind = grant, False
        self._deadline = sent + self._times.deadline

    def refused(self, sent: float) -> None:
        """Record that another process holds the lease. This process then sends no requests to AvePoint."""
        self._answered(sent)
        self.grant, self._is_blind = None, False

    def unreachable(self, sent: float, now: float) -> None:
        """Record that the database did not respond to a request that was sent at the monotonic time `sent`.

        If this process holds the lease, it continues to send requests to AvePoint. If this process has never reached
        the database, it starts to send requests after `patience` seconds. Otherwise, it sends no requests.
        """
        self._reachable_since, self._had_outage = None, True
        if self.grant is None and not self._has_answered and now >= self._started + self._times.patience:
            self._is_blind = True
        if self.grant is not None or self._is_blind:
            self._deadline = max(self._deadline, sent + self._times.deadline)

    def lost_contact(self) -> None:
        """Record that loading or writing failed. Nothing is written until the lease is renewed."""
        self._reachable_since = None

    def _answered(self, sent: float) -> None:
        self._has_answered = True
        if self._reachable_since is None:
            self._reachable_since = sent
