"""Retention policies of a tenant: GET …/settings/retention-policy."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from exporter.avepoint.endpoints import RETENTION
from exporter.avepoint.reading.rows import Row
from exporter.collectors.base import Family, Sample, known_samples
from exporter.collectors.distinct import Distinct, distinct
from exporter.collectors.per_location import PerLocationCollector
from exporter.collectors.unread import DROPPED_ROW, Unread, unread_samples
from exporter.config.schema import CollectorOptions
from exporter.errors import AvePointError

_FIELDS: Final = ("retentionPeriod", "enableCustomizedRetentionPolicy", "servicePolicies")
_SOURCE: Final = "from GET …/settings/retention-policy, cached between refreshes"
_LABELS: Final = ("account", "workload", "geo_location")

PERIOD = Family(
    "avepoint_retention_seconds",
    f"Retention period in seconds; series without a workload label contain the default; {_SOURCE}.",
    _LABELS,
)
SHORTEST = Family(
    "avepoint_retention_shortest_seconds",
    "Shortest retention period of a workload and its containers, in seconds; absent if a period is unknown;"
    f" {_SOURCE}.",
    _LABELS,
)
CUSTOM = Family(
    "avepoint_custom_retention",
    f"1 if workloads have separate retention policies, else 0; {_SOURCE}.",
    ("account", "geo_location"),
)


class RetentionOptions(CollectorOptions):
    """Options of the collector `retention`."""


@dataclass(frozen=True, slots=True)
class Service:
    """The retention of a workload. `shortest` is the shortest period of the workload and its containers.

    Periods are in seconds, or None if they are unknown.
    """

    workload: str
    period: float | None
    shortest: float | None


@dataclass(frozen=True, slots=True)
class Policy:
    """The retention policies of a tenant. `period` is the default period in seconds, or None if it is unknown.

    `is_custom` is true if workloads have separate retention policies. `is_period_unread` is true if AvePoint returns a
    default period that cannot be read.
    """

    period: float | None
    is_custom: bool | None
    services: Distinct[Service]
    is_period_unread: bool = False


class RetentionCollector(PerLocationCollector[RetentionOptions, Mapping[str, Policy]]):
    """Collects the retention policies of a tenant."""

    name = "retention"
    endpoints: ClassVar = RETENTION
    options_type = RetentionOptions
    families = (PERIOD, SHORTEST, CUSTOM)

    async def read(self) -> Mapping[str, Policy]:
        """Return the policies, keyed by geo location. Raise AvePointError if a request fails."""
        return await self.each_location(self._read)

    async def _read(self, location: str) -> Policy:
        data = await self.data(RETENTION.modern, location)
        row = Row(data if isinstance(data, dict) else {}, RETENTION.modern.template, self._client.value_issues)
        if not any(row.has(field) for field in _FIELDS):
            raise RETENTION.modern.unexpected("the response contains none of the retention policy fields")
        is_custom = row.flag("enableCustomizedRetentionPolicy")
        # If customized retention is disabled, the default period applies to all workloads.
        services = () if is_custom is False else row.each("servicePolicies")
        keyed = [_keyed(service) for service in services]
        self.expect_all(services, keyed, location)
        found, period = distinct(keyed, "serviceType"), row.retention("retentionPeriod")
        return Policy(period, is_custom, found, "retentionPeriod" in row.unreadable)

    @classmethod
    def error(cls, records: Mapping[str, Policy]) -> AvePointError | None:
        """Return an error if rows contradict each other, else None."""
        return next((policy.services.error for policy in records.values() if policy.services.error), None)

    @classmethod
    def samples(cls, records: Mapping[str, Policy], customer_id: str) -> Iterable[Sample]:  # noqa: ARG003 - account only
        """Return the samples for a tenant's policies."""
        for location, policy in records.items():
            yield from known_samples([(CUSTOM, (location,), policy.is_custom), (PERIOD, ("", location), policy.period)])
            for service in policy.services.records.values():
                labels = (service.workload, location)
                yield from known_samples([(PERIOD, labels, service.period), (SHORTEST, labels, service.shortest)])
        yield from unread_samples(_unread(records))


def _unread(records: Mapping[str, Policy]) -> Iterator[Unread]:
    for location, policy in records.items():
        if policy.services.lacks_rows:
            yield DROPPED_ROW
        if policy.is_period_unread:
            yield Unread(PERIOD.name, "", location)
        for service in policy.services.records.values():
            if service.period is None:
                yield Unread(PERIOD.name, service.workload, location)


def _keyed(row: Row) -> tuple[str, Service, Row] | None:
    if (workload := row.service_type("serviceType")) is None:
        return None
    period = row.retention("retentionPeriod")
    return workload, Service(workload, period, _shortest(row, period)), row


def _shortest(row: Row, period: float | None) -> float | None:
    """Return the shortest period of a workload and its containers, or None if a period is unknown."""
    periods = [period, *(container.retention("retentionPeriod") for container in row.each("containerPolicies"))]
    # If no separate period is set for objects without a container, the period of the workload applies.
    if row.raw("unassignedObjectRetentionPeriod") is not None:
        periods.append(row.retention("unassignedObjectRetentionPeriod"))
    known = [one for one in periods if one is not None]
    return min(known) if len(known) == len(periods) else None
