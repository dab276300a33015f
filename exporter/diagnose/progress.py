"""How far a check has come, told to whoever shows it; and what it hears of an account's calls on the way."""

from collections import Counter
from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """Shows how far a check has come, in steps: one a thing that is tried, one a customer that is read."""

    def expect(self, steps: int) -> None:
        """There are so many steps more to come than was known."""
        ...

    def advance(self, steps: int, what: str) -> None:
        """So many steps are done, the last of them for this account or collector."""
        ...


class Silent:
    """Shows nothing."""

    def expect(self, steps: int) -> None:
        """Take no notice."""

    def advance(self, steps: int, what: str) -> None:
        """Take no notice."""


class CustomersProgress:
    """Follows one collector through its customers: `listed` tells how many there are, `read` how many are done."""

    def __init__(self, progress: Progress, what: str, listed: Callable[[], int], read: Callable[[], int]) -> None:
        self._progress = progress
        self._what = what
        self._listed = listed
        self._read = read
        self._expected = 0
        self._done = 0

    def look(self) -> None:
        """Tell what is new since the last look."""
        self._expect(max(self._listed(), self._expected))
        if (done := self._read()) > self._done:
            self._progress.advance(done - self._done, self._what)
            self._done = done

    def end(self) -> None:
        """Tell the last of it; no more are expected."""
        self.look()
        self._expect(self._done)

    def _expect(self, customers: int) -> None:
        if customers != self._expected:
            self._progress.expect(customers - self._expected)
            self._expected = customers


class Watch:
    """Hears of one account's calls: counts them by endpoint and code, and tells `on_call` of each."""

    def __init__(self) -> None:
        self.certificate_expires_at: float | None = None
        self.on_call: Callable[[], None] = lambda: None
        self._calls: Counter[tuple[str, str]] = Counter()

    def taken(self) -> tuple[str, ...]:
        """Give the endpoints asked since the last time, those that answered if any did."""
        calls, self._calls = self._calls, Counter()
        answered = [endpoint for endpoint, code in calls if code == "200"]
        return tuple(dict.fromkeys(answered or [endpoint for endpoint, _ in calls]))

    def request(self, endpoint: str, code: str, seconds: float) -> None:  # noqa: ARG002 - the steps are timed as a whole
        """Count a call."""
        self._calls[endpoint, code] += 1
        self.on_call()

    def certificate(self, expires_at: float) -> None:
        """Remember until when the app's certificate is valid."""
        self.certificate_expires_at = expires_at

    def throttled(self, seconds: float) -> None:
        """Take no notice."""

    def token(self, result: str) -> None:
        """Take no notice: each token is a step of its own."""

    def unreadable(self, endpoint: str, field: str) -> None:
        """Take no notice."""

    def unknown(self, field: str) -> None:
        """Take no notice."""

    def incomplete_list(self, endpoint: str) -> None:
        """Take no notice."""
