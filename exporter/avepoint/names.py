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
_CUSTOMER_STATUSES: Final = {fold(name): name for name in CUSTOMER_STATUSES.values()} | {
    **{str(number): name for number, name in CUSTOMER_STATUSES.items()},
    "nobackupupdate": "no_backup_updates",
}


def workload(name: str) -> tuple[str, bool]:
    """Give the canonical name of a workload and whether it is known; an unknown one as it came."""
    known = _WORKLOADS.get(fold(name))
    return (name, False) if known is None else (known, True)


def job_state(name: str) -> tuple[str, bool]:
    """Give a job's state (a word, or the number of the filter) and whether it is known."""
    return _named(_STATES, name)


def customer_status(name: str) -> tuple[str | None, bool]:
    """Give a customer's status (a word, or its number) and whether it is known; None for "N/A"."""
    if name in {"", "-"} or fold(name) in {"0", "na"}:
        return None, True
    return _named(_CUSTOMER_STATUSES, name)


def _named(known: Mapping[str, str], name: str) -> tuple[str, bool]:
    found = known.get(fold(name))
    # Of punctuation alone nothing would be left, and an empty label is none.
    return (snake_case(name) or name, False) if found is None else (found, True)
