"""Scan profiles of each customer. A scan profile finds new objects to back up. Source: POST …/scan-profiles/batch."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from pydantic import Field

from exporter.avepoint.endpoints import ELEMENTS, Endpoint, EndpointPair, Paging, fields
from exporter.avepoint.lists import ListReader
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import Ticks, seconds
from exporter.collectors.base import CollectorContext, CustomerCollector, Family, Sample, known_samples
from exporter.collectors.distinct import Distinct, distinct
from exporter.collectors.unread import DROPPED_ROW, Unread, unread_families, unread_samples
from exporter.config.schema import CollectorOptions, Interval
from exporter.errors import AvePointError

SCAN_PROFILES: Final = EndpointPair(
    Endpoint(
        "POST",
        f"{ELEMENTS}/{{customerId}}/scan-profiles/batch",
        "elements.scanprofiles.read.all",
        Paging.ELEMENTS,
        fields(
            "profileId profileName tenantId lastScanStatus lastUpdateTime newRegisteredContentCount"
            " movedToAnotherContainer removedFromMicrosoft365OrOutofPolicy"
        ),
        ("profileid",),
    )
)
_SOURCE: Final = "from POST …/scan-profiles/batch, cached between refreshes"
_LABELS: Final = ("account", "customer_id", "tenant_id", "profile")

STATUS = Family(
    "avepoint_scan_profile_status",
    f"1 for the status of a scan profile's last scan; {_SOURCE}.",
    (*_LABELS, "status"),
)
UPDATED = Family(
    "avepoint_scan_profile_update_timestamp_seconds",
    f"Time of the last update of a scan profile's objects, as Unix time; {_SOURCE}.",
    _LABELS,
    query="time() - avepoint_scan_profile_update_timestamp_seconds > 7 * 86400",
)
OBJECTS = Family(
    "avepoint_scan_profile_objects",
    f"Objects that the last scan registered, moved to another container or removed; {_SOURCE}.",
    (*_LABELS, "change"),
)
_CHANGES: Final = {
    "registered": "newRegisteredContentCount",
    "moved": "movedToAnotherContainer",
    "removed": "removedFromMicrosoft365OrOutofPolicy",
}


@dataclass(frozen=True, slots=True)
class ScanProfile:
    """A scan profile and the result of its last scan. Unknown values are None.

    `changes` contains the number of objects for each kind of change.
    """

    id: str
    tenant_id: str
    name: str
    status: str | None
    updated: Ticks | None
    changes: Mapping[str, int | None]
    unread: tuple[str, ...] = ()
    """The names of the families whose values cannot be read."""


class ScanProfilesOptions(CollectorOptions):
    """Options of the collector `scan_profiles`."""

    interval: Interval = Field(21_600.0, description="Time between the starts of consecutive refreshes.")


class ScanProfilesCollector(CustomerCollector[ScanProfilesOptions, Distinct[ScanProfile]]):
    """Collects the scan profiles of each customer."""

    name = "scan_profiles"
    account_type = "partner"
    optional = True
    endpoints: ClassVar = SCAN_PROFILES
    options_type = ScanProfilesOptions
    families = (STATUS, UPDATED, OBJECTS)

    def __init__(self, context: CollectorContext, options: ScanProfilesOptions) -> None:
        super().__init__(context, options)
        self._list = ListReader(context.client, SCAN_PROFILES)

    async def read(self, customer_id: str) -> Distinct[ScanProfile]:
        """Return the scan profiles of one customer. Raise AvePointError if a request fails."""
        return distinct(map(_keyed, await self._list.rows(self.api_versions, customer_id)), "profileId")

    @classmethod
    def error(cls, records: Distinct[ScanProfile]) -> AvePointError | None:
        """Return an error if rows contradict each other, else None."""
        return records.error

    @classmethod
    def samples(cls, records: Distinct[ScanProfile], customer_id: str) -> Iterable[Sample]:
        """Return the samples for the scan profiles of one customer."""
        for label, profile in _labeled(records.records.values()):
            labels = (customer_id, profile.tenant_id, label)
            if profile.status is not None:
                yield Sample(STATUS, (*labels, profile.status), 1.0)
            if profile.updated is not None:
                yield Sample(UPDATED, labels, seconds(profile.updated))
            changes = profile.changes.items()
            yield from known_samples((OBJECTS, (*labels, change), count) for change, count in changes)
        unread = [Unread(name) for profile in records.records.values() for name in profile.unread]
        yield from unread_samples([DROPPED_ROW] if records.lacks_rows else unread, customer_id)


def _labeled(profiles: Iterable[ScanProfile]) -> Iterator[tuple[str, ScanProfile]]:
    """Yield each scan profile with its label. The label is the name of the profile.

    If several profiles have the same name, the label also contains the id.
    """
    profiles = tuple(profiles)
    names = Counter((profile.tenant_id, profile.name) for profile in profiles)
    for profile in profiles:
        is_unique = profile.name != "" and names[profile.tenant_id, profile.name] == 1
        yield profile.name if is_unique else f"{profile.name} ({profile.id})".strip(), profile


def _keyed(row: Row) -> tuple[str, ScanProfile, Row] | None:
    if (identifier := row.key("profileId")) is None:
        return None
    profile = ScanProfile(
        id=identifier,
        tenant_id=row.word("tenantId") or "",
        name=row.masked_name("profileName"),
        status=row.job_status("lastScanStatus"),
        updated=row.past_time("lastUpdateTime"),
        changes={change: row.count(field) for change, field in _CHANGES.items()},
        unread=unread_families(row.unreadable, {"lastScanStatus": STATUS}),
    )
    return identifier, profile, row
