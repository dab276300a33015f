"""Rows of lists in responses. An unreadable value in a row is counted, logged once, and returned as None."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from exporter.avepoint.hints import CHANGED
from exporter.avepoint.observer import ValueIssues
from exporter.avepoint.pages import row_id
from exporter.avepoint.reading import vocabulary
from exporter.avepoint.reading.text import without_addresses
from exporter.avepoint.reading.values import (
    Ticks,
    read_address,
    read_count,
    read_duration,
    read_flag,
    read_gigabytes,
    read_label,
    read_last_day,
    read_name,
    read_purchased,
    read_retention,
    read_size,
    read_time,
    read_word,
)
from exporter.errors import AnswerError, UnreadableValueError

T = TypeVar("T")
_NO_ENUMERATOR: Final = re.compile(r"(?!\d+$)[\s.,+-]*\d[\d\s.,+-]*", re.ASCII)
"""Matches signed and fractional numbers. Names are compared without punctuation, so -3 would be read as the code 3."""


class Row:
    """One JSON object. Keys are case-insensitive, and a missing key is equivalent to null.

    A method with several `spellings` reads the first key whose value is not null. `fields` contains the lower-case keys
    that were kept when the page was decoded. Reading any other key raises LookupError. If `fields` is empty, any
    key can be read. `unreadable` contains the keys whose values could not be read so far.
    """

    __slots__ = ("_endpoint", "_fields", "_value_issues", "_values", "unreadable")

    def __init__(
        self,
        raw: Mapping[str, object],
        endpoint: str,
        value_issues: ValueIssues,
        fields: frozenset[str] = frozenset(),
    ) -> None:
        self._values = raw if fields else {key.lower(): value for key, value in raw.items()}
        self._fields = fields
        self._endpoint = endpoint
        self._value_issues = value_issues
        self.unreadable: tuple[str, ...] = ()

    @property
    def id(self) -> str | None:
        """The id of the row, or None if it is missing or unreadable."""
        return row_id(self._values)

    def raw(self, *spellings: str) -> object:
        """Return the first JSON value that is not null, or None if all values are null."""
        for name in spellings:
            key = name.lower()
            if (value := self._values.get(key)) is not None:
                return value
            if self._fields and key not in self._fields:
                raise LookupError(f"{name} is not a field of {self._endpoint}")
        return None

    def has(self, name: str) -> bool:
        """Return whether the key exists. The value may be null."""
        return self.raw(name) is not None or name.lower() in self._values

    def count(self, *spellings: str) -> int | None:
        """Return a count."""
        return self._read(read_count, spellings)

    def needed_count(self, *spellings: str) -> int | None:
        """Return a required count. If the count is missing, report an unreadable value and return None."""
        return self._required(self.count(*spellings), spellings)

    def flag(self, *spellings: str) -> bool | None:
        """Return a boolean."""
        return self._read(read_flag, spellings)

    def needed_flag(self, *spellings: str) -> bool | None:
        """Return a required boolean. If the boolean is missing, report an unreadable value and return None."""
        return self._required(self.flag(*spellings), spellings)

    def size(self, *spellings: str) -> float | None:
        """Return a size in bytes."""
        return self._read(read_size, spellings)

    def purchased(self, *spellings: str) -> float | None:
        """Return a purchased size in bytes."""
        return self._read(read_purchased, spellings)

    def retention(self, *spellings: str) -> float | None:
        """Return a retention period in seconds. For an unlimited period, return infinity."""
        return self._read(read_retention, spellings)

    def gigabytes(self, *spellings: str) -> float | None:
        """Return a size in bytes. If the value has no unit, the unit is GB."""
        return self._read(read_gigabytes, spellings)

    def time(self, *spellings: str) -> Ticks | None:
        """Return a timestamp."""
        return self._read(read_time, spellings)

    def last_day(self, name: str) -> Ticks | None:
        """Return the expiry of a subscription or contract.

        If the value is a date without a time, return the last second of this day.
        """
        return self._read(read_last_day, (name,))

    def past_time(self, *spellings: str, since: Ticks | None = None) -> Ticks | None:
        """Return a timestamp. A timestamp in the future or before `since` is unreadable."""
        ticks = self.time(*spellings)
        if ticks is None or (since or 0) <= ticks <= self._value_issues.latest:
            return ticks
        self.refuse(spellings[0], "before its start" if since is not None and ticks < since else "in the future")
        return None

    def times(self, name: str) -> tuple[Ticks, ...] | None:
        """Return the timestamps in a list, or None if any timestamp is unreadable."""
        return self._value(_read_times, self.raw(name), name)

    def duration(self, *spellings: str) -> Ticks | None:
        """Return a duration."""
        return self._read(read_duration, spellings)

    def past_duration(self, name: str, start: Ticks) -> Ticks | None:
        """Return the duration of a job that began at `start`.

        If the end of the job is in the future, the duration is unreadable.
        """
        duration = self.duration(name)
        if duration is None or start + duration <= self._value_issues.latest:
            return duration
        self.refuse(name, "the end is in the future")
        return None

    def label(self, *spellings: str) -> str | None:
        """Return a string for a label."""
        return self._read(read_label, spellings)

    def name(self, *spellings: str) -> str | None:
        """Return a name for a label, truncated if it is too long."""
        return self._read(read_name, spellings)

    def masked_name(self, name: str) -> str:
        """Return a name for a label with masked e-mail addresses, or "" if the name is missing or unreadable."""
        value = self.raw(name)
        masked = without_addresses(value) if isinstance(value, str) else value
        return self._value(read_name, masked, name) or ""

    def address(self, name: str) -> str | None:
        """Return an e-mail address. Call this method only if the configuration allows e-mail addresses in labels."""
        return self._read(read_address, (name,))

    def word(self, *spellings: str) -> str | None:
        """Return a string for a label, or None if the value is "N/A"."""
        return self._read(read_word, spellings)

    def key(self, *spellings: str) -> str | None:
        """Return a required string for a label. If it is missing, report an unreadable value and return None."""
        return self._required(self._read(read_label, spellings), spellings)

    def workload(self, name: str) -> str | None:
        """Return the canonical name of a workload."""
        return self._named(name, self.key(name), vocabulary.workload)

    def service_type(self, name: str) -> str | None:
        """Return the workload to which a tenant's setting applies."""
        return self._named(name, self.key(name), vocabulary.service_type)

    def job_service(self, name: str) -> str | None:
        """Return the product of a job. For a scan, return the name of the scan. For "N/A", return ""."""
        return self._named(name, self.key(name), vocabulary.job_service)

    def module(self, name: str) -> str | None:
        """Return the workload of a customer's job, or "" if the value is "N/A"."""
        return self._named(name, self.key(name), vocabulary.module)

    def job_state(self, name: str) -> str | None:
        """Return the state of a tenant's job."""
        return self._named(name, self.key(name), vocabulary.job_state)

    def job_status(self, name: str) -> str | None:
        """Return the state of a customer's job."""
        return self._named(name, self.key(name), vocabulary.job_status)

    def customer_status(self, name: str) -> str | None:
        """Return the status of a customer, or None if the value is "N/A"."""
        return self._named(name, self.label(name), vocabulary.customer_status)

    def resolved(self, resolve: Callable[[str], tuple[T, bool]], *spellings: str) -> T | None:
        """Apply `resolve` to a required string, and return the result. Report unknown strings."""
        return self._named(spellings[0], self.key(*spellings), resolve)

    def management_mode(self, name: str) -> str | None:
        """Return the management mode of a customer's services, or None if the value is "N/A"."""
        return self._named(name, self.label(name), vocabulary.management_mode)

    def nested(self, name: str) -> "Row":
        """Return the object under a key, or an empty object if there is no object."""
        return self._object(self.raw(name), name)

    def each(self, name: str) -> tuple["Row", ...]:
        """Return the objects from a list. Replace an item that is not an object with an empty object."""
        return tuple(self._object(item, name) for item in self._items(name))

    def whole_list(self, name: str) -> tuple["Row", ...] | None:
        """Return the objects from a list, or None if there is no list or an item is not an object."""
        value = self.raw(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
            self._report(name, value, "not a list of objects")
            return None
        names = self._fields_of(name)
        return tuple(Row(one, self._endpoint, self._value_issues, names) for one in value)

    def unexpected(self, what: str) -> AnswerError:
        """Return an error for rows that do not have the documented format. `what` describes the difference."""
        return AnswerError(f"{self._endpoint}: {what}", hint=CHANGED, path=self._endpoint)

    def refuse(self, field: str, reason: str) -> None:
        """Report an impossible value as unreadable. `reason` explains why the value is impossible."""
        self._report(field, self.raw(field), reason)

    def is_na(self, field: str) -> bool:
        """Return whether the value of a field is "N/A". AvePoint uses "N/A" for values that do not apply."""
        return isinstance(value := self.raw(field), str) and value.strip().lower() in ("n/a", "na")

    def lacks(self, field: str) -> None:
        """Report a missing required field as an unreadable value."""
        self._report(field, None, "the field is missing")

    def conflict(self, field: str, value: str) -> None:
        """Report two contradictory rows as an unreadable value. Callers do not expose these rows."""
        self._report(field, value, "two rows contradict each other")

    def _read(self, read: Callable[[object], T | None], spellings: Sequence[str]) -> T | None:
        value = self.raw(*spellings)
        return None if value is None else self._value(read, value, spellings[0])

    def _value(self, read: Callable[[object], T | None], value: object, field: str) -> T | None:
        try:
            return read(value)
        except UnreadableValueError as error:
            self._report(field, value, str(error))
            return None

    def _report(self, field: str, value: object, reason: str) -> None:
        self.unreadable = (*self.unreadable, field)
        self._value_issues.unreadable(self._endpoint, field, value, reason)

    def _object(self, value: object, field: str) -> "Row":
        if value is not None and not isinstance(value, Mapping):
            self._report(field, value, "not an object")
        known = value if isinstance(value, Mapping) else {}
        return Row(known, self._endpoint, self._value_issues, self._fields_of(field))

    def _fields_of(self, field: str) -> frozenset[str]:
        """Return the names of the fields that were kept in a nested object."""
        outer = f"{field.lower()}."
        return frozenset(name.removeprefix(outer) for name in self._fields if name.startswith(outer))

    def _required(self, value: T | None, spellings: Sequence[str]) -> T | None:
        if value is None and self.raw(*spellings) is None:
            self.lacks(spellings[0])
        return value

    def _items(self, name: str) -> Sequence[object]:
        value = self.raw(name)
        return value if isinstance(value, list) else () if value is None else (value,)

    def _named(self, field: str, name: str | None, resolve: Callable[[str], tuple[T, bool]]) -> T | None:
        if name is None:
            return None
        if _NO_ENUMERATOR.fullmatch(name):
            self.refuse(field, "not a valid code")
            return None
        resolved, is_known = resolve(name)
        if not is_known:
            self._value_issues.unknown(self._endpoint, field, name)
        return resolved


def _read_times(value: object) -> tuple[Ticks, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(ticks for item in items if (ticks := read_time(item)) is not None)
