"""The result of a check as frozen records; the text report and the JSON report are made from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from exporter.config.schema import ApiVersion
from exporter.errors import Failure

StepKind = Literal["dns", "tls", "certificate", "token"]
Result = Literal["ok", "failed", "refused", "skipped", "off"]
"""`refused`: the app lacks the permission. `off`: an optional collector without its permission."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that all requests of an account depend on."""

    kind: StepKind
    target: str
    result: Result
    seconds: float = 0.0
    detail: str = ""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class VersionReport:
    """One collector with one API version; `is_used` marks the version that refreshes use."""

    api_version: ApiVersion
    permission: str
    is_used: bool
    result: Result
    seconds: float = 0.0
    endpoints: tuple[str, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class ReadSummary:
    """Counts of what one refresh read; None if the collector does not read such things.

    `customers` counts the customers that the collector attempted, with `customers_failed` among them.
    `customer_failures` holds the most frequent failures, each with its number of customers. `series` is by family.
    """

    customers: int | None = None
    customers_failed: int = 0
    customer_failures: tuple[tuple[int, Failure], ...] = ()
    jobs: int | None = None
    workloads: int | None = None
    series: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollectorReport:
    """One collector of one account; `is_per_customer` if it makes requests for each customer."""

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
    """What the responses of one account show: numbers, and outcomes of exporter/diagnose/assumptions.py.

    `codes` counts requests by code, `seconds` are their durations by path, `outcomes` counts by assumption.
    """

    codes: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    clock_offset: float | None = None
    outcomes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccountReport:
    """One account."""

    name: str
    type: str
    api: str
    url: str
    steps: tuple[Step, ...]
    collectors: tuple[CollectorReport, ...]
    observations: Observations = Observations()


@dataclass(frozen=True, slots=True)
class Report:
    """The whole check; `customers_at_most` is the limit of --quick, None without a limit."""

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
