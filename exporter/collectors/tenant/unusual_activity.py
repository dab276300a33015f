"""Sites with unusual activity or signs of ransomware: GET …/cloudbackupunusualactivitydata."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import Field

from exporter.avepoint.endpoints import UNUSUAL_ACTIVITY, Query
from exporter.avepoint.pages import folded
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import iso_date, ticks_at
from exporter.collectors.activity import RANSOMWARE, UNUSUAL
from exporter.collectors.base import Family, Sample, known_samples
from exporter.collectors.distinct import resource_name
from exporter.collectors.per_location import PerLocationCollector
from exporter.config.schema import CollectorOptions, Interval
from exporter.config.sections import Seconds

_DAY: Final = 86_400
_SOURCE: Final = "from GET …/cloudbackupunusualactivitydata, cached between refreshes"

WINDOW = Family(
    "avepoint_unusual_activity_window_seconds",
    "Length of the window of avepoint_unusual_activity_sites and avepoint_potential_ransomware_sites in seconds;"
    f" {_SOURCE}.",
    ("account",),
)


class UnusualActivityOptions(CollectorOptions):
    """Options of the collector `unusual_activity`."""

    interval: Interval = Field(900.0, description="Time between the starts of consecutive refreshes.")
    window: Annotated[Seconds, Field(ge=_DAY, le=366 * _DAY)] = Field(
        7.0 * _DAY, description="Period for counting sites; the period begins at midnight (UTC)."
    )


@dataclass(frozen=True, slots=True)
class Signals:
    """The counts of affected sites in one workload. Unknown counts are None."""

    workload: str
    unusual: int | None
    ransomware: int | None


@dataclass(frozen=True, slots=True)
class Activities:
    """For each geo location, the number of affected sites within the window. `window` is in seconds."""

    window: float
    found: Mapping[str, tuple[Signals, ...]]


class UnusualActivityCollector(PerLocationCollector[UnusualActivityOptions, Activities]):
    """Collects a tenant's unusual activity and signs of ransomware."""

    name = "unusual_activity"
    endpoints: ClassVar = UNUSUAL_ACTIVITY
    options_type = UnusualActivityOptions
    families = (UNUSUAL, RANSOMWARE, WINDOW)

    async def read(self) -> Activities:
        """Read the number of affected sites within the window. Raise AvePointError if a request fails."""
        now = self._clock.time()
        start = (now - self.options.window) // _DAY * _DAY
        # The end is tomorrow, because AvePoint may interpret the end date as the beginning of the day.
        query = {"startTime": iso_date(ticks_at(start)), "finishTime": iso_date(ticks_at(now + _DAY))}
        return Activities(now - start, await self.each_location(lambda location: self._read(location, query)))

    async def _read(self, location: str, query: Query) -> tuple[Signals, ...]:
        data = await self.data(UNUSUAL_ACTIVITY.modern, location, query)
        if isinstance(data, dict):
            inner = folded(data)
            if "data" not in inner:
                raise UNUSUAL_ACTIVITY.modern.unexpected("the inner field data is missing")
            data = inner["data"]
        rows = self.rows(UNUSUAL_ACTIVITY.modern, data)
        signals = tuple(_signals_of_tenants(rows))
        self.expect_all(rows, signals, location)
        return tuple(_summed(signals))

    @classmethod
    def samples(cls, records: Activities, customer_id: str) -> Iterable[Sample]:  # noqa: ARG003 - account only
        """Return the samples for a tenant's sites."""
        yield Sample(WINDOW, (), records.window)
        for location, found in records.found.items():
            for signals in found:
                labels = ("", "", signals.workload, location)
                yield from known_samples([(UNUSUAL, labels, signals.unusual), (RANSOMWARE, labels, signals.ransomware)])


def _summed(found: Iterable[tuple[str, Signals]]) -> Iterator[Signals]:
    """Add up the rows of each workload, and yield the sums. A sum is None if any number is unknown.

    There may be several rows for one workload, one per Microsoft 365 tenant or geo location. If several rows are equal,
    only one of these rows is counted.
    """
    by_workload: dict[str, list[Signals]] = {}
    for _, signals in dict.fromkeys(found):
        by_workload.setdefault(signals.workload, []).append(signals)
    for workload, parts in by_workload.items():
        yield Signals(workload, _sum(part.unusual for part in parts), _sum(part.ransomware for part in parts))


def _signals_of_tenants(rows: Iterable[Row]) -> Iterator[tuple[str, Signals]]:
    """For each row, yield the Microsoft 365 tenant id and the site counts. If the id is missing, yield ""."""
    for row in rows:
        if (workload := row.service_type("serviceType")) is not None:
            # The field names are correct, although AvePoint's documentation swaps their descriptions.
            unusual = row.needed_count("unusualActivitiesCount")
            ransomware = row.needed_count("potentialRansomwareAttackCount")
            tenant = resource_name(row, "tenantId")
            # If the tenant is unknown, the row may be a repetition of another row.
            signals = Signals(workload, None, None) if tenant is None else Signals(workload, unusual, ransomware)
            yield tenant or "", signals


def _sum(counts: Iterable[int | None]) -> int | None:
    found = list(counts)
    known = [count for count in found if count is not None]
    return sum(known) if len(known) == len(found) else None
