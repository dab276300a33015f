"""Classes that show the progress of a check, count an account's requests and inspect the responses."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Protocol

from exporter.avepoint.endpoints import Query
from exporter.diagnose.assumptions import ASSUMPTIONS
from exporter.diagnose.findings import Findings
from exporter.diagnose.report import Observations


class Progress(Protocol):
    """Shows the progress of a check. Because the number of steps is fixed, the progress never decreases."""

    def begin(self, steps: float) -> None:
        """Show the start of a check that has `steps` steps."""

    def advance(self, steps: float, label: str) -> None:
        """Add `steps` completed steps. `label` is the name of the account or the collector."""


class SilentProgress:
    """An implementation of Progress that shows nothing."""

    def begin(self, steps: float) -> None:
        """Ignore the steps."""

    def advance(self, steps: float, label: str) -> None:
        """Ignore the steps."""


class CollectorProgress:
    """Shows the progress of one collector, measured by the number of customers read.

    `listed` returns the number of customers, or 0 if this number is unknown. `read` returns the number of customers
    read so far.
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
        """Show the number of customers that have been read."""
        listed, read = self._listed(), self._read()
        if listed:
            self._advance_to(self._steps * min(1.0, read / listed), f"{self._label} {read:,}/{listed:,}")

    def end(self) -> None:
        """Show all steps of the collector as completed."""
        self._advance_to(self._steps, self._label)

    def _advance_to(self, done: float, label: str) -> None:
        if done > self._done:
            self._progress.advance(done - self._done, label)
            self._done = done


class RequestMonitor:
    """Counts the requests of one account, and calls `on_request` after each request.

    The monitor stores the data for `check --report`: status codes, durations, the clock offset and findings.
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
        """Return the observations that have been stored so far."""
        return Observations(
            codes=dict(self.codes),
            seconds={path: tuple(seconds) for path, seconds in self.durations.items()},
            clock_offset=self.clock_offset_seconds,
            outcomes={assumption.name: dict(self.findings.counts(assumption)) for assumption in ASSUMPTIONS},
        )

    def take_paths(self) -> tuple[str, ...]:
        """Return the paths of the successful requests since the previous call.

        If all requests failed, return the paths of the failed requests.
        """
        requests, self._requests = self._requests, Counter()
        successful = [path for path, code in requests if code == "200"]
        return tuple(dict.fromkeys(successful or [path for path, _ in requests]))

    def request(self, endpoint: str, code: str, seconds: float) -> None:
        """Count a request."""
        self._requests[endpoint, code] += 1
        self.codes[code] += 1
        self.durations[endpoint].append(seconds)
        self.on_request()

    def inspect(self, endpoint: str, query: Query, response: object) -> None:
        """Count the findings about a response."""
        self.findings.response(endpoint, query, response)

    def certificate(self, expires_at: float) -> None:
        """Store the expiry time of the app's certificate."""
        self.certificate_expires_at = expires_at

    def throttled(self, seconds: float) -> None:
        """Ignore the waiting time."""

    def token(self, result: str) -> None:
        """Ignore the token request, because the check reports each token as a step."""

    def unreadable(self, endpoint: str, field: str) -> None:
        """Ignore the unreadable value."""

    def unknown(self, field: str) -> None:
        """Ignore the unknown value."""

    def clock_offset(self, seconds: float) -> None:
        """Store the offset of AvePoint's clock. The offset is positive if AvePoint's clock is ahead."""
        self.clock_offset_seconds = seconds

    def incomplete_list(self, endpoint: str) -> None:
        """Ignore the incomplete list."""
