"""A log of requests for tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final

from avepoint_simulator.faults.rows import parts_of, rows_of
from avepoint_simulator.requests import Json

_TOKEN_PATH: Final = "/connect/token"  # noqa: S105 - a path


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One request. Times are Unix times from the simulator's clock. A status of 0 means that no response was sent."""

    method: str
    path: str
    query: str
    authorized: bool
    """Whether the request had an Authorization header, even an invalid one."""
    status: int
    fault: str | None
    started: float
    ended: float


class RequestLog:
    """Stores the most recent requests and the largest number of concurrent API requests."""

    def __init__(self, size: int) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=size)
        self._lock = Lock()
        self._in_flight = 0
        self._max_in_flight = 0

    @property
    def records(self) -> tuple[RequestRecord, ...]:
        """Completed requests, oldest first."""
        with self._lock:
            return tuple(self._records)

    @property
    def max_in_flight(self) -> int:
        """Largest number of concurrent API requests, not counting token requests."""
        return self._max_in_flight

    def begin(self, path: str) -> None:
        """Record that a request has begun."""
        if path != _TOKEN_PATH:
            with self._lock:
                self._in_flight += 1
                self._max_in_flight = max(self._max_in_flight, self._in_flight)

    def end(self, record: RequestRecord) -> None:
        """Record a completed request."""
        with self._lock:
            self._records.append(record)
            if record.path != _TOKEN_PATH:
                self._in_flight -= 1

    def reset(self) -> None:
        """Remove all completed requests from the log."""
        with self._lock:
            self._records.clear()
            self._max_in_flight = self._in_flight


def returned_values(customer_id: str, body: Json) -> set[tuple[str, str, object]]:
    """Return a tuple (customer id, field, value) for each scalar value in the rows and nested rows of a body."""
    return {
        (customer_id or _row_id(row), field, value)
        for row in rows_of(body)
        for part in (row, *parts_of(row))
        for field, value in part.items()
        if isinstance(value, str | int | float | None)
    }


def _row_id(row: Mapping[str, object]) -> str:
    """Return the customer id in a row of a customer list. For all other rows, return ""."""
    return str(row.get("customerId", row.get("id", ""))) if "organization" in row else ""
