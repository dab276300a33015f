"""Switches: one for each thing that AvePoint's documents leave open."""

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
    """How the simulator answers; the defaults are the likeliest reading of the documents."""

    api_versions: AvailableVersions = "both"
    """Which endpoints exist; the others answer 404."""
    legacy_key_case: KeyCase = "pascal"
    next_link: NextLink = "absolute"
    other_host: str = "https://elsewhere.invalid"
    """Where `wrong_host` links and the redirecting faults point."""
    page_base: Literal[0, 1] = 0
    """The index of the first page of jobs; v3 lists of partners always start at 1."""
    index_zero: IndexZero = "clamp"
    """What index 0 gives where pages start at 1."""
    details_keys: DetailsKeys = "Count"
    state_spelling: StateSpelling = "spaced"
    overview_shape: OverviewShape = "paged"
    overview_tenants: bool = True
    """Whether overview rows have `tenantId` and `lastRunTime`, as since October 2026."""
    total_key: TotalKey = "totalCount"
    iso_form: IsoForm = "z"
    no_time: NoTime = "zero"
    page_size_cap: int | None = None
    """The most rows that any page holds, whatever was asked for."""
    job_status: JobStatus = "documented"
    """As documented: a text in the first generation, a number in v3."""
    customer_jobs: CustomerJobsForm = "latest"
    """Whether a customer's list has the latest job of each module, as in the field, or every job."""
    scan_row: ScanRow = "blank"
    """Whether the scan says nothing but its status, as in the field, or also what it is."""
    job_words: JobStatus = "documented"
    """How a customer's jobs tell type, module and status; as documented: in words in the first generation."""
    counts: Counts = "numbers"
    sizes: Sizes = "plain"
    subscription_dates: SubscriptionDates = "documented"
    """Documented: ISO 8601 in v3, 12/29/2026 in the first generation; seen: month first in v3, a date in the first."""
    product_keys: ProductKeys = "camel"
    """Mixed: two keys of subscriptions begin with a capital, as one document's tables have them."""
    service_types: ServiceTypes = "numbers"
    """How settings and unusual activities name a workload."""
    activity_shape: ActivityShape = "nested"
    activity_times: ActivityTimes = "moments"
    """What times are to unusual activities: a date its first moment; or only dates, each a whole day."""
    locations: frozenset[str] = frozenset()
    """Those of a Multi-Geo tenant; any other location is answered with nothing, as are all where the tenant is none."""
    latency_seconds: float = 0.0
    latency_jitter_seconds: float = 0.0
    """Up to this much more, evenly spread."""
    token_lifetime_seconds: float = 3600.0
    granted_scopes: frozenset[str] | None = None
    """What the app registration was granted; None grants all that an endpoint needs; nothing else exists."""
