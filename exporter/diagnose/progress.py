"""Progress of a check, and the monitor that counts the requests of an account and inspects its responses."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Protocol

from exporter.avepoint.endpoints import Query
from exporter.diagnose.assumptions import ASSUMPTIONS
from exporter.diagnose.findings import Findings
from exporter.diagnose.report import Observations


class Progress(Protocol):
    """Shows the progress of a check. It never goes backwards: the number of steps is fixed at the beginning."""

    def begin(self, steps: float) -> None:
        """Show a check of `steps` steps."""
        ...

    def advance(self, steps: float, label: str) -> None:
        """Add completed steps, at least 0; `label` names the account or the collector."""
        ...


class SilentProgress:
    """Shows nothing."""

    def begin(self, steps: float) -> None:
        """Ignore the steps."""

    def advance(self, steps: float, label: str) -> None:
        """Ignore the steps."""


class CollectorProgress:
    """Divides the steps of one collector among its customers.

    `listed` returns the number of customers, 0 if unknown; `read` returns how many of them are done.
    """

    def __init__(
        self, progress: Progress, label: str, steps: float, *, listed: Callable[[], int], read: Callable[[], int]
    ) -> None:
        self._progress = progress
        self._label = label
        self._steps = steps
        self._listed = listed
        self._read = read
        self._done = 0.0

    def update(self) -> None:
        """Show the customers that were read since the last update."""
        listed, read = self._listed(), self._read()
        if listed:
            self._advance_to(self._steps * min(1.0, read / listed), f"{self._label} {read:,}/{listed:,}")

    def end(self) -> None:
        """Show the collector as completed."""
        self._advance_to(self._steps, self._label)

    def _advance_to(self, done: float, label: str) -> None:
        if done > self._done:
            self._progress.advance(done - self._done, label)
            self._done = done


class RequestMonitor:
    """Counts the requests of one account by path and code, and calls `on_request` after each.

    It also keeps what a bug report needs: codes, durations, the clock offset and the findings of responses.
    """

    def __init__(self) -> None:
        self.findings = Findings()
        self.codes: Counter[str] = Counter()
        self.durations: defaultdict[str, list[float]] = defaultdict(list)
        self.certificate_expires_at: float | None = None
        self.clock_offset_seconds: float | None = None
        self.on_request: Callable[[], None] = lambda: None
        self._requests: Counter[tuple[str, str]] = Counter()

    def observations(self) -> Observations:
        """Return what the responses show so far."""
        return Observations(
            codes=dict(self.codes),
            seconds={path: tuple(seconds) for path, seconds in self.durations.items()},
            clock_offset=self.clock_offset_seconds,
            outcomes={assumption.name: dict(self.findings.counts(assumption)) for assumption in ASSUMPTIONS},
        )

    def take_paths(self) -> tuple[str, ...]:
        """Return the paths requested since the last call; only the successful ones if there are any."""
        requests, self._requests = self._requests, Counter()
        successful = [path for path, code in requests if code == "200"]
        return tuple(dict.fromkeys(successful or [path for path, _ in requests]))

    def request(self, endpoint: str, code: str, seconds: float) -> None:
        """Count a request."""
        self._requests[endpoint, code] += 1
        self.codes[code] += 1
        self.durations[endpoint].append(seconds)
        self.on_request()

    def response(self, endpoint: str, query: Query, response: object) -> None:
        """Inspect a response."""
        self.findings.response(endpoint, query, response)

    def certificate(self, expires_at: float) -> None:
        """Note the expiry of the app's certificate."""
        self.certificate_expires_at = expires_at

    def throttled(self, seconds: float) -> None:
        """Ignore the wait."""

    def token(self, result: str) -> None:
        """Ignore the token request: each token is a step of the check."""

    def unreadable(self, endpoint: str, field: str) -> None:
        """Ignore the value."""

    def unknown(self, field: str) -> None:
        """Ignore the value."""

    def clock_offset(self, seconds: float) -> None:
        """Store how far AvePoint's clock is ahead."""
        self.clock_offset_seconds = seconds

    def incomplete_list(self, endpoint: str) -> None:
        """Ignore the list."""
