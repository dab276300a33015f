"""Canonical names for all spellings of workloads, products, job types, states and statuses in the API.

The names are from the documentation of GET /cloudbackup/jobs, POST …/avpt-products/jobs/batch, GET
…/cloud-backup-m365/overview and POST …/customers/batch.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from exporter.avepoint.reading.text import fold, look_up, snake_case

WORKLOADS: Final[Mapping[int, str]] = MappingProxyType({
    1: "Exchange Online", 2: "SharePoint Online", 3: "OneDrive", 4: "Microsoft 365 Groups",
    5: "Project Online", 6: "Public Folder", 7: "Teams", 8: "Viva Engage",
    9: "Teams Chat", 10: "Power BI", 11: "Power Automate", 12: "Power Apps",
})  # fmt: skip
"""Maps workloads to their codes in the `ObjectType` filter of a tenant's job list."""

JOB_TYPES: Final[Mapping[str, int]] = MappingProxyType(
    {"backup": 1, "restore": 2, "export": 3, "delete": 4, "retention": 5}
)
"""Maps job types to their codes in the `JobType` filter of a tenant's job list."""

IN_PROGRESS: Final = "in_progress"
FINISHED: Final = "finished"
STATES: Final = (IN_PROGRESS, FINISHED, "failed", "finished_with_exception", "partially_finished")
"""States of a tenant's jobs. The `JobState` filter represents these states, in this order, by the codes 1 to 5."""

SERVICE_TYPES: Final[Mapping[int, str]] = MappingProxyType({
    0: "Exchange Online", 1: "SharePoint Online", 2: "OneDrive", 3: "Microsoft 365 Groups", 4: "Project Online",
    5: "Public Folder", 6: "Teams", 7: "Public Folder Metadata", 8: "Private Channel", 9: "Viva Engage",
    10: "Teams Chat", 11: "Power BI", 12: "Power Automate", 13: "Shared Channel", 14: "Power Apps",
    15: "Copilot Studio Agents",
})  # fmt: skip
"""Maps codes in the field `serviceType` to workloads. Tenant settings and unusual activities contain this field.

The `ObjectType` filter uses different codes.
"""

MODULES: Final[Mapping[int, str]] = MappingProxyType({
    302: "SharePoint Online", 303: "Exchange Online", 304: "Microsoft 365 Groups", 305: "OneDrive",
    306: "Project Online", 307: "Public Folder", 308: "Teams", 309: "Teams Chat", 310: "Power BI",
    311: "Power Automate", 312: "Power Apps", 402: "Viva Engage", 8: "Archiver", 10: "Retention",
    355: "Azure", 356: "Azure Virtual Machine", 357: "Disk", 358: "Microsoft Entra ID", 359: "Storage",
    360: "Admin Portal Settings", 361: "Amazon EC2", 362: "Azure SQL", 363: "DevOps", 364: "Microsoft Entra ID B2C",
    365: "Azure SQL Backup", 366: "Google Virtual Machine Instance",
    401: "Dynamics 365", 550: "Dynamics CRM", 551: "Dynamics Unified Operations",
    501: "Gmail", 502: "Calendar", 503: "Contacts", 504: "Drive", 505: "Shared Drives", 506: "Google Classroom",
    507: "Chat", 508: "Google Directory",
})  # fmt: skip
"""Maps codes in the field `jobModule` of customer jobs to workloads. The code 0 means that there is no workload.

Most codes above 354 belong to products other than Microsoft 365.
"""

RETENTION: Final = MODULES[10]
"""The only value of `jobModule` that represents a job type instead of a workload."""

JOB_SERVICES: Final[Mapping[int, str]] = MappingProxyType({
    0: "Microsoft 365 Scan", 7: "Microsoft 365", 10: "Google Workspace Scan", 11: "Google Workspace",
    12: "IaaS + PaaS", 15: "Salesforce", 16: "Dynamics 365",
})  # fmt: skip
"""Maps each code in the field `jobType` of customer jobs to a product, or to the scan of a product."""

MICROSOFT_365: Final = JOB_SERVICES[7]
MICROSOFT_365_SCAN: Final = JOB_SERVICES[0]
GOOGLE_WORKSPACE_SCAN: Final = JOB_SERVICES[10]
GOOGLE_WORKSPACE: Final = JOB_SERVICES[11]
IAAS_PAAS: Final = JOB_SERVICES[12]
PRODUCTS: Final = tuple(JOB_SERVICES[number] for number in (7, 11, 12, 15, 16))
SCANS: Final[Mapping[str, str]] = MappingProxyType({
    "Microsoft 365 Discovery": MICROSOFT_365_SCAN, "Google Workspace Discovery": GOOGLE_WORKSPACE_SCAN,
})  # fmt: skip
"""Maps values of `jobModule` to scans. The field `jobModule` takes precedence over `jobType`.

The legacy API returns the `jobType` "DOR" for every scan.
"""

JOB_STATUSES: Final[Mapping[int, str]] = MappingProxyType({
    0: "none", 1: IN_PROGRESS, 2: FINISHED, 3: "failed", 4: "finished_with_exception", 5: "skipped", 6: "pending",
    7: "failed_to_start", 8: "canceled", 9: "rejected", 10: "stopped", 11: "not_scanned", 12: "disabled",
    13: "not_started", 14: "waiting_for_configuration",
})  # fmt: skip
"""Maps codes in the field `status` of customer jobs to states. The `JobState` filter uses different codes."""

OVER: Final = (
    FINISHED, "failed", "finished_with_exception", "partially_finished", "skipped", "failed_to_start", "canceled",
    "rejected", "stopped",
)  # fmt: skip
"""The states of completed jobs."""

FAILED: Final = ("failed", "failed_to_start")
INCOMPLETE: Final = ("finished_with_exception", "partially_finished")

NOT_OVER: Final = frozenset({
    "none", IN_PROGRESS, "pending", "not_started", "not_finished", "not_scanned", "disabled",
    "waiting_for_configuration", "paused",
})  # fmt: skip
"""The states of jobs that are not completed, including jobs that have not started.

If a state is not in this set and not in OVER, the state is unknown, and the job may be successful.
"""

CUSTOMER_STATUSES: Final[Mapping[int, str]] = MappingProxyType({
    1: "working", 2: "failed", 3: "waiting_for_configuration", 4: "multiple_issues_found",
    5: "finished_with_exception", 6: "no_backup_updates",
})  # fmt: skip
"""Maps codes in the field `jobStatus` of a customer to statuses. The code 0 means "N/A"."""

MANAGEMENT_MODES: Final[Mapping[int, str]] = MappingProxyType({0: "customer", 1: "partner", 2: "to_be_configured"})
"""Maps codes in the field `managementMode` of a customer to management modes."""

_OTHER_WORKLOADS: Final = {
    "Office 365 Group": 4, "OneDrive for Business": 3, "Microsoft Teams": 7, "Microsoft Teams Chat": 9,
    "Personal Chat": 9, "Yammer": 8, "Yammer Group": 8, "Exchange Online Public Folder": 6, "Microsoft Viva Engage": 8,
}  # fmt: skip
_WORKLOADS: Final = {fold(name): name for name in (*WORKLOADS.values(), SERVICE_TYPES[15])} | {
    fold(name): WORKLOADS[number] for name, number in _OTHER_WORKLOADS.items()
}
_OTHER_STATES: Final = {
    "running": IN_PROGRESS, "successful": FINISHED, "success": FINISHED, "succeeded": FINISHED,
    "finishedexception": "finished_with_exception", "partialfinished": "partially_finished",
}  # fmt: skip
_STATES: Final = {fold(name): name for name in STATES} | {
    **{str(number): name for number, name in enumerate(STATES, start=1)},
    **_OTHER_STATES,
}
_SERVICE_TYPES: Final = {str(number): name for number, name in SERVICE_TYPES.items()} | {
    fold(name): name for name in SERVICE_TYPES.values()
}
_MODULES: Final = {str(number): name for number, name in MODULES.items()} | {
    **{fold(prefix + name): name for name in MODULES.values() for prefix in ("", "Cloud Backup for ")},
    **{fold(name): name for name in SCANS},
    **{fold(name + " Backup"): name for name in (MODULES[550], MODULES[551])},
    **dict.fromkeys(("0", "none"), ""),
}
_JOB_SERVICES: Final = {str(number): name for number, name in JOB_SERVICES.items()} | {
    **{fold(prefix + name): name for name in JOB_SERVICES.values() for prefix in ("", "Cloud Backup for ")},
    **dict.fromkeys(("azure", fold("Cloud Backup for Azure")), JOB_SERVICES[12]),
    "dor": MICROSOFT_365_SCAN,
}
_JOB_STATUSES: Final = {str(number): name for number, name in JOB_STATUSES.items()} | {
    **{fold(name): name for name in (*JOB_STATUSES.values(), "partially_finished", "not_finished", "paused")},
    **_OTHER_STATES,
    "cancelled": "canceled",
}
_CUSTOMER_STATUSES: Final = {fold(name): name for name in CUSTOMER_STATUSES.values()} | {
    **{str(number): name for number, name in CUSTOMER_STATUSES.items()},
}
_MANAGEMENT_MODES: Final = {fold(name): name for name in MANAGEMENT_MODES.values()} | {
    str(number): name for number, name in MANAGEMENT_MODES.items()
}


def workload(name: str) -> tuple[str, bool]:
    """Return the canonical name of a workload, and whether the name is known. Return an unknown name unchanged."""
    found = look_up(_WORKLOADS, name)
    return (name, False) if found is None else (found, True)


def service_type(name: str) -> tuple[str, bool]:
    """Return the workload for a value of `serviceType`, and whether the value is known."""
    found = look_up(_SERVICE_TYPES, name)
    return workload(name) if found is None else (found, True)


def job_service(name: str) -> tuple[str, bool]:
    """Return the product or scan for a `jobType`, and whether the value is known. For "N/A", return ""."""
    found = "" if _is_na(name) else look_up(_JOB_SERVICES, name)
    return (name, False) if found is None else (found, True)


def module(name: str) -> tuple[str, bool]:
    """Return the workload for a `jobModule`, and whether the value is known. For "none" and "N/A", return ""."""
    found = "" if _is_na(name) else look_up(_MODULES, name)
    return workload(name) if found is None else (found, True)


def job_status(name: str) -> tuple[str | None, bool]:
    """Return the state of a customer's job, and whether the value is known. For "N/A", the state is None."""
    return (None, True) if _is_na(name) else _resolved(_JOB_STATUSES, name)


def job_state(name: str) -> tuple[str, bool]:
    """Return the state for a value of `state` in a tenant's job, and whether the value is known."""
    return _resolved(_STATES, name)


def customer_status(name: str) -> tuple[str | None, bool]:
    """Return the status for a value of `jobStatus`, and whether the value is known. For "N/A", return None."""
    return (None, True) if _is_na(name) or fold(name) == "0" else _resolved(_CUSTOMER_STATUSES, name)


def management_mode(name: str) -> tuple[str | None, bool]:
    """Return the mode for a value of `managementMode`, and whether the value is known. For "N/A", return None."""
    return (None, True) if _is_na(name) else _resolved(_MANAGEMENT_MODES, name)


def worst_state(states: Iterable[str]) -> str:
    """Return the worst state of completed jobs. The order is failed, incomplete, any other state, finished."""
    ranks = {state: rank for rank, state in enumerate((*FAILED, *INCOMPLETE))}
    return min(states, key=lambda state: (ranks.get(state, len(ranks)), state == FINISHED, state))


def _is_na(name: str) -> bool:
    return name in {"", "-"} or fold(name) == "na"


def _resolved(names: Mapping[str, str], name: str) -> tuple[str, bool]:
    found = look_up(names, name)
    # A name that contains only punctuation is empty in snake case, but a label value must not be empty.
    return (snake_case(name) or name, False) if found is None else (found, True)
