"""The results of a check, as immutable records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from exporter.config.schema import ApiVersion
from exporter.errors import Failure

StepKind = Literal["dns", "tls", "certificate", "token"]
Result = Literal["ok", "failed", "refused", "skipped", "off"]
"""If the app lacks a permission, the token step is "refused". Optional collectors without a permission are "off"."""


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one preflight step."""

    kind: StepKind
    target: str
    result: Result
    seconds: float = 0.0
    detail: str = ""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class VersionReport:
    """The result for one collector with one API version. If refreshes use this version, `is_used` is true."""

    api_version: ApiVersion
    permission: str
    is_used: bool
    result: Result
    seconds: float = 0.0
    endpoints: tuple[str, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class ReadSummary:
    """Counts of the data that one refresh returned. A count that does not apply to the collector is None.

    `customers` is the number of customers that the collector tried to read, and `customers_failed` is the number of
    failed customers. `customer_failures` contains the most frequent failures, each with the number of affected
    customers. `series` contains the number of series per metric family.
    """

    customers: int | None = None
    customers_failed: int = 0
    customer_failures: tuple[tuple[int, Failure], ...] = ()
    jobs: int | None = None
    workloads: int | None = None
    series: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollectorReport:
    """The result for one collector. If the collector sends requests per customer, `is_per_customer` is true."""

    name: str
    result: Result
    api_version: str
    seconds: float
    versions: tuple[VersionReport, ...]
    summary: ReadSummary = ReadSummary()
    failure: Failure | None = None
    is_per_customer: bool = False

    @property
    def is_ok(self) -> bool:
        """Whether the collector either works or is turned off."""
        return self.result in ("ok", "off")


@dataclass(frozen=True, slots=True)
class Observations:
    """Observations about the requests of one account.

    `codes` contains the number of requests per status code. `seconds` contains the durations of the requests per path.
    For each assumption, `outcomes` contains how often each outcome was found.
    """

    codes: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    clock_offset: float | None = None
    outcomes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccountReport:
    """The result for one account.

    `unlisted` contains the ids in `customers.include` and `customers.exclude` that AvePoint does not list. If the
    configuration includes only unlisted customers, `reads_nobody` is true.
    """

    name: str
    type: str
    api: str
    url: str
    steps: tuple[Step, ...]
    collectors: tuple[CollectorReport, ...]
    observations: Observations = Observations()
    unlisted: tuple[str, ...] = ()
    reads_nobody: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """The result of the whole check. `customers_at_most` is the limit of --quick, or None if there is no limit."""

    accounts: tuple[AccountReport, ...]
    seconds: float
    at: float
    customers_at_most: int | None = None

    @property
    def collectors(self) -> tuple[tuple[AccountReport, CollectorReport], ...]:
        """All collectors, each with its account."""
        return tuple((account, collector) for account in self.accounts for collector in account.collectors)

    @property
    def is_ok(self) -> bool:
        """Whether every collector works or is off, and no account includes only unlisted customers."""
        return all(collector.is_ok for _, collector in self.collectors) and not self.without_customers

    @property
    def without_customers(self) -> tuple[AccountReport, ...]:
        """The accounts that include only customers that AvePoint does not list."""
        return tuple(account for account in self.accounts if account.reads_nobody)
