"""The problems of customers, for the headline and the table of problems on the status page."""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, get_args
from urllib.parse import urlencode

from exporter.config.expectations import ProblemName
from exporter.engine.snapshot import SnapshotView
from exporter.health.families import CUSTOMERS, PROBLEM, PROBLEM_START
from exporter.health.findings import Subject
from exporter.health.registry import PROBLEMS, Severity
from exporter.web.status.formatting import Moment, moment
from exporter.web.status.query import StatusQuery
from exporter.web.status_data import StatusData

SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
"""All severities, most severe first."""
Organizations = Mapping[str, Mapping[str, str]]
"""Organization names, keyed by account and customer id. The page shows only names that are on the metrics page."""
_ROWS: Final = 20
_FAMILIES: Final = {problem.name: problem.families for problem in PROBLEMS}
_TEXTS: Final[Mapping[ProblemName, tuple[str, str]]] = {
    "backup_overdue": ("Backup overdue", "AvePointBackupOverdue"),
    "backup_late": ("Backup late", "AvePointBackupLate"),
    "backup_stopped": ("Backups stopped", "AvePointBackupStopped"),
    "backup_never_succeeded": ("No backup has succeeded", "AvePointBackupNeverSucceeded"),
    "success_unknown": ("Last successful backup unknown", ""),
    "job_failed": ("Last job failed", "AvePointJobFailed"),
    "job_incomplete": ("Last job incomplete", "AvePointJobIncomplete"),
    "job_stuck": ("Job runs too long", "AvePointJobStuck"),
    "objects_unprotected": ("Objects without backup", "AvePointObjectsUnprotected"),
    "users_unprotected": ("Users without backup", "AvePointUsersUnprotected"),
    "scan_failed": ("Scan failed", "AvePointScanFailed"),
    "consent_missing": ("Microsoft 365 tenant without consent", "AvePointConsentMissing"),
    "ransomware_suspected": ("Ransomware suspected", "AvePointRansomwareSuspected"),
    "unusual_activity": ("Unusual activity", "AvePointUnusualActivity"),
    "retention_too_short": ("Retention too short", "AvePointRetentionTooShort"),
    "restore_not_tested": ("Restore not tested", "AvePointRestoreNotTested"),
    "seats_exceeded": ("More seats assigned than purchased", "AvePointSeatsExceeded"),
    "storage_nearly_full": ("Storage nearly full", "AvePointStorageFull"),
    "storage_full": ("Storage full", "AvePointStorageFull"),
    "license_out_of_policy": ("License out of policy", "AvePointLicenseOutOfPolicy"),
    "subscription_expiring": ("Subscription expires soon", "AvePointSubscriptionExpired"),
    "subscription_expired": ("Subscription expired", "AvePointSubscriptionExpired"),
    "customer_status_failed": ("AvePoint reports a failure", "AvePointCustomerStatusFailed"),
    "customer_attention": ("AvePoint reports that attention is needed", "AvePointCustomerStatusFailed"),
}
"""The message for each problem, and the name of its runbook. If there is no runbook, the name is ""."""


class CustomerKey(NamedTuple):
    """The key of a customer. For a tenant account, the id is empty."""

    account: str
    id: str


class CurrentProblem(NamedTuple):
    """A current problem. The table of problems is sorted by these fields. `start` is a Unix time."""

    rank: int
    start: float
    customer: CustomerKey
    name: ProblemName
    subject: Subject


@dataclass(frozen=True, slots=True)
class CustomerProblems:
    """The number of a customer's problems per severity. The highest severity comes first."""

    counts: tuple[tuple[Severity, int], ...]

    @property
    def severity(self) -> Severity:
        """The highest severity."""
        return self.counts[0][0]


@dataclass(frozen=True, slots=True)
class Problems:
    """All current problems.

    `customers` is the number of customers with a verdict. If data about some customers is missing, `is_known` is false.
    """

    current: tuple[CurrentProblem, ...]
    by_customer: Mapping[CustomerKey, CustomerProblems]
    customers: int
    is_known: bool


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """The row of one problem.

    `name` is the organization, the customer id or, for a tenant account, the account name.
    """

    severity: Severity
    name: str
    account: str
    link: str
    text: str
    subject: str
    since: Moment | None
    metrics: str
    runbook: str


def current_problems(data: StatusData) -> Problems:
    """Return the current problems of all customers."""
    found = tuple(problem for view in data.verdicts for problem in _of_view(view))
    ranks: dict[CustomerKey, Counter[int]] = {}
    for problem in found:
        ranks.setdefault(problem.customer, Counter())[problem.rank] += 1
    counts = [_customer_counts(view) for view in data.verdicts]
    return Problems(
        current=found,
        by_customer={key: _by_severity(numbers) for key, numbers in ranks.items()},
        customers=sum(total for total, _ in counts),
        is_known=not any(unknown for _, unknown in counts),
    )


def problem_rows(problems: Problems, names: Organizations, query: StatusQuery, now: float) -> tuple[ProblemRow, ...]:
    """Return the rows of the most severe problems. Problems with the same severity are sorted by age, oldest first."""
    shown = heapq.nsmallest(_ROWS, problems.current)
    return tuple(_row(one, names.get(one.customer.account, {}), query, now) for one in shown)


def _by_severity(numbers: Mapping[int, int]) -> CustomerProblems:
    return CustomerProblems(tuple((SEVERITIES[rank], numbers[rank]) for rank in sorted(numbers)))


def _of_view(view: SnapshotView) -> Iterator[CurrentProblem]:
    ranks: Mapping[str, int] = {severity: rank for rank, severity in enumerate(SEVERITIES)}
    for read in view.reads.values():
        for family, labels, value in read.samples:
            if family.name == PROBLEM_START.name:
                customer_id, name, severity, *subject = labels
                customer = CustomerKey(view.account, customer_id)
                yield CurrentProblem(ranks[severity], value, customer, name, Subject(*subject))  # type: ignore[arg-type] # a label


def _customer_counts(view: SnapshotView) -> tuple[int, int]:
    """Return the number of customers and the number of unknown verdicts.

    If the numbers differ between problems, return the highest numbers.
    """
    totals: dict[str, float] = {}
    unknown = 0.0
    for family, labels, value in view.reads[""].samples if "" in view.reads else ():
        if family.name == CUSTOMERS.name:
            problem, verdict = labels
            totals[problem] = totals.get(problem, 0) + value
            unknown = max(unknown, value) if verdict == "unknown" else unknown
    return int(max(totals.values(), default=0)), int(unknown)


def _row(problem: CurrentProblem, names: Mapping[str, str], query: StatusQuery, now: float) -> ProblemRow:
    account, customer_id = problem.customer
    text, runbook = _TEXTS[problem.name]
    families = [PROBLEM.name, PROBLEM_START.name, *_FAMILIES[problem.name]]
    of_customer = query.link("customers", account=account, text=customer_id, state="all", page=1)
    return ProblemRow(
        severity=SEVERITIES[problem.rank],
        name=names.get(customer_id, "") or customer_id or account,
        account=account,
        link=of_customer if customer_id else "",
        text=text,
        subject=_subject_text(problem.subject),
        since=moment(problem.start, now) if problem.start > 0 else None,
        metrics=f"probe?{urlencode([('account', account), *(('name[]', family) for family in families)])}",
        runbook=runbook,
    )


def _subject_text(subject: Subject) -> str:
    job_type = "" if subject.job_type == "backup" else subject.job_type
    main = subject.workload or subject.service_type or subject.product
    return ", ".join(filter(None, (main, subject.geo_location, job_type)))
