"""What the API room tells of itself, to whoever counts it (the exposition room does)."""

from typing import Protocol


class Observer(Protocol):
    """Receives what happens to one account's calls."""

    def request(self, endpoint: str, code: str, seconds: float) -> None:
        """Note the end of one HTTP request: its template, its status (or timeout, connect, parse), how long it took."""
        ...

    def throttled(self, seconds: float) -> None:
        """Note that a call waited for the rate limit or for Retry-After."""
        ...

    def token(self, result: str) -> None:
        """Note the end of one token request: success, or the OAuth error code, status or kind of failure."""
        ...

    def certificate(self, expires_at: float) -> None:
        """Note when the account's certificate expires, in Unix seconds."""
        ...

    def unreadable(self, endpoint: str, field: str) -> None:
        """Note that a value could not be read."""
        ...

    def unknown(self, field: str) -> None:
        """Note a state, workload or type that nobody knew."""
        ...

    def incomplete_list(self, endpoint: str) -> None:
        """Count a list that is shorter than its total."""
        ...
