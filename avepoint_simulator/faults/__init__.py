"""Registers all faults by name, and selects a fault for each request."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from random import Random
from types import MappingProxyType
from typing import Final

from avepoint_simulator.faults import contradictions, responses, rows
from avepoint_simulator.requests import FaultOptions, Reply, SimulatedRequest

Fault = Callable[[SimulatedRequest, Reply], Reply]
ANY_ENDPOINT: Final = "*"
TOKEN_ENDPOINT: Final = "token"  # noqa: S105 - this is the name of an endpoint, not a secret

REGISTRY: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        fault.__name__: fault
        for fault in (
            responses.too_many_requests,
            responses.too_many_requests_date,
            responses.too_many_requests_bare,
            responses.unavailable,
            responses.server_error,
            responses.bad_request,
            responses.unauthorized,
            responses.forbidden,
            responses.not_found,
            responses.redirect,
            responses.timeout,
            responses.cut,
            responses.truncated_json,
            responses.html,
            responses.gzip_bomb,
            responses.envelope_status,
            responses.envelope_errors,
            rows.nulls,
            rows.missing_keys,
            rows.wrong_types,
            rows.huge_numbers,
            rows.nan,
            rows.negative,
            rows.long_text,
            rows.odd_text,
            rows.duplicate_row,
            rows.conflicting_row,
            rows.foreign_link,
            rows.endless,
            contradictions.short_list,
            contradictions.changed_total,
            contradictions.impossible_times,
            contradictions.foreign_rows,
            contradictions.ignored_filters,
            contradictions.error_field,
        )
    }
)
FAULTS: Final = tuple(REGISTRY)


class Faults:
    """Selects a fault for each request.

    Faults from `script` take precedence over permanent faults. Permanent faults take precedence over random faults.
    `probability` is the probability of a random fault from `kinds`. `seed` makes the random faults reproducible. If
    `endpoints` is None, random faults affect all endpoints except "token". `always` maps endpoints to permanent faults.
    The key "*" includes all API endpoints.
    """

    def __init__(
        self,
        *,
        probability: float = 0.0,
        kinds: Iterable[str] = FAULTS,
        endpoints: Iterable[str] | None = None,
        always: Mapping[str, str] = MappingProxyType({}),
        seed: int = 0,
        options: FaultOptions | None = None,
    ) -> None:
        self.probability = probability
        self.kinds = _known(kinds)
        self.endpoints = None if endpoints is None else frozenset(endpoints)
        self.always = dict(zip(always, _known(always.values()), strict=True))
        self.options = options or FaultOptions()
        self._random = Random(seed)
        self._queues: defaultdict[str, deque[str | None]] = defaultdict(deque)

    def script(self, endpoint: str, *names: str | None) -> None:
        """Add one fault for each of the next requests to an endpoint. "*" includes all API endpoints.

        If a name is None, the corresponding request has no fault.
        """
        _known(name for name in names if name is not None)
        self._queues[endpoint].extend(names)

    def pick(self, endpoint: str) -> str | None:
        """Return the name of the fault for the next request to an endpoint, or None if there is no fault."""
        keys = (endpoint,) if endpoint == TOKEN_ENDPOINT else (endpoint, ANY_ENDPOINT)
        for key in keys:
            if self._queues[key]:
                return self._queues[key].popleft()
        for key in keys:
            if key in self.always:
                return self.always[key]
        return self._draw(endpoint)

    def _draw(self, endpoint: str) -> str | None:
        among = endpoint != TOKEN_ENDPOINT if self.endpoints is None else endpoint in self.endpoints
        if not among or not self.kinds or self._random.random() >= self.probability:
            return None
        return self._random.choice(self.kinds)


def _known(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of faults. Raise ValueError if a name is unknown."""
    names = tuple(names)
    for name in names:
        if name not in REGISTRY:
            raise ValueError(f"unknown fault: {name}")
    return names
