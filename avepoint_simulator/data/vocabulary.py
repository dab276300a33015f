"""The codes and names from AvePoint's documentation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

BACKUP: Final = 1
RESTORE: Final = 2
EXPORT: Final = 3
DELETE: Final = 4
RETENTION: Final = 5
JOB_TYPES: Final = (BACKUP, RESTORE, EXPORT, DELETE, RETENTION)

IN_PROGRESS: Final = 1
FINISHED: Final = 2
FAILED: Final = 3
FINISHED_WITH_EXCEPTION: Final = 4
PARTIALLY_FINISHED: Final = 5

SPACED_STATES: Final[Mapping[int, str]] = MappingProxyType(
    {
        IN_PROGRESS: "In Progress",
        FINISHED: "Finished",
        FAILED: "Failed",
        FINISHED_WITH_EXCEPTION: "Finished with Exception",
        PARTIALLY_FINISHED: "Partially Finished",
    }
)
COMPACT_STATES: Final[Mapping[int, str]] = MappingProxyType(
    {
        IN_PROGRESS: "InProgress",
        FINISHED: "Finished",
        FAILED: "Failed",
        FINISHED_WITH_EXCEPTION: "FinishedException",
        PARTIALLY_FINISHED: "PartiallyFinished",
    }
)

OBJECT_TYPES: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "Exchange Online",
        2: "SharePoint Online",
        3: "OneDrive",
        4: "Microsoft 365 Groups",
        5: "Project Online",
        6: "Public Folder",
        7: "Teams",
        8: "Viva Engage",
        9: "Teams Chat",
        10: "Power BI",
        11: "Power Automate",
        12: "Power Apps",
    }
)

# Some workloads have different names in the partner API. If AvePoint has renamed a workload, both names are listed.
SERVICE_MODULES: Final[Mapping[int, tuple[str, ...]]] = MappingProxyType(
    {
        1: ("Exchange Online",),
        2: ("SharePoint Online",),
        3: ("OneDrive for Business", "OneDrive"),
        4: ("Microsoft 365 Group",),
        5: ("Project Online",),
        6: ("Exchange Online Public Folder", "Public Folder"),
        7: ("Microsoft Teams", "Teams"),
        8: ("Viva Engage", "Yammer"),
        9: ("Microsoft Teams Chat", "Teams Chat"),
        10: ("Power BI",),
        11: ("Power Automate",),
        12: ("Power Apps",),
    }
)

# Backup settings and unusual activities have their own workload codes. The keys are ObjectType codes.
SERVICE_TYPES: Final[Mapping[int, int]] = MappingProxyType(
    {1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6, 8: 9, 9: 10, 10: 11, 11: 12, 12: 14}
)
SERVICE_NAMES: Final = (
    "Exchange Online", "SharePoint Online", "OneDrive", "Microsoft 365 Groups", "Project Online", "Public Folder",
    "Teams", "Public Folder Metadata", "Private Channel", "Yammer Group", "Personal Chat", "Power BI",
    "Power Automate", "Shared Channel", "Power Apps",
)  # fmt: skip

CLOUD_BACKUP: Final = "Cloud Backup for Microsoft 365"
CLOUD_BACKUP_EXPRESS: Final = "Cloud Backup Express for Microsoft 365"

CUSTOMER_STATUSES: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "N/A",
        1: "Working",
        2: "Failed",
        3: "Waiting for configuration",
        4: "Multiple issues found",
        5: "Finished with exception",
        6: "No backup updates",
    }
)

MICROSOFT_365_SCAN: Final = 0
MICROSOFT_365: Final = 7
GOOGLE_WORKSPACE: Final = 11
CUSTOMER_JOB_TYPES: Final[Mapping[int, str]] = MappingProxyType(
    {
        MICROSOFT_365_SCAN: "Microsoft 365 Scan",
        MICROSOFT_365: "Microsoft 365",
        10: "Google Workspace Scan",
        GOOGLE_WORKSPACE: "Google Workspace",
        12: "IaaS + PaaS",
        15: "Salesforce",
        16: "Dynamics 365",
    }
)

RETENTION_MODULE: Final = 10
# The names are in the order of ObjectType.
JOB_MODULES: Final = (303, 302, 305, 304, 306, 307, 308, 402, 309, 310, 311, 312)
CUSTOMER_JOB_MODULES: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "None",
        8: "Archiver",
        RETENTION_MODULE: "Retention",
        302: "SharePoint Online",
        303: "Exchange Online",
        304: "Microsoft 365 Groups",
        305: "OneDrive",
        306: "Project Online",
        307: "Exchange Online Public Folder",
        308: "Microsoft Teams",
        309: "Teams Chat",
        310: "Power BI",
        311: "Power Automate",
        312: "Power Apps",
        402: "Viva Engage",
        356: "Azure Virtual Machine",
        361: "Amazon EC2",
        401: "Dynamics 365",
        501: "Gmail",
        504: "Drive",
        550: "Dynamics CRM",
    }
)

CUSTOMER_JOB_STATUSES: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "None",
        1: "Running",
        2: "Finished",
        3: "Failed",
        4: "Finished with exception",
        5: "Skipped",
        6: "Pending",
        7: "Failed to start",
        8: "Canceled",
        9: "Rejected",
        10: "Stopped",
        11: "Not scanned",
        12: "Disabled",
        13: "Not started",
        14: "Waiting for configuration",
    }
)
