"""Functions that format numbers, times and messages for the status page."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from exporter.logs import scrub

_TENTHS_BELOW: Final = 10.0  # seconds
_MILLISECONDS_BELOW: Final = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time as an age ("5 min ago"), in ISO 8601 format, and in a readable format."""

    text: str
    iso: str
    exact: str


def moment(at: float, now: float) -> Moment:
    """Format the Unix time `at`. The age is relative to the Unix time `now`."""
    try:
        utc = datetime.fromtimestamp(at, UTC)
    except (OverflowError, ValueError, OSError):
        utc = datetime.fromtimestamp(0, UTC)
    return Moment(f"{rounded_time(now - at)} ago", f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S} UTC")


def rounded_time(seconds: float) -> str:
    """Format a duration as an integer with the largest suitable unit, such as 42 s, 5 min, 3 h or 2 d."""
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def precise_time(seconds: float) -> str:
    """Format a duration such as 12 ms (below 0.1 s), 0.5 s (below 10 s), 42 s or 5 min."""
    if 0 < seconds < _MILLISECONDS_BELOW:
        return f"{max(1.0, seconds * 1000):.0f} ms"
    return f"{seconds:.1f} s" if 0 < seconds < _TENTHS_BELOW else rounded_time(seconds)


def count(number: int, one: str, many: str = "") -> str:
    """Format a number with a noun in the singular or plural, such as "1 customer" or "1,204 customers"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def rate(per_second: float) -> str:
    """Format a rate without trailing zeros, such as 10, 2.5 or 0.05."""
    return f"{per_second:.2f}".rstrip("0").rstrip(".")


def safe_text(text: str) -> str:
    """Remove secrets and control characters from untrusted text."""
    return scrub(text)
