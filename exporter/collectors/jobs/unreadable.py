"""Decides whether a job list with unreadable rows is accepted."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import read_time
from exporter.errors import UnreadableValueError

_SETTLED: Final = 3


class UnreadableRows:
    """The unreadable rows of a job list in consecutive refreshes.

    An unreadable row may hide the last job of a workload. Therefore, the list is accepted only if its unreadable rows
    existed in the first refresh or in three consecutive refreshes.
    """

    def __init__(self) -> None:
        self._refreshes: dict[object, int] | None = None

    def are_accepted(self, ids: Iterable[str | None]) -> bool:
        """Record the unreadable rows of one refresh by id, and return whether the list is accepted.

        Rows without an id are compared by their number.
        """
        counts = Counter(ids)
        keys: set[object] = {key for key in counts if key is not None} | ({counts[None]} if counts[None] else set())
        former = self._refreshes
        if former is None:
            self._refreshes = dict.fromkeys(keys, _SETTLED)
        else:
            self._refreshes = {key: former.get(key, 0) + 1 for key in keys}
        return all(refreshes >= _SETTLED for refreshes in self._refreshes.values())


def has_not_started(row: Row) -> bool:
    """Return whether a row contains an empty start time, such as "" or a date in the year 1."""
    start = row.raw("startTime")
    try:
        return start is not None and read_time(start) is None
    except UnreadableValueError:
        return False
