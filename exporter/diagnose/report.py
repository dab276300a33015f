"""The result of a check, as frozen records that the text report and the JSON report present."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from exporter.config.schema import ApiVersion
from exporter.errors import Failure

StepKind = Literal["dns", "tls", "certificate", "token"]
Result = Literal["ok", "failed", "refused", "skipped", "off"]
"""`refused` means that the app lacks a permission; `off` means that an optional collector lacks its permission."""


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one preflight step; all requests of an account depend on it."""

    kind: StepKind
    target: str
    result: Result
    seconds: float = 0.0
    detail: str = ""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class VersionReport:
    """The result for one collector with one API version; `is_used` marks the version that refreshes use."""

    api_version: ApiVersion
    permission: str
    is_used: bool
    result: Result
    seconds: float = 0.0
    endpoints: tuple[str, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class ReadSummary:
    """What one refresh read; a count is None if it does not apply to the collector.

    `customers` counts the customers that the collector attempted; `customers_failed` counts those that failed.
    `customer_failures` contains the most frequent failures, each with its number of customers. `series` contains the
    number of series of each metric family.
    """

    customers: int | None = None
    customers_failed: int = 0
    customer_failures: tuple[tuple[int, Failure], ...] = ()
    jobs: int | None = None
    workloads: int | None = None
    series: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollectorReport:
    """The result for one collector; `is_per_customer` is true if it makes requests for each customer."""

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
        """Whether the collector works, or is optional and off."""
        return self.result in ("ok", "off")


@dataclass(frozen=True, slots=True)
class Observations:
    """Observations about one account: numbers, and outcomes from exporter/diagnose/assumptions.py.

    `codes` counts requests by status code, `seconds` contains their durations by path, and `outcomes` counts the
    outcomes of each assumption.
    """

    codes: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    clock_offset: float | None = None
    outcomes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccountReport:
    """The result for one account."""

    name: str
    type: str
    api: str
    url: str
    steps: tuple[Step, ...]
    collectors: tuple[CollectorReport, ...]
    observations: Observations = Observations()


@dataclass(frozen=True, slots=True)
class Report:
    """The result of the whole check; `customers_at_most` is the limit of --quick, or None without a limit."""

    accounts: tuple[AccountReport, ...]
    seconds: float
    at: float
    customers_at_most: int | None = None

    @property
    def collectors(self) -> tuple[tuple[AccountReport, CollectorReport], ...]:
        """Every collector with its account."""
        return tuple((account, collector) for account in self.accounts for collector in account.collectors)

    @property
    def is_ok(self) -> bool:
        """Whether every collector works, or is optional and off."""
        return all(collector.is_ok for _, collector in self.collectors)
