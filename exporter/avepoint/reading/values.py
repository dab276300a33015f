"""Functions that parse the values in AvePoint's responses.

Each function returns None for an empty value: null, "", "N/A" or a date in the year 1. Each function raises
UnreadableValueError if docs/avepoint-api.md does not describe the format of the value.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, NewType

from exporter.avepoint.reading.text import LONGEST_TEXT, short
from exporter.errors import UnreadableValueError

Ticks = NewType("Ticks", int)
"""A timestamp, counted from 1970-01-01 UTC, or a duration. The unit is 100 ns, as in AvePoint's timestamps."""

TICKS_PER_SECOND: Final = 10_000_000
CLOCK_TOLERANCE: Final = Ticks(300 * TICKS_PER_SECOND)
"""Allowance for clock skew. The timestamp of a past event may exceed the current time by at most this value."""
_DOTNET_EPOCH: Final = 621_355_968_000_000_000  # ticks from 0001-01-01 to 1970-01-01
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = 7_258_118_400 * TICKS_PER_SECOND  # the year 2200; later times are considered invalid
_LONGEST_SPAN: Final = 10 * 366 * 86_400 * TICKS_PER_SECOND
_MOST: Final = 2**53  # a float represents all smaller integers exactly
_MOST_BYTES: Final = 2**60  # an exbibyte
_LONGEST_LABEL: Final = 200
_LONGEST_NUMBER: Final = 64

_NOTHING: Final = frozenset({"", "n/a", "na", "null", "none", "-"})
_UNITS: Final = {"": 0, "byte": 0, "bytes": 0, "b": 0, "kb": 1, "mb": 2, "gb": 3, "tb": 4, "pb": 5, "eb": 6}
_NUMBER: Final = r"(?:\d{1,3}(?:,\d{3})+|\d{1,18})"
_COUNT: Final = re.compile(rf"{_NUMBER}", re.ASCII)
_SIZE: Final = re.compile(rf"({_NUMBER}(?:\.\d{{1,18}})?|\.\d{{1,18}})\s*([A-Za-z]*)", re.ASCII)
_CLOCK: Final = r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s?(Z|z|[+-]\d\d:?\d\d)?)?"
_ISO: Final = re.compile(rf"(?P<y>\d{{4}})-(?P<m>\d\d)-(?P<d>\d\d){_CLOCK}", re.ASCII)
_MONTH_FIRST: Final = re.compile(rf"(?P<m>\d\d)-(?P<d>\d\d)-(?P<y>\d{{4}}){_CLOCK}", re.ASCII)
_SLASHED: Final = re.compile(rf"(?P<m>\d\d?)/(?P<d>\d\d?)/(?P<y>\d{{4}}){_CLOCK}", re.ASCII)
_YEAR_FIRST: Final = re.compile(rf"(?P<y>\d{{4}})/(?P<m>\d\d?)/(?P<d>\d\d?){_CLOCK}", re.ASCII)
_DATES: Final = (_ISO, _MONTH_FIRST, _SLASHED, _YEAR_FIRST)
# In the month-first formats, AvePoint represents a day without a time as noon.
_ONLY_DAY: Final = re.compile(
    r"\d+[/-]\d+[/-]\d+|\d\d?[/-]\d\d?[/-]\d{4}[T ]12:00(?::00(?:\.0+)?)?\s?(?:Z|[+-]00:?00)?",
    re.ASCII | re.IGNORECASE,
)
_DAY: Final = 86_400 * TICKS_PER_SECOND
_NEVER: Final = range(3_155_378_112_000_000_000, 3_155_378_976_000_000_000)  # ticks of 9999-12-31
_PURCHASED: Final = re.compile(rf"{_NUMBER}(?:\.\d{{1,18}})?\s?[A-Za-z]{{0,9}}\s?/\s?(.+)", re.ASCII)
_RETENTION: Final = re.compile(r"(\d{1,5})\s*(day|week|month|year)s?", re.ASCII | re.IGNORECASE)
_RETENTION_DAYS: Final = {"day": 1, "week": 7, "month": 30, "year": 365}
_UNLIMITED: Final = frozenset({"unlimited", "forever", "indefinitely"})
_ENDLESS: Final = _UNLIMITED | {"never", "perpetual", "lifetime"}
_HOURS: Final = re.compile(r"\d{1,6}(?:\.\d{1,12})?", re.ASCII)
_SPAN: Final = re.compile(
    r"(?:(\d{1,5})\s*d)?\s*(?:(\d{1,6})\s*h)?\s*(?:(\d{1,8})\s*m)?\s*(?:(\d{1,10}(?:\.\d{1,9})?)\s*s)?",
    re.ASCII | re.IGNORECASE,
)
_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+")
_FARTHEST_OFFSET: Final = timedelta(hours=15)  # larger than the UTC offset of any time zone
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def seconds(ticks: Ticks) -> float:
    """Convert ticks to seconds."""
    return ticks / TICKS_PER_SECOND


def ticks_at(unix_seconds: float) -> Ticks:
    """Convert a Unix time to ticks."""
    return Ticks(round(unix_seconds * TICKS_PER_SECOND))


def dotnet_ticks(ticks: Ticks) -> int:
    """Convert a timestamp to .NET ticks for parameters of the legacy API. .NET counts ticks from the year 1."""
    return ticks + _DOTNET_EPOCH


def iso_time(ticks: Ticks) -> str:
    """Convert a timestamp to ISO 8601, rounded down to whole seconds, for parameters of the modern API."""
    return (_EPOCH + timedelta(seconds=ticks // TICKS_PER_SECOND)).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_date(ticks: Ticks) -> str:
    """Return the UTC date of a timestamp, such as 2024-01-01."""
    return iso_time(ticks)[: len("2024-01-01")]


def read_count(value: object) -> int | None:
    """Parse a count, such as 25, 25.0, "2430", "2,430" or "N/A"."""
    if is_nothing(value):
        return None
    count = _whole(value)
    if (text := _short_text(value)) is not None and _COUNT.fullmatch(text):
        count = int(text.replace(",", ""))
    if count is None or not 0 <= count <= _MOST:
        raise _unreadable("count", value)
    return count


def read_size(value: object) -> float | None:
    """Convert a size, such as "0 GB", "1.5 TB", "1,024.5 GB", "512MB" or "N/A", to bytes. One GB is 1024³ bytes."""
    text = _short_text(value)
    match = None if text is None else _SIZE.fullmatch(text)
    if match is None:
        if is_nothing(value):
            return None
        if _whole(value) == 0:
            return 0.0
        raise _unreadable("size", value)
    number, unit = float(match[1].replace(",", "")), match[2].lower().replace("ib", "b")
    # A size without a unit is accepted only if it is zero.
    if unit not in _UNITS or (unit == "" and number != 0):
        raise _unreadable("size", value)
    # A multiplication by a power of two does not round a float.
    return _bytes(number * 1024 ** _UNITS[unit], value)


def read_gigabytes(value: object) -> float | None:
    """Convert a size, such as 1024, "1024", 0.5, "2 TB" or "N/A", to bytes. The default unit is GB."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value <= _MOST:
            raise _unreadable("size in GB", value)
        return _bytes(abs(float(value)) * 1024**3, value)  # `abs` changes -0.0 to 0.0
    if (text := _short_text(value)) is not None and text[-1:].isdigit():
        return read_size(f"{text} GB")
    return read_size(value)


def _bytes(size: float, value: object) -> float:
    if size > _MOST_BYTES:
        raise _unreadable("size", value)
    return size


def read_purchased(value: object) -> float | None:
    """Convert a purchased size, such as "1024 GB", to bytes. In "0/1 GB", the used size precedes the purchased size."""
    text = _short_text(value)
    match = None if text is None else _PURCHASED.fullmatch(text)
    try:
        return read_size(value if match is None else match[1])
    except UnreadableValueError:
        raise _unreadable("size", value) from None


def read_retention(value: object) -> float | None:
    """Convert a retention period, such as "2 years", "6 months" or "Unlimited", to seconds.

    A year has 365 days, and a month has 30 days. For an unlimited period, return infinity.
    """
    if is_nothing(value):
        return None
    text = (_short_text(value) or "").lower()
    if text in _UNLIMITED:
        return math.inf
    match = _RETENTION.fullmatch(text)
    if match is None:
        raise _unreadable("retention period", value)
    return float(int(match[1]) * _RETENTION_DAYS[match[2]] * 86_400)


def read_time(value: object) -> Ticks | None:
    """Parse a timestamp. The formats are .NET ticks, ISO 8601 and dates such as 09-30-2025, 9/30/2025 or 2025/9/30."""
    if is_nothing(value):
        return None
    ticks = _whole(value)
    if (text := _short_text(value)) is not None:
        ticks = int(text) if _COUNT.fullmatch(text) and "," not in text else None
        match = next(filter(None, (form.fullmatch(text) for form in _DATES)), None)
        if match is not None:
            return _calendar_time(match, value)
    if ticks == 0 or (ticks is not None and ticks in _NEVER):
        return None
    if ticks is None or not _DOTNET_EPOCH < ticks < _DOTNET_EPOCH + _LATEST:
        raise _unreadable("time", value)
    return Ticks(ticks - _DOTNET_EPOCH)


def read_last_day(value: object) -> Ticks | None:
    """Parse the expiry of a subscription or contract. For "Never", "Perpetual" and similar words, return None.

    If the value is a date without a time, return the last second of this day.
    """
    text = _short_text(value) or ""
    ticks = None if text.lower() in _ENDLESS else read_time(value)
    if ticks is None or not _ONLY_DAY.fullmatch(text):
        return ticks
    return Ticks(ticks - ticks % _DAY + _DAY - TICKS_PER_SECOND)


def read_duration(value: object) -> Ticks | None:
    """Parse a duration, such as "17m39s", "1h13m30s" or "0 S".

    A JSON number is a number of ticks. A numeric string, such as "0.011", is a number of hours.
    """
    if is_nothing(value):
        return None
    span = _whole(value)
    if (text := _short_text(value)) is not None:
        if _HOURS.fullmatch(text):
            span = int(Decimal(text) * 3600 * TICKS_PER_SECOND)
        elif match := _SPAN.fullmatch(text):
            days, hours, minutes, secs = (Decimal(part or 0) for part in match.groups())
            span = int((((days * 24 + hours) * 60 + minutes) * 60 + secs) * TICKS_PER_SECOND)
    if span is None or not 0 <= span <= _LONGEST_SPAN:
        raise _unreadable("duration", value)
    return Ticks(span)


def read_flag(value: object) -> bool | None:
    """Parse a boolean, such as true or "False"."""
    if is_nothing(value) or isinstance(value, bool):
        return value if isinstance(value, bool) else None
    text = (_short_text(value) or "").lower()
    if text not in ("true", "false"):
        raise _unreadable("boolean", value)
    return text == "true"


def read_label(value: object) -> str | None:
    """Return a printable string of at most 200 characters for a label.

    Raise UnreadableValueError if the value contains an e-mail address.
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MOST:
        return str(value)
    text = read_address(value)
    if text is not None and "@" in text and _EMAIL.search(text):
        raise UnreadableValueError("an e-mail address must not become a label")
    return text


def read_name(value: object) -> str | None:
    """Return a name for a label, truncated to 200 characters."""
    if isinstance(value, str) and len(value) > _LONGEST_LABEL:
        if _EMAIL.search(value[:LONGEST_TEXT]):
            raise UnreadableValueError("an e-mail address must not become a label")
        value = value[: _LONGEST_LABEL - 1] + "…"
    return read_label(value)


def read_address(value: object) -> str | None:
    """Return a printable string of at most 200 characters, such as an e-mail address."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_LABEL:
        raise _unreadable("string", value)
    return (value if value.isprintable() else _UNPRINTABLE.sub(" ", value)).strip() or None


def read_word(value: object) -> str | None:
    """Return a string for a label, or None if the value is "N/A"."""
    return None if is_nothing(value) else read_label(value)


def is_nothing(value: object) -> bool:
    """Return whether a value is empty. Null, "", "N/A" and similar spellings are empty."""
    return value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING)


def _short_text(value: object) -> str | None:
    """Return a stripped string, or None for a long string, because it would slow down the regular expressions."""
    return value.strip() if isinstance(value, str) and len(value) <= _LONGEST_NUMBER else None


def _whole(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) <= _MOST:
        return int(value)
    return None


def _calendar_time(match: re.Match[str], value: object) -> Ticks | None:
    hour, minute, second, fraction, zone = match.groups()[3:]
    if match["y"] == "0001" or match.group("y", "m", "d") == ("9999", "12", "31"):
        return None
    try:
        moment = datetime(
            int(match["y"]), int(match["m"]), int(match["d"]),
            int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC,
        )  # fmt: skip
        offset = timedelta()
        if zone and zone not in "Zz":
            digits = zone[1:].replace(":", "")
            offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) * (-1 if zone[0] == "-" else 1)
            if int(digits[2:]) >= 60 or abs(offset) > _FARTHEST_OFFSET:  # noqa: PLR2004 - minutes
                raise ValueError(zone)
        whole = (moment - offset - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError):
        raise _unreadable("time", value) from None
    ticks = whole * TICKS_PER_SECOND + int((fraction or "").ljust(7, "0")[:7])
    if not 0 < ticks < _LATEST:
        raise _unreadable("time", value)
    return Ticks(ticks)


def _unreadable(kind: str, value: object) -> UnreadableValueError:
    return UnreadableValueError(f"not a {kind}: {short(value)}")
