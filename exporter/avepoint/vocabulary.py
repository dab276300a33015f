"""The names of workloads, job types and states: AvePoint's many spellings, one canonical vocabulary.

Sources: the enumerations of GET /cloudbackup/jobs, the module names of the customers' overview, and the status
table of POST …/customers/batch.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from exporter.avepoint.values import fold, snake_case

WORKLOADS: Final[Mapping[int, str]] = MappingProxyType({
    1: "Exchange Online", 2: "SharePoint Online", 3: "OneDrive", 4: "Microsoft 365 Groups",
    5: "Project Online", 6: "Public Folder", 7: "Teams", 8: "Viva Engage",
    9: "Teams Chat", 10: "Power BI", 11: "Power Automate", 12: "Power Apps",
})  # fmt: skip
"""ObjectType, the filter of the job API."""

JOB_TYPES: Final[Mapping[str, int]] = MappingProxyType(
    {"backup": 1, "restore": 2, "export": 3, "delete": 4, "retention": 5}
)
"""JobType, the other filter of the job API."""

IN_PROGRESS: Final = "in_progress"
FINISHED: Final = "finished"
STATES: Final = (IN_PROGRESS, FINISHED, "failed", "finished_with_exception", "partially_finished")
"""JobState 1 to 5."""

SERVICE_TYPES: Final[Mapping[int, str]] = MappingProxyType({
    0: "Exchange Online", 1: "SharePoint Online", 2: "OneDrive", 3: "Microsoft 365 Groups", 4: "Project Online",
    5: "Public Folder", 6: "Teams", 7: "Public Folder Metadata", 8: "Private Channel", 9: "Viva Engage",
    10: "Teams Chat", 11: "Power BI", 12: "Power Automate", 13: "Shared Channel", 14: "Power Apps",
})  # fmt: skip
"""serviceType of a tenant's settings and unusual activities: other numbers than the job API's."""

MODULES: Final[Mapping[int, str]] = MappingProxyType({
    302: "SharePoint Online", 303: "Exchange Online", 304: "Microsoft 365 Groups", 305: "OneDrive",
    306: "Project Online", 307: "Public Folder", 308: "Teams", 309: "Teams Chat", 310: "Power BI",
    311: "Power Automate", 312: "Power Apps", 402: "Viva Engage", 8: "Archiver", 10: "Retention",
})  # fmt: skip
"""jobModule of a customer's jobs; 0 is none."""

RETENTION: Final = MODULES[10]
"""The module that is no workload but a type of job."""

JOB_SERVICES: Final[Mapping[int, str]] = MappingProxyType({
    0: "Microsoft 365 Scan", 7: "Microsoft 365", 10: "Google Workspace Scan", 11: "Google Workspace",
    12: "IaaS + PaaS", 15: "Salesforce", 16: "Dynamics 365",
})  # fmt: skip
"""jobType of a customer's jobs."""

MICROSOFT_365: Final = JOB_SERVICES[7]
MICROSOFT_365_SCAN: Final = JOB_SERVICES[0]

JOB_STATUSES: Final[Mapping[int, str]] = MappingProxyType({
    0: "none", 1: IN_PROGRESS, 2: FINISHED, 3: "failed", 4: "finished_with_exception", 5: "skipped", 6: "pending",
    7: "failed_to_start", 8: "canceled", 9: "rejected", 10: "stopped", 11: "not_scanned", 12: "disabled",
    13: "not_started", 14: "waiting_for_configuration",
})  # fmt: skip
"""status of a customer's jobs: other numbers than the job API's JobState."""

OVER: Final = (
    FINISHED, "failed", "finished_with_exception", "partially_finished", "skipped", "failed_to_start", "canceled",
    "rejected", "stopped",
)  # fmt: skip
"""States in which a job is over."""

NOT_OVER: Final = frozenset({
    "none", IN_PROGRESS, "pending", "not_started", "not_finished", "not_scanned", "disabled",
    "waiting_for_configuration",
})  # fmt: skip
"""States in which a job is not over, or has not begun."""

CUSTOMER_STATUSES: Final[Mapping[int, str]] = MappingProxyType({
    1: "working", 2: "failed", 3: "waiting_for_configuration", 4: "multiple_issues_found",
    5: "finished_with_exception", 6: "no_backup_updates",
})  # fmt: skip
"""jobStatus of a customer; 0 is "N/A"."""

_OTHER_WORKLOADS: Final = {
    "Microsoft 365 Group": 4, "Office 365 Groups": 4, "OneDrive for Business": 3, "Microsoft Teams": 7,
    "Microsoft Teams Chat": 9, "Personal Chat": 9, "Yammer": 8, "Yammer Group": 8,
    "Public Folders": 6, "Exchange Online Public Folder": 6, "Exchange Online Public Folders": 6,
    "Microsoft Viva Engage": 8, "Power App": 12,
}  # fmt: skip
_WORKLOADS: Final = {fold(name): name for name in WORKLOADS.values()} | {
    fold(name): WORKLOADS[number] for name, number in _OTHER_WORKLOADS.items()
}
_STATES: Final = {fold(name): name for name in STATES} | {
    **{str(number): name for number, name in enumerate(STATES, start=1)},
    "finishedexception": "finished_with_exception",
    "running": IN_PROGRESS,
    "partialfinished": "partially_finished",
}
_SERVICE_TYPES: Final = {str(number): name for number, name in SERVICE_TYPES.items()} | {
    fold(name): name for name in SERVICE_TYPES.values()
}
_MODULES: Final = {str(number): name for number, name in MODULES.items()} | {
    **{fold(name): name for name in (MODULES[8], RETENTION)},
    **dict.fromkeys(("0", "none"), ""),
}
_JOB_SERVICES: Final = {str(number): name for number, name in JOB_SERVICES.items()} | {
    fold(prefix + name): name for name in JOB_SERVICES.values() for prefix in ("", "Cloud Backup for ")
}
_JOB_STATUSES: Final = {str(number): name for number, name in JOB_STATUSES.items()} | {
    **{fold(name): name for name in (*JOB_STATUSES.values(), "partially_finished", "not_finished")},
    "running": IN_PROGRESS,
    "cancelled": "canceled",
}
_CUSTOMER_STATUSES: Final = {fold(name): name for name in CUSTOMER_STATUSES.values()} | {
    **{str(number): name for number, name in CUSTOMER_STATUSES.items()},
    "nobackupupdate": "no_backup_updates",
}


def workload(name: str) -> tuple[str, bool]:
    """Give the canonical name of a workload and whether it is known; an unknown one as it came."""
    known = _WORKLOADS.get(fold(name))
    return (name, False) if known is None else (known, True)


def service_type(name: str) -> tuple[str, bool]:
    """Give the workload of a tenant's setting (a number, or a word) and whether it is known."""
    known = _SERVICE_TYPES.get(fold(name))
    return workload(name) if known is None else (known, True)


def job_service(name: str) -> tuple[str, bool]:
    """Give the service of a customer's job (a number, or a word) and whether it is known; "" for "N/A"."""
    known = "" if _is_na(name) else _JOB_SERVICES.get(fold(name))
    return (name, False) if known is None else (known, True)


def module(name: str) -> tuple[str, bool]:
    """Give the workload of a customer's job (a number, or a word) and whether it is known; "" for none and "N/A"."""
    known = "" if _is_na(name) else _MODULES.get(fold(name))
    return workload(name) if known is None else (known, True)


def job_status(name: str) -> tuple[str | None, bool]:
    """Give the state of a customer's job (a number, or a word) and whether it is known; None for "N/A"."""
    return (None, True) if _is_na(name) else _named(_JOB_STATUSES, name)


def job_state(name: str) -> tuple[str, bool]:
    """Give a job's state (a word, or the number of the filter) and whether it is known."""
    return _named(_STATES, name)


def customer_status(name: str) -> tuple[str | None, bool]:
    """Give a customer's status (a word, or its number) and whether it is known; None for "N/A"."""
    return (None, True) if _is_na(name) or fold(name) == "0" else _named(_CUSTOMER_STATUSES, name)


def _is_na(name: str) -> bool:
    return name in {"", "-"} or fold(name) == "na"


def _named(known: Mapping[str, str], name: str) -> tuple[str, bool]:
    found = known.get(fold(name))
    # Of punctuation alone nothing would be left, and an empty label is none.
    return (snake_case(name) or name, False) if found is None else (found, True)
