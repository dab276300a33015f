"""The records that the simulator stores, independent of their format in responses."""

from __future__ import annotations

from dataclasses import dataclass


def unix_ns(seconds: float) -> int:
    """Return a Unix time as integer nanoseconds, rounded to the microsecond."""
    return round(seconds * 1_000_000) * 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A Microsoft 365 tenant of a customer."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRecord:
    """A customer of a partner. `job_status` is one of the codes 0 to 6 of the v3 API."""

    id: str
    organization: str
    owner_email: str
    country: str
    job_status: int = 1
    management_mode: int = 0
    tenants: tuple[Tenant, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRecord:
    """A user of a customer's Microsoft 365 tenant.

    `modules` contains pairs (code, is_protected). The code is 0 for the mailbox and 2 for OneDrive.
    """

    id: str
    email: str
    display_name: str
    modules: tuple[tuple[int, bool], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanProfileRecord:
    """A scan profile and the result of its last scan. `status` uses the same codes as the jobs of customers."""

    id: str
    name: str
    status: int
    update_unix_ns: int | None = None
    registered: int = 0
    moved: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionRecord:
    """The number of sites with signs of an attack. `kind` is the key of the workload in responses."""

    kind: str
    ransomware: int = 0
    unusual: int = 0
    suspicious: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantDetails:
    """The details of a customer's Microsoft 365 tenant.

    `consents` contains one boolean per app. True means that the tenant has consented to the app. `detections` is None
    if the customer has no license for ransomware detection.
    """

    customer_id: str
    tenant: Tenant
    users: tuple[UserRecord, ...] = ()
    scan_profiles: tuple[ScanProfileRecord, ...] = ()
    consents: tuple[bool, ...] = ()
    detections: tuple[DetectionRecord, ...] | None = None
    assigned_seats: int | None = None
    available_seats: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedRow:
    """Protected data of one module of a customer.

    Sizes are in bytes. The simulator sends None as "N/A", and sends strings unchanged.
    """

    customer_id: str
    owner_email: str
    service_type: str
    service_module: str
    scanned_objects: int
    protected_objects: int
    avepoint_bytes: int | str | None = None
    byos_bytes: int | str | None = None
    tenant_id: str | None = None
    last_run_unix_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """An error that occurred during a job. Only the modern API returns these errors."""

    value: str
    url: str = ""
    number: int = 1
    is_error_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job of a tenant. `state` is a code from 1 to 5, or a string that is sent unchanged."""

    id: str
    job_type: int
    object_type: int
    state: int | str
    start_unix_ns: int
    finish_unix_ns: int | None = None
    total_objects: int = 0
    successful_objects: int = 0
    failed_objects: int = 0
    skipped_objects: int = 0
    errors: tuple[JobError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseRecord:
    """License consumption of a tenant. `out_of_policy_unix_ns` is None if the consumption is within the license."""

    purchased_user_seats: int
    assigned_user_seats: int
    purchased_storage_gb: int
    protected_gb: int
    out_of_policy_unix_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRecord:
    """A subscription of a customer.

    Sizes are in bytes. The simulator sends None as "N/A", and sends strings unchanged.
    """

    customer_id: str
    service: str
    name: str | None = None
    package: str | None = None
    model: str | None = None
    source: str | None = None
    payment_type: str | None = None
    storage: str | None = None
    retention: str | None = None
    expiration_unix_ns: int | None = None
    contract_end_unix_ns: int | None = None
    user_seats: int | None = None
    units: int | None = None
    purchased_capacity: int | str | None = None
    protected_capacity: int | str | None = None
    consumed_storage: int | str | None = None
    licenses_assigned: int | None = None
    licenses_available: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityRecord:
    """Unusual activities that were detected at the same time in one workload."""

    tenant_id: str
    tenant_owner: str
    service_type: int
    detected_unix_ns: int
    unusual_sites: int = 0
    ransomware_sites: int = 0
    location: str = ""
    """Geo location of the sites, or "" for all geo locations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrequencyRecord:
    """The number of backups per day for a workload, and the start times of the backups on the current day."""

    service_type: int
    times_a_day: int
    starts_unix_ns: tuple[int, ...] = ()
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRetention:
    """Retention periods of a workload. `unassigned_period` applies to objects outside containers."""

    service_type: int
    period: str | None
    unassigned_period: str | None = None
    container_periods: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRecord:
    """A retention policy. The simulator sends the retention periods unchanged."""

    period: str | None
    customized: bool | str | None = False
    services: tuple[ServiceRetention, ...] = ()
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerJob:
    """A job of a customer. If `id` and `start_unix_ns` are None, the module has no job.

    `job_type`, `job_module` and `status` contain codes of the v3 API, or strings that are sent unchanged. The
    `job_type` of a scan is 0.
    """

    customer_id: str
    job_type: int
    job_module: int | str
    status: int | str
    id: str | None = None
    name: str | None = None
    start_unix_ns: int | None = None
    finish_unix_ns: int | None = None
    total_objects: int = 0
    successful_objects: int = 0
    failed_objects: int = 0
    skipped_objects: int = 0
    warning_objects: int = 0
    backup_bytes: int | str | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleJob:
    """A Google Workspace job of a tenant. Integers are AvePoint's codes. Strings are sent unchanged."""

    id: str
    app_type: int | str
    job_type: int | str
    status: int | str
    start_unix_ns: int
    finish_unix_ns: int | None = None
    progress: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceJob:
    """A Salesforce job of a tenant. Integers are AvePoint's codes. Strings are sent unchanged."""

    id: str
    type: int | str
    state: int | str
    start_unix_ns: int
    finish_unix_ns: int | None = None
    organization_id: str | None = None
    successful_records: int = 0
    failed_records: int = 0
    skipped_records: int = 0
    data_kb: int = 0
