"""Classes that count requests, log unreadable values and measure the offset of AvePoint's clock."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from exporter.avepoint.endpoints import Query
from exporter.avepoint.hints import CLOCK
from exporter.avepoint.reading.text import short
from exporter.avepoint.reading.values import CLOCK_TOLERANCE, Ticks, ticks_at
from exporter.clock import Clock
from exporter.errors import IncompleteListError

_MOST_SEEN: Final = 2000
LARGE_OFFSET: Final = 300.0


Inspect = Callable[[str, Query, object], None]
"""A function that receives the path template, the query and the decoded JSON of a successful response."""


class Observer(Protocol):
    """The interface that the client uses to count the requests of one account."""

    @property
    def inspect(self) -> Inspect | None:
        """A function that inspects each response for the `check` command, or None."""

    def request(self, endpoint: str, code: str, seconds: float) -> None:
        """Count one HTTP request and add its duration. `code` is the HTTP status, "timeout", "connect" or "parse"."""

    def throttled(self, seconds: float) -> None:
        """Add the seconds that a request waited because of the rate limit or a Retry-After header."""

    def token(self, result: str) -> None:
        """Count one token request. `result` is "success", an OAuth error code, an HTTP status or another reason."""

    def certificate(self, expires_at: float) -> None:
        """Set the expiry of the account's certificate, as Unix time."""

    def clock_offset(self, seconds: float) -> None:
        """Set the offset of AvePoint's clock, which is AvePoint's time minus the exporter's time, in seconds."""

    def unreadable(self, endpoint: str, field: str) -> None:
        """Count a value that cannot be read."""

    def unknown(self, field: str) -> None:
        """Count an unknown name, such as the name of a state or a workload."""

    def incomplete_list(self, endpoint: str) -> None:
        """Count a list that has fewer rows than AvePoint reports."""


class ValueIssues:
    """Counts and logs the unreadable values in an account's responses.

    Each distinct value is logged once per field and reason.
    """

    def __init__(self, observer: Observer, log: structlog.stdlib.BoundLogger, clock: Clock) -> None:
        self._observer = observer
        self._clock = clock
        self._log = log
        self._seen: OrderedDict[tuple[str, ...], None] = OrderedDict()

    @property
    def latest(self) -> Ticks:
        """The latest accepted timestamp of a past event, which is the current time plus an allowance for clock skew."""
        return Ticks(ticks_at(self._clock.time()) + CLOCK_TOLERANCE)

    def unreadable(self, endpoint: str, field: str, value: object, why: str) -> None:
        """Count an unreadable value. If the value or the reason `why` is new, log both."""
        self._observer.unreadable(endpoint, field)
        if self._is_new(field, short(value), why):
            self._log.warning("value is unreadable", path=endpoint, field=field, value=short(value), why=why)

    def unknown(self, endpoint: str, field: str, value: str) -> None:
        """Count an unknown name. If the name is new, log the name. The exporter exposes unknown names unchanged."""
        self._observer.unknown(field)
        if self._is_new(field, value):
            self._log.warning("unknown name is used unchanged", path=endpoint, field=field, value=short(value))

    def incomplete_list(self, endpoint: str) -> None:
        """Count a list that has fewer rows than AvePoint reports."""
        self._observer.incomplete_list(endpoint)

    def settled_list(self, error: IncompleteListError) -> None:
        """Log that an incomplete list is accepted as complete, because several refreshes have found the same fault."""
        event = "incomplete list is accepted, because three consecutive refreshes returned the same rows and total"
        self._log.warning(event, path=error.path, rows=error.rows, total=error.total, reason=str(error))

    def _is_new(self, *key: str) -> bool:
        if key in self._seen:
            self._seen.move_to_end(key)
            return False
        self._seen[key] = None
        if len(self._seen) > _MOST_SEEN:
            self._seen.popitem(last=False)
        return True


class ServerClock:
    """Compares the Date headers of AvePoint's responses with the exporter's clock."""

    def __init__(self, observer: Observer, log: structlog.stdlib.BoundLogger) -> None:
        self.offset: float | None = None
        self._observer = observer
        self._log = log
        self._is_large = False

    def measure(self, server: float | None, now: float) -> None:
        """Set the offset of AvePoint's clock. Log once if the offset exceeds five minutes.

        `server` is AvePoint's time, or None if it is unknown. `now` is the exporter's time.
        """
        if server is None:
            return
        self.offset = server - now
        self._observer.clock_offset(self.offset)
        is_large = abs(self.offset) > LARGE_OFFSET
        if is_large and not self._is_large:
            self._log.warning("clock differs from AvePoint's clock", offset_seconds=round(self.offset), hint=CLOCK)
        elif self._is_large and not is_large:
            self._log.info("clock agrees with AvePoint's clock again", offset_seconds=round(self.offset))
        self._is_large = is_large
