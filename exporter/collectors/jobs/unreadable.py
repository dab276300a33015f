"""Decides whether a job list with unreadable rows is accepted."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import read_time
from exporter.avepoint.reading.vocabulary import FINISHED
from exporter.avepoint.settling import Settling
from exporter.clock import Clock
from exporter.collectors.jobs.families import Job
from exporter.errors import UnreadableValueError

UnreadRow = tuple[str | None, Row]
"""The key of a job, or None if the key is unknown, and the job's unreadable row."""


class UnreadableRows:
    """Refuses lists with unreadable rows until the exporter considers these rows permanently unreadable.

    An unreadable row may hide the last job or the last success of a workload. A permanently unreadable row is ignored,
    because the other jobs would otherwise never be exposed. The customer id of a tenant account is "".
    """

    def __init__(self, clock: Clock, interval: float) -> None:
        self._settling = Settling(clock, interval)

    def accept(
        self, unread: Iterable[UnreadRow], known_jobs: Mapping[str, Job], customer_id: str = "", *, has_values: bool
    ) -> Mapping[str, Job]:
        """Accept the list, or raise AnswerError. Return the known completed jobs whose rows are now unreadable.

        The known jobs are still correct, because completed jobs never change. `unread` contains the unreadable rows of
        one refresh. `has_values` is true if values from an earlier refresh are known, even from before a restart.
        """
        rows = list(unread)
        keys = {key for key, _ in rows}
        kept = {key: job for key, job in known_jobs.items() if key in keys and not job.is_running}
        faults = _faults(key for key, _ in rows if key not in kept)
        if not self._settling.are_permanent(faults, customer_id, has_values=has_values):
            raise rows[0][1].unexpected(f"rows that cannot be read: {len(rows)}")
        return kept

    def keep_only(self, customers: Collection[str]) -> None:
        """Drop the unreadable rows of each customer that is not in `customers`."""
        self._settling.keep_only(customers)


def _faults(keys: Iterable[str | None]) -> set[str | int]:
    """Return the keys of unreadable rows. If some rows have no key, include the number of these rows."""
    counts = Counter(keys)
    without_key = counts.pop(None, 0)
    return {*(key for key in counts if key is not None), *([without_key] if without_key else [])}


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
