"""Switches for the properties of the API that AvePoint's documents do not specify."""

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
    """Properties of the API; the defaults follow the most likely interpretation of the documents."""

    api_versions: AvailableVersions = "both"
    """API versions that exist; endpoints of the other version return 404."""
    legacy_key_case: KeyCase = "pascal"
    next_link: NextLink = "absolute"
    other_host: str = "https://elsewhere.invalid"
    """Target of `wrong_host` links and of redirects."""
    page_base: Literal[0, 1] = 0
    """Index of the first page of a job list; lists in the Elements API v3 are always one-based."""
    index_zero: IndexZero = "clamp"
    """Response to a request for page 0 if the index of the first page is 1."""
    details_keys: DetailsKeys = "Count"
    state_spelling: StateSpelling = "spaced"
    overview_shape: OverviewShape = "paged"
    overview_tenants: bool = True
    """Whether overview rows have `tenantId` and `lastRunTime`, which AvePoint added in October 2026."""
    total_key: TotalKey = "totalCount"
    iso_form: IsoForm = "z"
    no_time: NoTime = "zero"
    page_size_cap: int | None = None
    """Maximum number of rows per page, even if the request asks for more."""
    job_status: JobStatus = "documented"
    """`documented`: a string in the legacy API, an integer in v3."""
    customer_jobs: CustomerJobsForm = "latest"
    """`latest`: a customer's list contains only the last job of each module, as in real responses; `all`: every job."""
    scan_row: ScanRow = "blank"
    """`blank`: the row of a scan contains only the status, as in real responses; `typed`: also the job type."""
    job_words: JobStatus = "documented"
    """Form of the type, module and status of a customer's job; `documented`: names in the legacy API, numbers in v3."""
    counts: Counts = "numbers"
    sizes: Sizes = "plain"
    subscription_dates: SubscriptionDates = "documented"
    """`documented`: ISO 8601 in v3, 12/29/2026 in the legacy API; `seen`: 12-29-2026T… in v3, 2026-12-29 in legacy."""
    product_keys: ProductKeys = "camel"
    """`mixed`: two keys of subscriptions begin with a capital letter, as in the tables of one document."""
    service_types: ServiceTypes = "numbers"
    """Form of the workload in settings and unusual activities."""
    activity_shape: ActivityShape = "nested"
    activity_times: ActivityTimes = "moments"
    """Times in queries for unusual activities; `moments`: points in time; `days`: dates that include the whole day."""
    locations: frozenset[str] = frozenset()
    """Geo locations of a Multi-Geo tenant; queries for other geo locations return no data."""
    latency_seconds: float = 0.0
    latency_jitter_seconds: float = 0.0
    """Maximum random delay that is added to `latency_seconds`."""
    token_lifetime_seconds: float = 3600.0
    granted_scopes: frozenset[str] | None = None
    """Permissions of the app; None grants the permissions of all endpoints."""
