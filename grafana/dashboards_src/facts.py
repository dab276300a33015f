"""Create panels that show how many customers have a problem. All dashboards use these panels."""

from collections.abc import Mapping
from typing import Final

from grafana_foundation_sdk.builders import stat

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import verdict
from grafana.dashboards_src.panels import number
from grafana.dashboards_src.thresholds import plain, rising
from grafana.dashboards_src.vocabulary import NOTHING, UNKNOWN

_OF_ACCOUNTS: Final = (q.ACCOUNT,)
_FACTS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "Overdue": (("backup_overdue",), "with a workload whose last successful backup is too old"),
    "Never": (("backup_never_succeeded",), "with a workload that has never had a successful backup"),
    "Late": (("backup_late",), "with a backup that is behind schedule but not overdue yet"),
    "Stopped": (("backup_stopped",), "with a workload that is no longer backed up"),
    "Failed job": (("job_failed",), "with a workload whose last completed job failed"),
    "Incomplete": (("job_incomplete",), "with a workload whose last jobs did not back up all objects"),
    "Stuck": (("job_stuck",), "with a job that has run too long"),
    "Unprotected": (verdict.UNPROTECTED, "with too many unprotected objects or users"),
    "Scan failed": (("scan_failed",), "whose scans fail, so that AvePoint does not find new objects"),
    "No consent": (("consent_missing",), "with a Microsoft 365 tenant in which the backup app has no consent"),
    "Running out": (
        verdict.RUNNING_OUT,
        "with too few seats, nearly full storage, a license out of policy, or an expired or expiring subscription",
    ),
    "Attack signs": (("ransomware_suspected",), "for which AvePoint suspects a ransomware attack"),
    "Seats": (("seats_exceeded",), "that use more seats than they purchased"),
    "Storage": (("storage_nearly_full", "storage_full"), "whose purchased storage is full or nearly full"),
    "Expiring": (
        ("subscription_expiring", "subscription_expired"),
        "with a subscription that expires soon or has expired",
    ),
    "Policy": (("license_out_of_policy",), "whose license is out of policy"),
    "No restore": (
        ("restore_not_tested",),
        "without a recent successful restore, although the expectations require one",
    ),
    "Retention": (("retention_too_short",), "with a retention period that is shorter than expected"),
}
_CRITICAL: Final = frozenset(
    {"backup_overdue", "backup_never_succeeded", "consent_missing", "ransomware_suspected", "license_out_of_policy"}
)


def fact(title: str, *, of: tuple[str, ...] = _OF_ACCOUNTS) -> stat.Panel:
    """Return the panel `title`.

    The panel shows how many customers have at least one problem from `_FACTS[title]`.
    """
    problems, text = _FACTS[title]
    return _count(
        title,
        f"Number of customers {text}. The panel also shows the number of all customers. A tenant account counts as "
        "one customer. If the number is above 0, the table of problems shows the affected customers.",
        verdict.any_of(problems),
        of=of,
        is_critical=not _CRITICAL.isdisjoint(problems),
    )


def critical(title: str, *, of: tuple[str, ...] = _OF_ACCOUNTS) -> stat.Panel:
    """Return the panel with the number of customers that have a critical problem."""
    return _count(
        title,
        "Number of customers with at least one critical problem. The panel also shows the number of all customers. A "
        "tenant account counts as one customer. If the number is red, click a customer in the table of problems.",
        verdict.CRITICAL,
        of=of,
        is_critical=True,
    )


def _count(title: str, about: str, matcher: str, *, of: tuple[str, ...], is_critical: bool) -> stat.Panel:
    return number(
        title,
        about,
        verdict.affected(matcher, of=of),
        of=verdict.customers(of),
        unit="locale",
        steps=rising(critical=1) if is_critical else rising(warning=1),
        meanings=NOTHING,
        empty=UNKNOWN,
    )


def not_judged() -> stat.Panel:
    """Return the panel with the number of customers that may have overdue backups, because recent jobs are missing."""
    backups = 'problem="backup_overdue"'
    unknown = f"sum({verdict.verdicts('problem', backups, _UNKNOWN)})"
    everyone = f"sum({verdict.verdicts('problem', backups)})"
    return number(
        "Not judged",
        "Number of customers whose jobs have not been read recently. These customers may have overdue backups. If the "
        "number is above 0, look for the cause on the Exporter dashboard.",
        unknown, of=everyone, unit="locale", steps=rising(warning=1), meanings=NOTHING, empty=UNKNOWN,
    )  # fmt: skip


_UNKNOWN: Final = 'verdict="unknown"'


def unreadable() -> stat.Panel:
    """Return the panel with the number of unreadable accounts."""
    up = q.account_level("account:avepoint_up:min")
    return number(
        "Unreadable",
        "Number of accounts with at least one collector whose last refresh failed, out of all accounts. If the "
        "number is red, open the Exporter dashboard. A common cause is an expired secret. The data of these accounts "
        "is out of date.",
        q.or_none(f"count(group by (job, account) (({up}) == 0))"),
        of=f"count(group by (job, account) ({up}))",
        unit="locale", steps=rising(critical=1), meanings=NOTHING, empty=UNKNOWN,
    )  # fmt: skip


def watched(*, of: tuple[str, ...] = _OF_ACCOUNTS) -> stat.Panel:
    """Return the panel with the number of customers and tenant accounts."""
    return number(
        "Customers",
        "Number of monitored customers and tenant accounts. If the number falls unexpectedly, check whether a "
        "customer has withdrawn its consent.",
        verdict.customers(of), unit="locale", steps=plain(), empty=UNKNOWN,
    )  # fmt: skip
