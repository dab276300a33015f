"""The scenario `incident` has an API outage, and throttling before and after the outage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from avepoint_simulator.faults import TOKEN_ENDPOINT, Faults
from avepoint_simulator.requests import FaultOptions

OUTAGE_BEGINS: Final = 180.0
"""Seconds from the start to the outage. Before the outage, a client can read all data once."""
OUTAGE_ENDS: Final = 420.0
THROTTLED_SHARE: Final = 0.1


class IncidentFaults(Faults):
    """Returns 503 to all API requests during an outage, and 429 to 10 % of API requests at other times."""

    def __init__(self, now: Callable[[], float], start: float, seed: int) -> None:
        super().__init__(
            probability=THROTTLED_SHARE, kinds=("too_many_requests",), seed=seed,
            options=FaultOptions(retry_after_seconds=5),
        )  # fmt: skip
        self._now = now
        self._start = start

    def pick(self, endpoint: str) -> str | None:
        """Return the fault for a request, depending on the time since the start."""
        is_outage = OUTAGE_BEGINS <= self._now() - self._start < OUTAGE_ENDS
        return "unavailable" if is_outage and endpoint != TOKEN_ENDPOINT else super().pick(endpoint)
