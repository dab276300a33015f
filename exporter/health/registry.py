"""The list of all problems. Each problem has a severity, metric families and a function that finds the problem."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from exporter.collectors.registry import COLLECTORS
from exporter.config.expectations import ProblemName
from exporter.config.schema import AccountType
from exporter.health import backups, jobs, licenses, protection, settings
from exporter.health.facts import SCANNED
from exporter.health.findings import Find

Severity = Literal["critical", "warning", "info"]

_JOBS: Final = ("avepoint_last_job_state",)
_SEATS: Final = (*licenses.LICENSE_SEATS, *licenses.SEATS)
_STORAGE: Final = (*licenses.LICENSE_STORAGE, *licenses.STORAGE)


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem that a customer may have.

    The problem depends on all collectors that export at least one of the `families`. While a value of these families
    cannot be read, the problem is unknown. If a subject also has a problem in `hidden_by`, only that other problem is
    reported. If the start of the condition is unknown and `is_loud` is true, the problem is reported without a grace
    period. If `needs_all` is true, the problem depends on a sum or a maximum. Such a problem cannot begin while one of
    the values cannot be read.
    """

    name: ProblemName
    severity: Severity
    families: tuple[str, ...]
    find: Find
    hidden_by: tuple[ProblemName, ...] = ()
    is_loud: bool = True
    needs_all: bool = False


PROBLEMS: Final = (
    Problem("backup_overdue", "critical", _JOBS, backups.overdue),
    Problem("backup_late", "warning", _JOBS, backups.late, hidden_by=("backup_overdue",)),
    Problem("backup_stopped", "warning", _JOBS, backups.stopped, hidden_by=("backup_overdue",)),
    Problem("backup_never_succeeded", "critical", _JOBS, backups.never_succeeded, is_loud=False),
    Problem("success_unknown", "info", _JOBS, backups.success_unknown, hidden_by=("backup_never_succeeded",)),
    Problem("job_failed", "warning", _JOBS, jobs.failed),
    Problem("job_incomplete", "info", _JOBS, jobs.incomplete, hidden_by=("job_failed",)),
    Problem("job_stuck", "warning", _JOBS, jobs.stuck),
    Problem(
        "objects_unprotected",
        "warning",
        (SCANNED, protection.PROTECTED),
        protection.objects_unprotected,
        needs_all=True,
    ),
    Problem("users_unprotected", "warning", (protection.USERS,), protection.users_unprotected),
    Problem("scan_failed", "warning", (protection.CUSTOMER_SCAN, protection.PROFILE_SCAN), protection.scan_failed),
    Problem("consent_missing", "critical", (protection.CONSENT,), protection.consent_missing),
    Problem("ransomware_suspected", "critical", (settings.RANSOMWARE,), settings.ransomware_suspected),
    Problem(
        "unusual_activity", "info", (settings.UNUSUAL,), settings.unusual_activity, hidden_by=("ransomware_suspected",)
    ),
    Problem("retention_too_short", "warning", (settings.PERIOD, settings.SHORTEST), settings.retention_too_short),
    Problem("restore_not_tested", "info", _JOBS, jobs.restore_not_tested, is_loud=False),
    Problem("seats_exceeded", "warning", _SEATS, licenses.seats_exceeded, needs_all=True),
    Problem("storage_full", "critical", _STORAGE, licenses.storage_full, needs_all=True),
    Problem(
        "storage_nearly_full",
        "warning",
        _STORAGE,
        licenses.storage_nearly_full,
        hidden_by=("storage_full",),
        needs_all=True,
    ),
    Problem("license_out_of_policy", "critical", (licenses.OUT_OF_POLICY,), licenses.out_of_policy),
    Problem("subscription_expired", "warning", (licenses.EXPIRY,), licenses.subscription_expired, needs_all=True),
    Problem(
        "subscription_expiring",
        "warning",
        (licenses.EXPIRY,),
        licenses.subscription_expiring,
        hidden_by=("subscription_expired",),
        needs_all=True,
    ),
    Problem("customer_status_failed", "warning", (licenses.STATUS,), licenses.status_failed),
    Problem(
        "customer_attention", "info", (licenses.STATUS,), licenses.attention, hidden_by=("customer_status_failed",)
    ),
)


def collectors_of(account_type: AccountType) -> Mapping[ProblemName, frozenset[str]]:
    """Return the collectors that can find each problem in accounts of one type.

    If a problem cannot occur in accounts of this type, its set is empty.
    """
    names = {kind.name: {one.name for one in kind.families} for kind in COLLECTORS if kind.account_type == account_type}
    return {
        problem.name: frozenset(name for name, families in names.items() if not families.isdisjoint(problem.families))
        for problem in PROBLEMS
    }
