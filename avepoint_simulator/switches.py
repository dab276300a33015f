"""Switches for properties of the API that AvePoint's documentation does not specify."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AvailableVersions = Literal["both", "modern", "legacy"]
KeyCase = Literal["pascal", "camel"]
NextLink = Literal["none", "empty", "absolute", "prefixed", "unprefixed", "token", "wrong_host"]
IndexZero = Literal["clamp", "empty", "error"]
DetailsKeys = Literal["Count", "Number"]
StateSpelling = Literal["spaced", "compact"]
OverviewShape = Literal["bare", "paged"]
TotalKey = Literal["totalCount", "totalNumber"]
IsoForm = Literal["z", "offset", "seven", "whole"]
NoTime = Literal["zero", "null", "na"]
JobStatus = Literal["documented", "int", "text"]
Counts = Literal["numbers", "text"]
CustomerJobsForm = Literal["latest", "all"]
ScanRow = Literal["blank", "typed"]
Sizes = Literal["plain", "thousands", "no_space"]
SubscriptionDates = Literal["documented", "seen"]
ProductKeys = Literal["camel", "mixed"]
ServiceTypes = Literal["numbers", "words"]
ActivityShape = Literal["nested", "bare"]
ActivityTimes = Literal["moments", "days"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Properties of the API. The defaults are the most likely interpretation of AvePoint's documentation."""

    api_versions: AvailableVersions = "both"
    """Available API versions. The endpoints of an unavailable version return 404."""
    legacy_key_case: KeyCase = "pascal"
    next_link: NextLink = "absolute"
    other_host: str = "https://elsewhere.invalid"
    """Host to which `wrong_host` links and redirects lead."""
    page_base: Literal[0, 1] = 0
    """Index of the first page of a tenant's job list."""
    index_zero: IndexZero = "clamp"
    """Response to a request for page 0 when the first page has the index 1."""
    details_keys: DetailsKeys = "Count"
    state_spelling: StateSpelling = "spaced"
    overview_shape: OverviewShape = "paged"
    overview_tenants: bool = True
    """Whether overview rows have `tenantId` and `lastRunTime`, which AvePoint added in October 2026."""
    total_key: TotalKey = "totalCount"
    iso_form: IsoForm = "z"
    no_time: NoTime = "zero"
    page_size_cap: int | None = None
    """Maximum number of rows per page, even if the request contains a larger page size."""
    job_status: JobStatus = "documented"
    """With `documented`, the status is a string in the legacy API and an integer in v3."""
    customer_jobs: CustomerJobsForm = "latest"
    """With `latest`, job lists contain the last job of each module, like real responses. With `all`, all jobs."""
    scan_row: ScanRow = "blank"
    """With `blank`, a scan has only a status, as in real responses. With `typed`, a scan also has a job type."""
    job_words: JobStatus = "documented"
    """Whether the type, module and status of a customer's job are codes or names."""
    counts: Counts = "numbers"
    sizes: Sizes = "plain"
    subscription_dates: SubscriptionDates = "documented"
    """With `documented`, dates are in ISO 8601 format in v3, and have the form 12/29/2026 in the legacy API.

    With `seen`, dates have the form 12-29-2026T… in v3, and 2026-12-29 in the legacy API.
    """
    product_keys: ProductKeys = "camel"
    """With `mixed`, two keys begin with a capital letter, as in one of AvePoint's documents."""
    service_types: ServiceTypes = "numbers"
    """Whether workloads are codes or names in settings and unusual activities."""
    activity_shape: ActivityShape = "nested"
    activity_times: ActivityTimes = "moments"
    """With `moments`, queries for unusual activities contain exact timestamps. With `days`, they contain whole days."""
    locations: frozenset[str] = frozenset()
    """Geo locations of a Multi-Geo tenant. Queries for other geo locations return no data."""
    latency_seconds: float = 0.0
    latency_jitter_seconds: float = 0.0
    """Maximum random delay that is added to `latency_seconds`."""
    token_lifetime_seconds: float = 3600.0
    granted_scopes: frozenset[str] | None = None
    """Permissions of the app. None means that the app has the permissions of all endpoints."""
