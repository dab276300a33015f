"""Switches: one for each property that AvePoint's documents leave open."""

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
    """Properties of the responses; the defaults are the most likely reading of the documents."""

    api_versions: AvailableVersions = "both"
    """API versions that exist; endpoints of others return 404."""
    legacy_key_case: KeyCase = "pascal"
    next_link: NextLink = "absolute"
    other_host: str = "https://elsewhere.invalid"
    """Target of `wrong_host` links and of redirects."""
    page_base: Literal[0, 1] = 0
    """Index of the first page of jobs; lists of the Elements API v3 always start at 1."""
    index_zero: IndexZero = "clamp"
    """Response to index 0 if pages start at 1."""
    details_keys: DetailsKeys = "Count"
    state_spelling: StateSpelling = "spaced"
    overview_shape: OverviewShape = "paged"
    overview_tenants: bool = True
    """Whether overview rows have `tenantId` and `lastRunTime`, as since October 2026."""
    total_key: TotalKey = "totalCount"
    iso_form: IsoForm = "z"
    no_time: NoTime = "zero"
    page_size_cap: int | None = None
    """Most rows per page, whatever the request."""
    job_status: JobStatus = "documented"
    """Documented: a string in the legacy API, an integer in v3."""
    customer_jobs: CustomerJobsForm = "latest"
    """Jobs in a customer's list: the last job of each module, as seen in the field, or every job."""
    scan_row: ScanRow = "blank"
    """Row of the scan: only its status, as seen in the field, or also its type."""
    job_words: JobStatus = "documented"
    """Form of a customer's job type, module and status; documented: names in the legacy API."""
    counts: Counts = "numbers"
    sizes: Sizes = "plain"
    subscription_dates: SubscriptionDates = "documented"
    """Documented: ISO 8601 in v3, 12/29/2026 in legacy; seen: 12-29-2026T… in v3, 2026-12-29 in legacy."""
    product_keys: ProductKeys = "camel"
    """Mixed: two keys of subscriptions begin with a capital letter, as in the tables of one document."""
    service_types: ServiceTypes = "numbers"
    """Form of a workload in settings and unusual activities."""
    activity_shape: ActivityShape = "nested"
    activity_times: ActivityTimes = "moments"
    """Times of the query for unusual activities: points in time, or dates that mean whole days."""
    locations: frozenset[str] = frozenset()
    """Locations of a Multi-Geo tenant; other locations have no data."""
    latency_seconds: float = 0.0
    latency_jitter_seconds: float = 0.0
    """Largest random addition to the latency."""
    token_lifetime_seconds: float = 3600.0
    granted_scopes: frozenset[str] | None = None
    """Permissions of the app; None grants the permissions of all endpoints."""
