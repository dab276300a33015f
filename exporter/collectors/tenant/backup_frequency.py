"""Backup schedule of a tenant: GET …/settings/backup/frequency."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from pydantic import Field

from exporter.avepoint.endpoints import BACKUP_FREQUENCY
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import TICKS_PER_SECOND, Ticks, seconds, ticks_at
from exporter.collectors.base import Family, Sample
from exporter.collectors.distinct import Distinct, distinct
from exporter.collectors.per_location import PerLocationCollector
from exporter.collectors.unread import DROPPED_ROW, Unread, unread_families, unread_samples
from exporter.config.schema import CollectorOptions, Interval
from exporter.errors import AvePointError

_DAY: Final = 86_400
_FARTHEST: Final = 7 * _DAY * TICKS_PER_SECOND
"""Maximum time from a refresh to a scheduled start.

Later starts are invalid, because AvePoint lists only the starts of one day.
"""
_SOURCE: Final = "from GET …/settings/backup/frequency, cached between refreshes"
_LABELS: Final = ("account", "workload", "geo_location")

PER_DAY = Family(
    "avepoint_backups_per_day",
    f"Scheduled backups per day; {_SOURCE}.",
    _LABELS,
)
INTERVAL = Family(
    "avepoint_backup_interval_seconds",
    f"Expected seconds between two backups; absent if no backups are scheduled; {_SOURCE}.",
    _LABELS,
)
NEXT = Family(
    "avepoint_next_scheduled_backup_timestamp_seconds",
    f"Start time of the first backup scheduled after the last refresh, as Unix time; {_SOURCE}.",
    _LABELS,
    is_coming=True,
)


class BackupFrequencyOptions(CollectorOptions):
    """Options of the collector `backup_frequency`."""

    interval: Interval = Field(900.0, description="Time between the starts of consecutive refreshes.")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The number of backups per day and the start of the next scheduled backup of one workload.

    Unknown values are None.
    """

    workload: str
    per_day: int | None
    next_start: Ticks | None
    unread: tuple[str, ...] = ()
    """The names of the families whose values cannot be read."""


class BackupFrequencyCollector(PerLocationCollector[BackupFrequencyOptions, Mapping[str, Distinct[Schedule]]]):
    """Collects the backup schedule of a tenant."""

    name = "backup_frequency"
    endpoints: ClassVar = BACKUP_FREQUENCY
    options_type = BackupFrequencyOptions
    families = (PER_DAY, INTERVAL, NEXT)

    async def read(self) -> Mapping[str, Distinct[Schedule]]:
        """Return the schedules, keyed by geo location. Raise AvePointError if a request fails."""
        return await self.each_location(self._read)

    async def _read(self, location: str) -> Distinct[Schedule]:
        rows, now = await self.rows(BACKUP_FREQUENCY.modern, location), ticks_at(self._clock.time())
        keyed = [_keyed(row, now) for row in rows]
        self.expect_all(rows, keyed, location)
        return distinct(keyed, "serviceType")

    @classmethod
    def error(cls, records: Mapping[str, Distinct[Schedule]]) -> AvePointError | None:
        """Return an error if rows contradict each other, else None."""
        return next((found.error for found in records.values() if found.error), None)

    @classmethod
    def samples(
        cls,
        records: Mapping[str, Distinct[Schedule]],
        customer_id: str,  # noqa: ARG003 - account only
    ) -> Iterable[Sample]:
        """Return the samples for a tenant's schedules."""
        for location, found in records.items():
            for schedule in found.records.values():
                labels = (schedule.workload, location)
                if schedule.per_day is not None:
                    yield Sample(PER_DAY, labels, float(schedule.per_day))
                if schedule.per_day:
                    yield Sample(INTERVAL, labels, _DAY / schedule.per_day)
                if schedule.next_start is not None:
                    yield Sample(NEXT, labels, seconds(schedule.next_start))
        yield from unread_samples(_unread(records))


def _unread(records: Mapping[str, Distinct[Schedule]]) -> Iterator[Unread]:
    for location, found in records.items():
        if found.lacks_rows:
            yield DROPPED_ROW
        for schedule in found.records.values():
            yield from (Unread(name, schedule.workload, location) for name in schedule.unread)


def _keyed(row: Row, now: Ticks) -> tuple[str, Schedule, Row] | None:
    if (workload := row.service_type("serviceType")) is None:
        return None
    # An unreadable start may be the next start.
    per_day, starts = row.count("frequency"), row.times("backupStartTime") or ()
    if any(start > now + _FARTHEST for start in starts):
        row.refuse("backupStartTime", "the start is too far in the future")
        starts = tuple(start for start in starts if start <= now + _FARTHEST)
    unread = unread_families(row.unreadable, {"frequency": INTERVAL})
    return workload, Schedule(workload, per_day, None if per_day == 0 else _next(starts, now), unread), row


def _next(starts: Collection[Ticks], now: Ticks) -> Ticks | None:
    """Return the earliest start after `now`. If all starts have passed, assume that backups repeat daily."""
    again = [Ticks(start + _DAY * TICKS_PER_SECOND) for start in starts]
    coming = [start for start in starts if start > now] or [start for start in again if start > now]
    return min(coming, default=None)  # None if all starts are at least one day old
