"""What a check found out, as frozen records; both ways of showing it, text and JSON, are made of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from exporter.config.schema import ApiVersion

StepKind = Literal["dns", "tls", "certificate", "token"]
Result = Literal["ok", "failed", "refused", "skipped", "off"]
"""`refused` is a permission that the app was not granted, `off` an optional collector that lacks its permission."""


@dataclass(frozen=True, slots=True)
class ReportedError:
    """What is wrong and what to do about it; all empty where nothing is."""

    error: str = ""
    hint: str = ""
    request_id: str = ""


NONE = ReportedError()


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that every call needs: a name, a handshake, the app's certificate, a token."""

    kind: StepKind
    target: str
    result: Result
    seconds: float = 0.0
    detail: str = ""
    trouble: ReportedError = NONE


@dataclass(frozen=True, slots=True)
class ReadReport:
    """One collector in one generation of the API: whether its endpoint is there, and whether it is the one used."""

    api_version: ApiVersion
    permission: str
    is_used: bool
    result: Result
    seconds: float = 0.0
    endpoints: tuple[str, ...] = ()
    trouble: ReportedError = NONE


@dataclass(frozen=True, slots=True)
class ReadSummary:
    """How much a collector saw; None is what it does not tell of. `series` by family.

    `customer_troubles` are those that most customers have, each with how many of them.
    """

    customers: int | None = None
    customers_failed: int = 0
    customer_troubles: tuple[tuple[int, ReportedError], ...] = ()
    jobs: int | None = None
    workloads: int | None = None
    series: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollectorReport:
    """One collector of one account."""

    name: str
    result: Result
    api_version: str
    seconds: float
    readings: tuple[ReadReport, ...]
    seen: ReadSummary = ReadSummary()
    trouble: ReportedError = NONE

    @property
    def is_fine(self) -> bool:
        """Whether it works, or is off without being a mistake."""
        return self.result in ("ok", "off")


@dataclass(frozen=True, slots=True)
class AccountReport:
    """One account."""

    name: str
    type: str
    api: str
    url: str
    steps: tuple[Step, ...]
    collectors: tuple[CollectorReport, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The whole check; `customers_at_most` where only the first few customers were read."""

    accounts: tuple[AccountReport, ...]
    seconds: float
    at: float
    customers_at_most: int | None = None

    @property
    def collectors(self) -> tuple[tuple[AccountReport, CollectorReport], ...]:
        """Every collector with its account."""
        return tuple((account, collector) for account in self.accounts for collector in account.collectors)

    @property
    def is_fine(self) -> bool:
        """Whether every collector works."""
        return all(collector.is_fine for _, collector in self.collectors)
