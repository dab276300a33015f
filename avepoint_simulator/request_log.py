"""What the simulator was asked, for tests to look at."""

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
    """One request; times are Unix seconds of the simulator's clock, status 0 means that none was sent."""

    method: str
    path: str
    query: str
    authorized: bool
    """Whether an Authorization header came, good or bad."""
    status: int
    fault: str | None
    started: float
    ended: float


class RequestLog:
    """A bounded list of requests, and how many API calls were ever under way at once."""

    def __init__(self, size: int) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=size)
        self._lock = Lock()
        self._in_flight = 0
        self._max_in_flight = 0

    @property
    def records(self) -> tuple[RequestRecord, ...]:
        """List the requests that ended, oldest first."""
        with self._lock:
            return tuple(self._records)

    @property
    def max_in_flight(self) -> int:
        """Tell how many API calls, token requests apart, were under way at once at most."""
        return self._max_in_flight

    def begin(self, path: str) -> None:
        """Count a request that begins."""
        if path != _TOKEN_PATH:
            with self._lock:
                self._in_flight += 1
                self._max_in_flight = max(self._max_in_flight, self._in_flight)

    def end(self, record: RequestRecord) -> None:
        """Note a request that ended."""
        with self._lock:
            self._records.append(record)
            if record.path != _TOKEN_PATH:
                self._in_flight -= 1

    def reset(self) -> None:
        """Forget all requests that ended."""
        with self._lock:
            self._records.clear()
            self._max_in_flight = self._in_flight


def returned_values(customer_id: str, body: Json) -> set[tuple[str, str, object]]:
    """Give (customer id, field, value) for every plain value of the rows in a body, and of what they list."""
    return {
        (customer_id or _row_id(row), field, value)
        for row in rows_of(body)
        for part in (row, *parts_of(row))
        for field, value in part.items()
        if isinstance(value, str | int | float | None)
    }


def _row_id(row: Mapping[str, object]) -> str:
    """Name the customer that a row of a list of customers is about; rows of a tenant name none."""
    return str(row.get("customerId", row.get("id", ""))) if "organization" in row else ""
