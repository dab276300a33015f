"""A table of open questions about AvePoint's API, for `check --report`, the simulator and docs/assumptions.md.

For each question, AvePoint's documentation gives no answer, contradicts itself, or differs from real responses. The
exporter accepts every outcome in this table.
"""

from dataclasses import dataclass
from typing import Final, Literal

from exporter.avepoint.reading.vocabulary import CUSTOMER_STATUSES, JOB_SERVICES, JOB_STATUSES, STATES

OutcomeSource = Literal["seed", "docs", "field", "assumed"]
"""The source of an expected outcome.

`seed` is AvePoint's first documentation, `docs` its later documentation, and `field` a real response. `assumed` means
that there is no source.
"""

OTHER: Final = "other"
NOT_AVAILABLE: Final = "N/A"


@dataclass(frozen=True, slots=True)
class Assumption:
    """One open question about the API.

    `outcomes` contains the possible answers, with the expected answer first. `switches` contains the names of
    fields in the class `Switches`. These fields select the outcome in the simulator.
    """

    name: str
    question: str
    outcomes: tuple[str, ...]
    source: OutcomeSource
    switches: tuple[str, ...] = ()


API_VERSION: Final = Assumption(
    "API version", "Which API version returns data?", ("modern", "legacy"), "docs", ("api_versions",)
)
PAGE_BASE: Final = Assumption(
    "page base", "Which index does the first page of a tenant's job list have?",
    ("0", "1 (page 0 is empty)", "1 (page 0 returns the same rows)"), "seed", ("page_base", "index_zero"),
)  # fmt: skip
PAGE_SIZE: Final = Assumption(
    "page size", "Does every page except the last page contain the requested number of rows?",
    ("as requested", "smaller"), "docs", ("page_size_cap",),
)  # fmt: skip
NEXT_LINK: Final = Assumption(
    "next link", "How is the link to the next page written?",
    ("absent", "empty", "absolute URL", "path", "token"), "assumed", ("next_link",),
)  # fmt: skip
TOTAL: Final = Assumption(
    "total",
    "Which number does a list report as its total?",
    ("number of all rows", "larger than a full page", "larger than a partial page",
     "smaller than the page", "absent"),
    "docs",
)  # fmt: skip
TOTAL_KEY: Final = Assumption(
    "total key",
    "Which key contains the total of a list?",
    ("totalCount", "totalNumber", "@odata.count"),
    "docs",
    ("total_key",),
)
KEY_CASE: Final = Assumption(
    "key case", "Which letter case do the keys of rows use?", ("camelCase", "PascalCase", "mixed"), "docs",
    ("legacy_key_case", "product_keys"),
)  # fmt: skip
DETAILS_KEYS: Final = Assumption(
    "details keys",
    "Which suffix do the count keys in a job's details have?",
    ("Count", "Number"),
    "docs",
    ("details_keys",),
)
ERROR_FIELD: Final = Assumption(
    "error field", "Does a successful response have an error field?", ("absent", "empty"), "docs"
)
OVERVIEW_SHAPE: Final = Assumption(
    "overview shape", "Is a customer's overview split into pages?", ("paged", "bare array"), "docs", ("overview_shape",)
)
TENANTS: Final = Assumption(
    "several tenants", "How many Microsoft 365 tenants does a customer's overview contain?",
    ("one tenant", "several tenants", "no tenant"), "docs", ("overview_tenants",),
)  # fmt: skip
CONSENT: Final = Assumption(
    "backup apps", "How many backup apps does a customer's Microsoft 365 tenant have?",
    ("one app", "several apps", "no app"), "assumed",
)  # fmt: skip
STATE: Final = Assumption(
    "job states", "Which job states does a tenant's job list contain?", (*STATES, "unknown"), "docs"
)
STATE_FORM: Final = Assumption(
    "format of job states", "How are multi-word job states written?",
    ("spaced", "compact", "number"), "docs", ("state_spelling",),
)  # fmt: skip
JOB_STATUS: Final = Assumption(
    "job statuses",
    "Which job statuses does a customer's job list contain?",
    (*JOB_STATUSES.values(), "unknown"),
    "docs",
)
PRODUCT: Final = Assumption(
    "products", "Which products does a customer's job list contain?", (*JOB_SERVICES.values(), "unknown"), "docs"
)
JOB_FORM: Final = Assumption(
    "format of customer jobs", "Does a customer's job list contain types, modules and statuses as numbers or as names?",
    ("number", "name"), "docs", ("job_words",),
)  # fmt: skip
CUSTOMER_JOBS: Final = Assumption(
    "customer jobs", "Does a customer's job list contain one job or several jobs per module?",
    ("one", "several"), "field", ("customer_jobs",),
)  # fmt: skip
SCAN_ROW: Final = Assumption(
    "scan row", "Which fields does the row of a customer's scan contain?",
    ("only the status", "the status and the type"), "field", ("scan_row",),
)  # fmt: skip
CUSTOMER_STATUS: Final = Assumption(
    "customer statuses", "Which statuses does the customer list contain?",
    (*CUSTOMER_STATUSES.values(), NOT_AVAILABLE, "unknown"), "docs",
)  # fmt: skip
CUSTOMER_STATUS_FORM: Final = Assumption(
    "format of customer statuses", "Is a customer's status a number or a name?", ("number", "name"), "docs",
    ("job_status",),
)  # fmt: skip
SERVICE_TYPE: Final = Assumption(
    "workloads of settings", "Is the workload of a setting or of an unusual activity a number or a name?",
    ("number", "name"), "docs", ("service_types",),
)  # fmt: skip
ACTIVITY_SHAPE: Final = Assumption(
    "activity shape", "Is the list of unusual activities nested in a second data object?", ("nested", "bare"), "docs",
    ("activity_shape",),
)  # fmt: skip
ACTIVITY_TIMES: Final = Assumption(
    "activity times", "Does the query for unusual activities accept dates or times?", ("dates", "times"), "assumed",
    ("activity_times",),
)  # fmt: skip
LOCATION: Final = Assumption(
    "location", "Does a request for a single geo location return rows?", ("rows", "no rows"), "field", ("locations",)
)
DATE_FORM: Final = Assumption(
    "date form", "How are times written?",
    ("ISO 8601 with Z", "ISO 8601 with an offset", "ISO 8601 with 7 digits", "ISO 8601 with whole seconds",
     "YYYY-MM-DD", "MM-DD-YYYY with time", "MM/DD/YYYY", "YYYY/MM/DD", "ticks", OTHER),
    "docs", ("iso_form", "subscription_dates"),
)  # fmt: skip
NO_TIME: Final = Assumption(
    "no time", "How is a missing time written?", ("0001-01-01", "9999-12-31", "0", "null", NOT_AVAILABLE, "empty"),
    "docs", ("no_time",),
)  # fmt: skip
COUNT_FORM: Final = Assumption(
    "counts", "Are counts numbers or strings?", ("number", "string", NOT_AVAILABLE, "null", OTHER), "docs", ("counts",)
)
SIZE_FORM: Final = Assumption(
    "units of sizes", "How are sizes written?",
    ("GB", "TB", "MB", "KB", "PB", "bytes", "without space", "with thousands separator", "used/purchased", "number",
     NOT_AVAILABLE, "null", OTHER),
    "field", ("sizes",),
)  # fmt: skip
DURATION_FORM: Final = Assumption(
    "durations", "How are durations written?", ("ticks", "hours", "1h2m3s", NOT_AVAILABLE, "null", OTHER), "docs"
)

ASSUMPTIONS: Final = (
    API_VERSION, PAGE_BASE, PAGE_SIZE, NEXT_LINK, TOTAL, TOTAL_KEY, KEY_CASE, DETAILS_KEYS, ERROR_FIELD,
    OVERVIEW_SHAPE, TENANTS, CONSENT, STATE, STATE_FORM, JOB_STATUS, PRODUCT, JOB_FORM, CUSTOMER_JOBS, SCAN_ROW,
    CUSTOMER_STATUS, CUSTOMER_STATUS_FORM, SERVICE_TYPE, ACTIVITY_SHAPE, ACTIVITY_TIMES, LOCATION, DATE_FORM, NO_TIME,
    COUNT_FORM, SIZE_FORM, DURATION_FORM,
)  # fmt: skip
