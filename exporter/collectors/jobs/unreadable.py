"""Decides whether a job list with unreadable rows is accepted."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import read_time
from exporter.avepoint.reading.vocabulary import FINISHED
from exporter.collectors.jobs.families import Job
from exporter.errors import UnreadableValueError

_SETTLED: Final = 3

Unread = tuple[str | None, Row]
"""The key of a job, or None if the key is unknown, and the job's unreadable row."""


class UnreadableRows:
    """For each unreadable row, counts how many consecutive refreshes returned the row.

    An unreadable row may hide the last job or the last success of a workload. Therefore, a list with an unreadable row
    is accepted only after three consecutive refreshes have returned the row. Unreadable rows in the first refresh are
    accepted immediately. The customer id of a tenant account is "".
    """

    def __init__(self) -> None:
        self._refreshes: dict[str, dict[object, int]] = {}

    def accept(
        self, unread: Iterable[Unread], known_jobs: Mapping[str, Job], customer_id: str = ""
    ) -> Mapping[str, Job]:
        """Return the known completed jobs whose rows are now unreadable. A completed job does not change.

        `unread` contains the unreadable rows of one refresh. Raise AnswerError if the list is not accepted.
        """
        rows = list(unread)
        keys = {key for key, _ in rows}
        kept = {key: job for key, job in known_jobs.items() if key in keys and not job.is_running}
        if not self._are_accepted((key for key, _ in rows if key not in kept), customer_id):
            raise rows[0][1].unexpected(f"rows that cannot be read: {len(rows)}")
        return kept

    def _are_accepted(self, ids: Iterable[str | None], customer_id: str) -> bool:
        """Record the ids of the unreadable rows in one refresh, and return whether the list is accepted.

        For rows without an id, record only the number of these rows.
        """
        counts = Counter(ids)
        keys: set[object] = {key for key in counts if key is not None} | ({counts[None]} if counts[None] else set())
        former = self._refreshes.get(customer_id)
        if former is None:
            self._refreshes[customer_id] = dict.fromkeys(keys, _SETTLED)
        else:
            self._refreshes[customer_id] = {key: former.get(key, 0) + 1 for key in keys}
        return all(refreshes >= _SETTLED for refreshes in self._refreshes[customer_id].values())

    def keep_only(self, customers: Collection[str]) -> None:
        """Drop the rows of all customers that are not in `customers`."""
        self._refreshes = {key: refreshes for key, refreshes in self._refreshes.items() if key in customers}


def is_unread(job: Job | None, row: Row, finish: str) -> bool:
    """Return whether a row may hide a job or a success. `job` is None if the row cannot be read.

    A row with an empty start time, such as "" or a date in the year 1, hides no job. `finish` is the name of the field
    with the finish time. If this field is empty, the row hides no success.
    """
    if job is None:
        return row.raw("startTime") is None or not _is_no_time(row, "startTime")
    return job.state == FINISHED and job.finish is None and not _is_no_time(row, finish)


def _is_no_time(row: Row, field: str) -> bool:
    try:
        return read_time(row.raw(field)) is None
    except UnreadableValueError:
        return False
