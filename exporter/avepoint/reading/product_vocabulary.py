"""Canonical names for the codes and names in the job lists of Google Workspace and Salesforce.

Sources: the documentation of GET /backup/google/admin/jobs and GET /backup/sfbapi/jobs.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from exporter.avepoint.reading.text import fold, look_up, snake_case
from exporter.avepoint.reading.vocabulary import (
    FINISHED,
    GOOGLE_WORKSPACE,
    IN_PROGRESS,
    JOB_SERVICES,
    MODULES,
    job_status,
)

SALESFORCE: Final = JOB_SERVICES[15]
AUDIT_LOG: Final = "Audit Log"
_VAULT: Final = " (Vault)"

GOOGLE_APPS: Final[Mapping[int, str]] = MappingProxyType({
    1: MODULES[501], 2: MODULES[504], 4: MODULES[502], 8: MODULES[503], 64: MODULES[505], 128: MODULES[506],
    256: "Users", 512: "Groups", 4096: MODULES[507],
    8192: MODULES[501] + _VAULT, 16384: MODULES[504] + _VAULT, 32768: MODULES[505] + _VAULT,
})  # fmt: skip
"""Maps codes in the field `appType` to workloads of Google Workspace."""

GOOGLE_JOB_TYPES: Final[Mapping[int, str]] = MappingProxyType(
    {1: "backup", 2: "restore", 3: "export", 4: "delete", 5: "retention", 6: "generate_report"}
)
"""Maps codes in the field `jobType` to job types of Google Workspace."""

GOOGLE_STATES: Final[Mapping[int, str]] = MappingProxyType(
    {0: IN_PROGRESS, 2: FINISHED, 3: "failed", 7: "finished_with_exception"}
)
"""Maps codes in the field `status` of Google Workspace jobs to states."""

_SALESFORCE_TYPES: Final = {
    1: "Backup", 2: "On-demand backup", 3: "Restore", 4: "Pre restore", 5: "Compare", 6: "Archive", 7: "Simulation",
    8: "Inactive data analysis", 9: "Retention", 10: "Discovery", 11: "Backup export", 12: "On-demand export",
    13: "Auto export", 14: "Data cleanup", 15: "Sandbox seeding", 16: "Generate recovery point",
    17: "Continuous data protection", 18: "Data service", 19: "On-demand data service",
    20: "Audit log backup", 21: "Audit log export", 22: "Audit log auto export",
}  # fmt: skip
SALESFORCE_TYPES: Final[Mapping[int, tuple[str, str]]] = MappingProxyType({
    number: (AUDIT_LOG, snake_case(name.removeprefix("Audit log "))) if name.startswith("Audit log ")
    else (SALESFORCE, snake_case(name))
    for number, name in _SALESFORCE_TYPES.items()
})  # fmt: skip
"""Maps codes in the field `type` to workloads and job types of Salesforce.

An on-demand backup has its own job type, because it is not scheduled and may contain only some of the objects.
"""

SALESFORCE_STATES: Final[Mapping[int, str]] = MappingProxyType({
    1: IN_PROGRESS, 2: FINISHED, 3: "finished_with_exception", 4: "failed", 5: "paused", 6: "stopped", 7: "skipped",
})  # fmt: skip
"""Maps codes in the field `state` or `status` of Salesforce jobs to states."""

_GOOGLE_APPS: Final = {
    **{str(number): name for number, name in GOOGLE_APPS.items()},
    **{fold(name): name for name in GOOGLE_APPS.values()},
    fold("Classroom"): MODULES[506],
}
_GOOGLE_JOB_TYPES: Final = {
    **{str(number): name for number, name in GOOGLE_JOB_TYPES.items()},
    **{fold(name): name for name in GOOGLE_JOB_TYPES.values()},
}
_SALESFORCE: Final = {
    **{str(number): kind for number, kind in SALESFORCE_TYPES.items()},
    **{fold(name): SALESFORCE_TYPES[number] for number, name in _SALESFORCE_TYPES.items()},
}


def google_app(name: str) -> tuple[str, bool]:
    """Return the workload for a value of `appType`, and whether the value is known."""
    found = look_up(_GOOGLE_APPS, name)
    return (name, False) if found is None else (found, True)


def google_job_type(name: str) -> tuple[str, bool]:
    """Return the job type for a value of `jobType`, and whether the value is known."""
    found = look_up(_GOOGLE_JOB_TYPES, name)
    return (snake_case(name) or name, False) if found is None else (found, True)


def google_state(name: str) -> tuple[str | None, bool]:
    """Return the state of a Google Workspace job, and whether the value is known. For "N/A", the state is None."""
    return _state(GOOGLE_STATES, name)


def salesforce_kind(name: str) -> tuple[tuple[str, str], bool]:
    """Return the workload and the job type for a value of `type`, and whether the value is known."""
    found = look_up(_SALESFORCE, name)
    return ((SALESFORCE, snake_case(name) or name), False) if found is None else (found, True)


def salesforce_state(name: str) -> tuple[str | None, bool]:
    """Return the state of a Salesforce job, and whether the value is known. For "N/A", the state is None."""
    return _state(SALESFORCE_STATES, name)


def _state(states: Mapping[int, str], name: str) -> tuple[str | None, bool]:
    """Look up a code in `states`, or a state name that any product uses, and return the state."""
    if name.strip().isdecimal():
        found = states.get(int(name)) if len(name) < 4 else None  # noqa: PLR2004 - digits
        return (name, False) if found is None else (found, True)
    return job_status(name)


PRODUCTS: Final = (GOOGLE_WORKSPACE, SALESFORCE)
"""The products, other than Microsoft 365, whose jobs are read for a tenant account."""
