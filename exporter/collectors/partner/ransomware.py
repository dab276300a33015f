"""Signs of ransomware in each customer's Microsoft 365 tenants: GET …/data-protection/ransomware-detection.

The counts cover the last seven days. The endpoint belongs to another AvePoint product, which requires a separate
license.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from pydantic import Field

from exporter.avepoint.endpoints import Endpoint, EndpointPair
from exporter.avepoint.pages import folded
from exporter.avepoint.reading.rows import Row
from exporter.collectors.activity import RANSOMWARE, UNUSUAL
from exporter.collectors.base import Family, Sample, known_samples
from exporter.collectors.per_tenant import PerTenantCollector
from exporter.collectors.unread import Unread, unread_samples
from exporter.config.schema import CollectorOptions, Interval

DETECTION: Final = EndpointPair(
    Endpoint(
        "GET",
        "/partner/external/v3/wm/customers/{customerId}/tenants/{tenantId}"
        "/overview/data-protection/ransomware-detection",
        "elements.wm.read.all",
    )
)
SUSPICIOUS = Family(
    "avepoint_suspicious_object_sites",
    "Sites with suspicious objects within the last seven days; "
    "from GET …/data-protection/ransomware-detection, cached between refreshes.",
    ("account", "customer_id", "tenant_id", "workload"),
)
_WORKLOADS: Final = {
    "teams": "Teams", "sharePointSites": "SharePoint Online", "oneDrives": "OneDrive", "groups": "Microsoft 365 Groups",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Detections:
    """The number of affected sites in one workload, per kind of detection. Unknown counts are None."""

    workload: str
    ransomware: int | None
    unusual: int | None
    suspicious: int | None


class RansomwareOptions(CollectorOptions):
    """Options of the collector `ransomware`."""

    interval: Interval = Field(21_600.0, description="Time between the starts of consecutive refreshes.")


class RansomwareCollector(PerTenantCollector[RansomwareOptions, tuple[Detections, ...]]):
    """Collects signs of ransomware in each customer's Microsoft 365 tenants."""

    name = "ransomware"
    endpoints: ClassVar = DETECTION
    options_type = RansomwareOptions
    families = (UNUSUAL, RANSOMWARE, SUSPICIOUS)

    async def read_tenant(self, customer_id: str, tenant_id: str) -> tuple[Detections, ...]:
        """Return the number of sites of each workload. If AvePoint lists no sites, return ().

        Raise AvePointError if the request fails.
        """

        async def request() -> object:
            return await self._client.call(DETECTION.modern, ids={"customerId": customer_id, "tenantId": tenant_id})

        answer = await self.api_versions.ask({"modern": request})
        if answer == []:  # The client returns an empty list for status 204.
            return ()
        response = folded(answer)
        data = folded(response["data"]) if "data" in response else response
        row = Row(data, DETECTION.modern.template, self._client.value_issues)
        if not any(map(row.has, _WORKLOADS)):
            raise DETECTION.modern.unexpected("the response has no workload")
        return tuple(_detections(row, key, workload) for key, workload in _WORKLOADS.items())

    @classmethod
    def samples(cls, records: Mapping[str, tuple[Detections, ...]], customer_id: str) -> Iterable[Sample]:
        """Return the samples for the tenants of one customer."""
        for tenant_id, found in records.items():
            for one in found:
                labels = (customer_id, tenant_id, one.workload)
                values = (
                    (UNUSUAL, (*labels, ""), one.unusual),
                    (RANSOMWARE, (*labels, ""), one.ransomware),
                    (SUSPICIOUS, labels, one.suspicious),
                )
                yield from known_samples(values)
        yield from unread_samples(_unread(one for found in records.values() for one in found), customer_id)


def _unread(found: Iterable[Detections]) -> Iterator[Unread]:
    for one in found:
        for family, count in ((UNUSUAL, one.unusual), (RANSOMWARE, one.ransomware)):
            if count is None:
                yield Unread(family.name, one.workload)


def _detections(row: Row, key: str, workload: str) -> Detections:
    if not row.has(key):  # The workload is unknown.
        return Detections(workload, None, None, None)
    counts = row.nested(key)
    return Detections(
        workload,
        ransomware=counts.needed_count("UnderPotentialRansomwareAttack"),
        unusual=counts.needed_count("WithUnusualActivities"),
        suspicious=counts.count("WithSuspiciousObjects"),
    )
