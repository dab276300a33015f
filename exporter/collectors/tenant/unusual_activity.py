"""Sites with unusual activity or signs of ransomware: GET …/cloudbackupunusualactivitydata."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, NamedTuple

from pydantic import Field

from exporter.avepoint.endpoints import UNUSUAL_ACTIVITY, Query
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import iso_date, ticks_at
from exporter.collectors.activity import RANSOMWARE, UNUSUAL
from exporter.collectors.base import Family, Sample, known_samples
from exporter.collectors.distinct import Distinct, distinct, may_repeat, resource_name
from exporter.collectors.per_location import PerLocationCollector
from exporter.collectors.unread import DROPPED_ROW, Unread, unread_samples
from exporter.config.schema import CollectorOptions, Interval
from exporter.config.sections import Seconds
from exporter.errors import AvePointError

_DAY: Final = 86_400
_SOURCE: Final = "from GET …/cloudbackupunusualactivitydata, cached between refreshes"

WINDOW = Family(
    "avepoint_unusual_activity_window_seconds",
    f"Length in seconds of the window for sites with unusual activity or ransomware; {_SOURCE}.",
    ("account",),
)


class UnusualActivityOptions(CollectorOptions):
    """Options of the collector `unusual_activity`."""

    interval: Interval = Field(900.0, description="Time between the starts of consecutive refreshes.")
    window: Annotated[Seconds, Field(ge=_DAY, le=366 * _DAY)] = Field(
        7.0 * _DAY, description="Length of the period in which sites are counted. The period begins at midnight (UTC)."
    )


class Signals(NamedTuple):
    """The counts of affected sites in one workload. Unknown counts are None."""

    workload: str
    unusual: int | None
    ransomware: int | None


class _Found(NamedTuple):
    """The counts in one row. `tenant` is the Microsoft 365 tenant, or "" if the row does not contain the tenant."""

    tenant: str
    signals: Signals


@dataclass(frozen=True, slots=True)
class Activities:
    """Number of affected sites within the window, per geo location and workload. `window` is in seconds."""

    window: float
    found: Mapping[str, Distinct[Signals]]


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

    async def _read(self, location: str, query: Query) -> Distinct[Signals]:
        rows = await self.rows(UNUSUAL_ACTIVITY.modern, location, query)
        keyed = [_keyed(row) for row in rows]
        self.expect_all(rows, keyed, location)
        return _summed(keyed)

    @classmethod
    def error(cls, records: Activities) -> AvePointError | None:
        """Return an error if rows contradict each other, else None."""
        return next((found.error for found in records.found.values() if found.error), None)

    @classmethod
    def samples(cls, records: Activities, customer_id: str) -> Iterable[Sample]:  # noqa: ARG003 - account only
        """Return the samples for a tenant's sites."""
        yield Sample(WINDOW, (), records.window)
        for location, found in records.found.items():
            for signals in found.records.values():
                labels = ("", "", signals.workload, location)
                yield from known_samples([(UNUSUAL, labels, signals.unusual), (RANSOMWARE, labels, signals.ransomware)])
        yield from unread_samples(_unread(records.found))


def _unread(found: Mapping[str, Distinct[Signals]]) -> Iterator[Unread]:
    for location, of_location in found.items():
        if of_location.lacks_rows:
            yield DROPPED_ROW
        for workload, unusual, ransomware in of_location.records.values():
            counts = ((UNUSUAL, unusual), (RANSOMWARE, ransomware))
            yield from (Unread(family.name, workload, location) for family, count in counts if count is None)


def _summed(keyed: Collection[tuple[str, _Found, Row] | None]) -> Distinct[Signals]:
    """Add up the rows of each workload. If any number is unknown or rows contradict each other, the sum is None.

    A workload has one row per combination of Microsoft 365 tenant, owner and geo location.
    """
    found = distinct(keyed, "serviceType", may_repeat=lambda one: may_repeat(one.tenant, one.signals[1:]))
    parts: dict[str, dict[str, Signals]] = {}
    for key, (_, signals), _ in filter(None, keyed):
        unknown = _Found("", Signals(signals.workload, None, None))
        parts.setdefault(signals.workload, {})[key] = found.records.get(key, unknown).signals
    sums = {workload: _sum(workload, of_keys.values()) for workload, of_keys in parts.items()}
    return Distinct(sums, found.error, found.lacks_rows)


def _keyed(row: Row) -> tuple[str, _Found, Row] | None:
    if (workload := row.service_type("serviceType")) is None:
        return None
    # AvePoint's documentation swaps the descriptions of these fields, but the field names are correct.
    unusual = row.needed_count("unusualActivitiesCount")
    ransomware = row.needed_count("potentialRansomwareAttackCount")
    tenant, owner = resource_name(row, "tenantId"), resource_name(row, "tenantOwner")
    # If the tenant or the owner is unknown, a row may repeat another row.
    is_known = tenant is not None and owner is not None
    signals = Signals(workload, unusual, ransomware) if is_known else Signals(workload, None, None)
    # Rows with different counts may describe different geo locations. The key contains a hash, because the owner is a
    # person and keys are logged.
    return f"{workload}\t{hash((tenant, owner, unusual, ransomware))}", _Found(tenant or "", signals), row


def _sum(workload: str, parts: Iterable[Signals]) -> Signals:
    _, unusual, ransomware = zip(*parts, strict=True)
    return Signals(workload, _total(unusual), _total(ransomware))


def _total(counts: Iterable[int | None]) -> int | None:
    found = list(counts)
    known = [count for count in found if count is not None]
    return sum(known) if len(known) == len(found) else None
