"""Numbers and times as people read them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from exporter.logs import scrub

_FINE: Final = 10.0
"""Seconds below which a tenth matters."""
_FINEST: Final = 0.1
"""Seconds below which milliseconds do."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time: how long ago in words, and itself for machines and for who points at it."""

    text: str
    iso: str
    exact: str


def moment(at: float, now: float) -> Moment:
    """Give a point in time, both in Unix seconds."""
    try:
        utc = datetime.fromtimestamp(at, UTC)
    except (OverflowError, ValueError, OSError):
        utc = datetime.fromtimestamp(0, UTC)
    return Moment(f"{span(now - at)} ago", f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S} UTC")


def span(seconds: float) -> str:
    """Give a span of time in its largest sensible unit: 42 s, 5 min, 3 h, 2 d."""
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def took(seconds: float) -> str:
    """Give how long something took: 0 s, 12 ms, 0.5 s, 42 s, 5 min."""
    if 0 < seconds < _FINEST:
        return f"{max(1.0, seconds * 1000):.0f} ms"
    return f"{seconds:.1f} s" if 0 < seconds < _FINE else span(seconds)


def count(number: int, one: str, many: str = "") -> str:
    """Give a number with its noun: 1 customer, 1,204 customers."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def rate(per_second: float) -> str:
    """Give a rate without needless digits: 10, 2.5, 0.05."""
    return f"{per_second:.2f}".rstrip("0").rstrip(".")


def plain(text: str) -> str:
    """Give a text of elsewhere as one that is safe to read: no secret, no control character."""
    return scrub(text)
