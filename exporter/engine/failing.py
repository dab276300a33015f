"""The failed customers of a collector, and the time at which each of these customers is retried."""

from collections.abc import Collection, Iterator
from math import inf
from typing import Final

from exporter.clock import Clock

FIRST_RETRY: Final = 30.0
"""Seconds to wait after the first failure. The pause doubles after each further failure."""
_MOST_DOUBLINGS: Final = 20  # 30 s, doubled 20 times, exceeds every interval


def retry_pause(failures: int, longest: float) -> float:
    """Return the seconds to wait after a number of consecutive failures. The result is at most `longest`."""
    return min(longest, FIRST_RETRY * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))


class FailingCustomers:
    """The customers that failed in their most recent refresh, in the order of their failures.

    Each customer has its own retry time, at most `interval` seconds in the future. Therefore, a customer that always
    fails does not delay other customers.
    """

    def __init__(self, clock: Clock, interval: float) -> None:
        self._clock = clock
        self._interval = interval
        self._failures: dict[str, int] = {}
        self._retry_at: dict[str, float] = {}

    def __contains__(self, customer_id: object) -> bool:
        return customer_id in self._failures

    def __iter__(self) -> Iterator[str]:
        return iter(self._failures)

    def add(self, customer_id: str) -> None:
        """Record that a customer failed, and set the time of the next retry."""
        failures = self._failures.pop(customer_id, 0) + 1
        self._failures[customer_id] = failures
        self._retry_at[customer_id] = self._clock.monotonic() + retry_pause(failures, self._interval)

    def remove(self, customer_id: str) -> None:
        """Remove a customer that was read successfully or is no longer in the list."""
        self._failures.pop(customer_id, None)
        self._retry_at.pop(customer_id, None)

    def keep_only(self, customers: Collection[str]) -> None:
        """Remove all customers that are not in `customers`."""
        for customer_id in [one for one in self._failures if one not in customers]:
            self.remove(customer_id)

    def due(self) -> list[str]:
        """Return the customers whose retry is due, in the order of their failures."""
        now = self._clock.monotonic()
        return [one for one in self._failures if self._retry_at[one] <= now]

    def next_retry(self) -> float:
        """Return the monotonic time of the next retry. If no customer failed, return infinity."""
        return min(self._retry_at.values(), default=inf)
