"""Functions that return the format of a value in a response, but never the value itself."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from exporter.diagnose import assumptions as table
from exporter.diagnose.assumptions import NOT_AVAILABLE, OTHER, Assumption

ObservedOutcome = tuple[Assumption, str]

_NO_TIMES: Final = {"0001-01-01": "0001-01-01", "9999-12-31": "9999-12-31"}
_DATE_FORMS: Final = (
    (r"\d{4}-\d\d-\d\d", "YYYY-MM-DD"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "ISO 8601 with whole seconds"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}(Z|[+-]\d\d:\d\d)?", "ISO 8601 with 7 digits"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d", "ISO 8601 with an offset"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "ISO 8601 with Z"),
    (r"\d\d-\d\d-\d{4}T\d\d:\d\d:\d\dZ?", "MM-DD-YYYY with time"),
    (r"\d\d?/\d\d?/\d{4}", "MM/DD/YYYY"),
    (r"\d{4}/\d\d?/\d\d?", "YYYY/MM/DD"),
)
_SIZE: Final = re.compile(r"[\d,]+(?:\.\d+)?( ?)(bytes|B|KB|MB|GB|TB|PB)", re.ASCII | re.IGNORECASE)
_USED: Final = re.compile(r"[\d.,]+ ?/ ?[\d.,]+ ?[KMGTP]?B", re.ASCII | re.IGNORECASE)
_COUNT_KEY: Final = re.compile(r"(count|number|objects|seats|frequency)$")
_TIME_KEY: Final = re.compile(r"(time|date)$")
_SIZE_KEYS: Final = frozenset({
    "datasizestoredinavepoint", "datasizestoredinbyos", "backupsize", "purchasedcapacity", "protectedcapacity",
    "consumedstorage",
})  # fmt: skip
_DURATION_KEYS: Final = frozenset({"duration", "jobduration"})


def value_findings(row: Mapping[str, object]) -> Iterator[ObservedOutcome]:
    """Yield the formats of the timestamps, counts, sizes and durations in a row. The keys must be in lower case."""
    for key, value in row.items():
        if key in _DURATION_KEYS:
            yield table.DURATION_FORM, duration_form(value)
        elif key in _SIZE_KEYS:
            yield table.SIZE_FORM, size_form(value)
        elif _TIME_KEY.search(key):
            yield from (time_finding(one) for one in (value if isinstance(value, list) else [value]))
        elif _COUNT_KEY.search(key):
            yield table.COUNT_FORM, count_form(value)


def time_finding(value: object) -> ObservedOutcome:
    """Return the format of a timestamp, or the placeholder that AvePoint uses for a missing timestamp."""
    if value is None:
        return table.NO_TIME, "null"
    if isinstance(value, int | float):
        return (table.NO_TIME, "0") if value == 0 else (table.DATE_FORM, "ticks")
    if not isinstance(value, str):
        return table.DATE_FORM, OTHER
    text = value.strip()
    if text[:10] in _NO_TIMES:
        return table.NO_TIME, text[:10]
    if text in ("", "0", NOT_AVAILABLE):
        return table.NO_TIME, text or "empty"
    forms = (form for pattern, form in _DATE_FORMS if re.fullmatch(pattern, text, re.ASCII))
    return table.DATE_FORM, next(forms, OTHER)


def count_form(value: object) -> str:
    """Return the format of a count, such as "number" or "string"."""
    if value is None:
        return "null"
    if isinstance(value, int) and not isinstance(value, bool):
        return "number"
    if value == NOT_AVAILABLE:
        return NOT_AVAILABLE
    return "string" if isinstance(value, str) and re.fullmatch(r"\s*[\d,]+\s*", value, re.ASCII) else OTHER


def size_form(value: object) -> str:
    """Return the format of a size, such as "GB" or "number"."""
    if not isinstance(value, str):
        return "null" if value is None else "number" if isinstance(value, int | float) else OTHER
    text = value.strip()
    if text == NOT_AVAILABLE:
        return NOT_AVAILABLE
    if _USED.fullmatch(text):
        return "used/purchased"
    match = _SIZE.fullmatch(text)
    if match is None:
        return OTHER
    if "," in text:
        return "with thousands separator"
    unit = match[2].upper()
    return "without space" if not match[1] else unit if unit not in ("B", "BYTES") else "bytes"


def duration_form(value: object) -> str:
    """Return the format of a duration, such as "hours" or "ticks"."""
    if value is None:
        return "null"
    if isinstance(value, int):
        return "ticks"
    text = str(value).strip()
    if text == NOT_AVAILABLE:
        return NOT_AVAILABLE
    if re.fullmatch(r"\d+\.\d+", text, re.ASCII):
        return "hours"
    return "1h2m3s" if re.fullmatch(r"(\d+ ?[hms] ?)+", text, re.ASCII | re.IGNORECASE) else OTHER


def word_form(value: object) -> str:
    """Return whether a code is a "number" or a "name"."""
    return "number" if isinstance(value, int) or str(value).strip().isdigit() else "name"


def state_form(value: object) -> str | None:
    """Return the format of a job's state, such as "spaced" or "compact".

    Return None for a single word, because a single word has the same spelling in every format.
    """
    if word_form(value) == "number":
        return "number"
    text = str(value).strip()
    if " " in text:
        return "spaced"
    return "compact" if re.fullmatch(r"([A-Z][a-z]+){2,}", text) else None


def key_case(keys: list[str]) -> str | None:
    """Return the letter case of the keys, such as "camelCase", or None if there are no keys."""
    cases = {key[:1].isupper() for key in keys if key[:1].isalpha()}
    if not cases:
        return None
    return "mixed" if len(cases) > 1 else "PascalCase" if True in cases else "camelCase"
