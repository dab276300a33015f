"""Functions that format timestamps, durations, sizes and counts for responses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from avepoint_simulator.switches import Counts, IsoForm, NoTime, Sizes

_TICKS_AT_UNIX_EPOCH: Final = 621_355_968_000_000_000
_NS_PER_TICK: Final = 100
_NS_PER_SECOND: Final = 1_000_000_000
_GIB: Final = 1024**3
_NO_TIMES: Final = (("zero", "0001-01-01T00:00:00Z"), ("null", None), ("na", "N/A"))


def ticks(unix_ns: int | None) -> int:
    """Return a timestamp as .NET ticks, or 0 for None."""
    return 0 if unix_ns is None else unix_ns // _NS_PER_TICK + _TICKS_AT_UNIX_EPOCH


def from_ticks(value: int) -> int | None:
    """Return .NET ticks as Unix nanoseconds, or None for 0."""
    return None if value == 0 else (value - _TICKS_AT_UNIX_EPOCH) * _NS_PER_TICK


def duration_ticks(start_unix_ns: int, finish_unix_ns: int | None) -> int:
    """Return a duration in ticks, or 0 if there is no finish time."""
    return 0 if finish_unix_ns is None else (finish_unix_ns - start_unix_ns) // _NS_PER_TICK


def duration_hours(start_unix_ns: int, finish_unix_ns: int | None) -> str:
    """Return a duration in hours, as a string with three decimals."""
    seconds = 0.0 if finish_unix_ns is None else (finish_unix_ns - start_unix_ns) / _NS_PER_SECOND
    return f"{seconds / 3600:.3f}"


def duration_text(start_unix_ns: int | None, finish_unix_ns: int | None) -> str:
    """Return a duration in the format "1h13m30s", "17m39s" or "2s"."""
    if start_unix_ns is None or finish_unix_ns is None:
        return "N/A"
    minutes, seconds = divmod((finish_unix_ns - start_unix_ns) // _NS_PER_SECOND, 60)
    hours, minutes = divmod(minutes, 60)
    return "".join(
        f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if number or unit == "s"
    )


def iso(unix_ns: int | None, form: IsoForm, no_time: NoTime) -> str | None:
    """Return a timestamp in the ISO 8601 variant `form`. If the timestamp is None, `no_time` selects the result."""
    if unix_ns is None:
        return dict(_NO_TIMES)[no_time]
    seconds, rest = divmod(unix_ns, _NS_PER_SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    match form:
        case "z":
            return f"{text}.{rest // 1_000_000:03d}Z"
        case "offset":
            return f"{text}.{rest // 1_000_000:03d}+00:00"
        case "seven":
            return f"{text}.{rest // _NS_PER_TICK:07d}Z"
        case "whole":
            return f"{text}Z"


def from_iso(text: str) -> int:
    """Convert an ISO 8601 date or time to Unix nanoseconds. The default time zone is UTC.

    Raise ValueError if `text` is invalid.
    """
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * _NS_PER_SECOND + since.microseconds * 1_000


def size(value: int | str | None, form: Sizes) -> str:
    """Return a number of bytes as a string with a unit. Return "N/A" for None, and return strings unchanged."""
    if value is None:
        return "N/A"
    if isinstance(value, str):
        return value
    gib = value / _GIB
    if form == "thousands":
        return f"{_trim(f'{gib:,.2f}')} GB"
    number, unit = (gib / 1024, "TB") if gib >= 1024 else (gib, "GB")
    return f"{_trim(f'{number:.2f}')}{'' if form == 'no_space' else ' '}{unit}"


def count(value: int, form: Counts) -> int | str:
    """Return a count as an integer or as a string."""
    return value if form == "numbers" else str(value)


def text(value: object | None) -> str:
    """Return a value as a string, or "N/A" for None."""
    return "N/A" if value is None else str(value)


def calendar(unix_ns: int | None, form: str) -> str:
    """Return a timestamp in a `strftime` format, or "N/A" for None."""
    return "N/A" if unix_ns is None else datetime.fromtimestamp(unix_ns // _NS_PER_SECOND, UTC).strftime(form)


def _trim(number: str) -> str:
    return number.rstrip("0").rstrip(".")
