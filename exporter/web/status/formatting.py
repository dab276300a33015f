"""Numbers and times for people."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from exporter.logs import scrub

_TENTHS_BELOW: Final = 10.0  # seconds
_MILLISECONDS_BELOW: Final = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time: its age for the text, and its date in two notations."""

    text: str
    iso: str
    exact: str


def moment(at: float, now: float) -> Moment:
    """Return a point in time; both arguments are Unix seconds."""
    try:
        utc = datetime.fromtimestamp(at, UTC)
    except (OverflowError, ValueError, OSError):
        utc = datetime.fromtimestamp(0, UTC)
    return Moment(f"{rounded_time(now - at)} ago", f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S} UTC")


def rounded_time(seconds: float) -> str:
    """Return a time span in its largest suitable unit: 42 s, 5 min, 3 h, 2 d."""
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def precise_time(seconds: float) -> str:
    """Return a time span with fractions if it is short: 0 s, 12 ms, 0.5 s, 42 s, 5 min."""
    if 0 < seconds < _MILLISECONDS_BELOW:
        return f"{max(1.0, seconds * 1000):.0f} ms"
    return f"{seconds:.1f} s" if 0 < seconds < _TENTHS_BELOW else rounded_time(seconds)


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: 1 customer, 1,204 customers."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def rate(per_second: float) -> str:
    """Return a rate without trailing zeros: 10, 2.5, 0.05."""
    return f"{per_second:.2f}".rstrip("0").rstrip(".")


def safe_text(text: str) -> str:
    """Return a text from elsewhere without secrets and control characters."""
    return scrub(text)
