"""License of a tenant: GET …/cloudbackuplicenseconsumption, or GET /cloudbackup/licenseconsumption."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Final

from exporter.avepoint.endpoints import LICENSE, Endpoint
from exporter.avepoint.pages import folded
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import Ticks, seconds
from exporter.collectors.base import AccountCollector, Family, Sample, known_samples
from exporter.collectors.unread import Unread, unread_families, unread_samples
from exporter.config.schema import CollectorOptions

_SOURCE = "from GET …/cloudbackuplicenseconsumption or /cloudbackup/licenseconsumption, cached between refreshes"
_LABELS = ("account",)

PURCHASED_SEATS = Family(
    "avepoint_license_purchased_seats",
    f"Purchased user seats; {_SOURCE}.",
    _LABELS,
    query="avepoint_license_assigned_seats / avepoint_license_purchased_seats",
)
ASSIGNED_SEATS = Family(
    "avepoint_license_assigned_seats",
    f"Assigned user seats; {_SOURCE}.",
    _LABELS,
)
PURCHASED_STORAGE = Family(
    "avepoint_license_purchased_storage_bytes",
    f"Purchased storage in bytes; {_SOURCE}.",
    _LABELS,
)
PROTECTED_BYTES = Family(
    "avepoint_license_protected_bytes",
    f"Size of the protected data in bytes; {_SOURCE}.",
    _LABELS,
    query="predict_linear(avepoint_license_protected_bytes[7d], 30 * 86400) > avepoint_license_purchased_storage_bytes",
)
OUT_OF_POLICY = Family(
    "avepoint_license_out_of_policy",
    f"1 if the license is out of policy, else 0; {_SOURCE}.",
    _LABELS,
)
OUT_OF_POLICY_SINCE = Family(
    "avepoint_license_out_of_policy_timestamp_seconds",
    f"Time at which the license went out of policy, as Unix time; absent if the license is in policy; {_SOURCE}.",
    _LABELS,
)
_FAMILIES: Final = {
    "purchasedUserSeats": PURCHASED_SEATS,
    "assignedUserSeats": ASSIGNED_SEATS,
    "purchasedStorageSize": PURCHASED_STORAGE,
    "protectedSize": PROTECTED_BYTES,
    "outOfPolicyTime": OUT_OF_POLICY,
}


@dataclass(frozen=True, slots=True)
class LicenseConsumption:
    """The seats and the storage of a tenant's license, and the timestamp at which the license went out of policy.

    Unknown values are None. `unread` contains the names of the families whose values cannot be read. If
    `out_of_policy_since` is None and `unread` does not contain the name of its family, the license is in policy.
    """

    purchased_seats: int | None
    assigned_seats: int | None
    purchased_bytes: float | None
    protected_bytes: float | None
    out_of_policy_since: Ticks | None
    unread: tuple[str, ...] = ()


class LicenseOptions(CollectorOptions):
    """Options of the collector `license`."""


class LicenseCollector(AccountCollector[LicenseOptions, LicenseConsumption]):
    """Collects the license consumption of a tenant."""

    name = "license"
    account_type = "tenant"
    endpoints: ClassVar = LICENSE
    options_type = LicenseOptions
    families = (
        PURCHASED_SEATS, ASSIGNED_SEATS, PURCHASED_STORAGE, PROTECTED_BYTES, OUT_OF_POLICY, OUT_OF_POLICY_SINCE,
    )  # fmt: skip

    async def read(self) -> LicenseConsumption:
        """Read the license consumption. Raise AvePointError if the request fails."""
        readers = {version: partial(self._read, endpoint) for version, endpoint in LICENSE.versions.items()}
        return await self.api_versions.ask(readers)

    async def _read(self, endpoint: Endpoint) -> LicenseConsumption:
        response = folded(await self._client.call(endpoint))
        fields = folded(response["data"]) if "data" in response else response
        row = Row(fields, endpoint.template, self._client.value_issues)
        if not any(row.has(field) for field in _FAMILIES):
            raise endpoint.unexpected("the response contains none of the license fields")
        consumption = LicenseConsumption(
            purchased_seats=row.count("purchasedUserSeats"),
            assigned_seats=row.count("assignedUserSeats"),
            purchased_bytes=row.gigabytes("purchasedStorageSize"),
            protected_bytes=row.gigabytes("protectedSize"),
            out_of_policy_since=row.past_time("outOfPolicyTime"),
        )
        # If the field is empty, the license is in policy. If the field is missing, the policy is unknown.
        missing = () if row.has("outOfPolicyTime") else ("outOfPolicyTime",)
        return replace(consumption, unread=unread_families((*row.unreadable, *missing), _FAMILIES))

    @classmethod
    def samples(cls, records: LicenseConsumption, customer_id: str) -> Iterable[Sample]:  # noqa: ARG003 - account only
        """Return the samples for a tenant's license."""
        since, unread = records.out_of_policy_since, records.unread
        values = {
            PURCHASED_SEATS: records.purchased_seats,
            ASSIGNED_SEATS: records.assigned_seats,
            PURCHASED_STORAGE: records.purchased_bytes,
            PROTECTED_BYTES: records.protected_bytes,
            OUT_OF_POLICY: None if OUT_OF_POLICY.name in unread else 0.0 if since is None else 1.0,
            OUT_OF_POLICY_SINCE: None if since is None else seconds(since),
        }
        yield from known_samples((family, (), value) for family, value in values.items())
        yield from unread_samples(map(Unread, unread))
