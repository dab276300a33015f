"""How often a tenant is backed up, and when next: GET …/settings/backup/frequency."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from pydantic import Field

from exporter.avepoint.endpoints import BACKUP_FREQUENCY
from exporter.avepoint.rows import Row, unique
from exporter.avepoint.values import TICKS_PER_SECOND, Ticks, seconds, ticks_at
from exporter.collectors.base import Family, Sample
from exporter.collectors.per_location import PerLocationCollector
from exporter.config.schema import CollectorOptions, Interval

_DAY: Final = 86_400
_SOURCE: Final = "from GET …/settings/backup/frequency, cached between refreshes"
_LABELS: Final = ("account", "workload", "geo_location")

PER_DAY = Family(
    "avepoint_backups_per_day",
    f"Backups that are configured for each day; {_SOURCE}.",
    _LABELS,
    query="min by (account) (avepoint_backups_per_day)",
)
INTERVAL = Family(
    "avepoint_backup_interval_seconds",
    f"A day's length by the backups configured for it, in seconds; absent where none are; {_SOURCE}.",
    _LABELS,
    query="time() - max by (account, workload) "
    '(avepoint_last_success_timestamp_seconds{job_type="backup"}) '
    "> on (account, workload) 2 * avepoint_backup_interval_seconds",
)
NEXT = Family(
    "avepoint_next_scheduled_backup_timestamp_seconds",
    "When the next backup is to start, in Unix seconds, as of the last refresh; after a day's last one, when the first"
    f" of the day comes again; {_SOURCE}.",
    _LABELS,
    query="avepoint_next_scheduled_backup_timestamp_seconds - time()",
)


class BackupFrequencyOptions(CollectorOptions):
    """Options of the collector."""

    interval: Interval = Field(900.0, description="Time between the beginnings of two refreshes.")


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often a workload is backed up a day, and when next; None is what is not known."""

    workload: str
    per_day: int | None
    next_start: Ticks | None


class BackupFrequencyCollector(PerLocationCollector[BackupFrequencyOptions, Mapping[str, tuple[Schedule, ...]]]):
    """Reads how often each workload is backed up."""

    name = "backup_frequency"
    permissions: ClassVar = BACKUP_FREQUENCY.permissions
    options_type = BackupFrequencyOptions
    families = (PER_DAY, INTERVAL, NEXT)

    async def read(self) -> Mapping[str, tuple[Schedule, ...]]:
        """Read the schedules, by location."""
        return await self.each_location(self._read)

    async def _read(self, location: str) -> tuple[Schedule, ...]:
        data = await self.data(BACKUP_FREQUENCY.modern, location)
        keyed = _keyed(self.rows(BACKUP_FREQUENCY.modern, data), ticks_at(self._clock.time()))
        return tuple(unique(keyed, "serviceType").values())

    @classmethod
    def samples(
        cls,
        records: Mapping[str, tuple[Schedule, ...]],
        customer_id: str,  # noqa: ARG003 - of the whole account
    ) -> Iterable[Sample]:
        """Make the samples of a tenant."""
        for location, schedules in records.items():
            for schedule in schedules:
                labels = (schedule.workload, location)
                if schedule.per_day is not None:
                    yield Sample(PER_DAY, labels, float(schedule.per_day))
                if schedule.per_day:
                    yield Sample(INTERVAL, labels, _DAY / schedule.per_day)
                if schedule.next_start is not None:
                    yield Sample(NEXT, labels, seconds(schedule.next_start))


def _keyed(rows: Iterable[Row], now: Ticks) -> Iterator[tuple[str, Schedule, Row]]:
    for row in rows:
        workload = row.service_type("serviceType")
        if workload is not None:
            per_day, starts = row.count("frequency"), row.times("backupStartTime")
            yield workload, Schedule(workload, per_day, None if per_day == 0 else _next(starts, now)), row


def _next(starts: Collection[Ticks], now: Ticks) -> Ticks | None:
    """Give the first of a day's starts after `now`; where all are past, the first of them a day later."""
    coming = [start for start in starts if start > now]
    if coming:
        return min(coming)
    again = [Ticks(start + _DAY * TICKS_PER_SECOND) for start in starts]
    # Starts of an earlier day say nothing of the next.
    return min((start for start in again if start > now), default=None)
