"""Texts, colors and links that several dashboards share."""

from collections.abc import Mapping
from typing import Final

from grafana.dashboards_src.panels import Words
from grafana.dashboards_src.thresholds import BLUE, GREEN, GREY, ORANGE, RED, YELLOW

NO_RULES: Final = "No data; load prometheus/rules and wait for a refresh"
_OR_NO_RULES: Final = "(or prometheus/rules is not loaded)"
NO_JOBS: Final = f"No jobs have been read {_OR_NO_RULES}"
NO_LICENCE: Final = f"No license has been read {_OR_NO_RULES}"
UNKNOWN: Final = "Unknown"

NOTHING: Final[Words] = {"0": ("None", GREEN)}
POLICY: Final[Words] = {"0": ("In", GREEN), "1": ("Out", RED)}
READABLE: Final[Words] = {"0": ("No", RED), "1": ("Yes", GREEN)}

SEVERITIES: Final[Mapping[str, tuple[str, str]]] = {
    "critical": ("Critical", RED),
    "warning": ("Warning", ORANGE),
    "info": ("Info", BLUE),
}
_PROBLEMS: Final[Mapping[str, Mapping[str, str]]] = {
    "critical": {
        "backup_overdue": "Backup overdue",
        "backup_never_succeeded": "No backup has succeeded",
        "consent_missing": "Tenant without consent",
        "ransomware_suspected": "Ransomware suspected",
        "storage_full": "Storage full",
        "license_out_of_policy": "License out of policy",
    },
    "warning": {
        "backup_late": "Backup late",
        "backup_stopped": "Backups stopped",
        "job_failed": "Last job failed",
        "job_stuck": "Job runs too long",
        "objects_unprotected": "Objects without backup",
        "users_unprotected": "Users without backup",
        "scan_failed": "Scan failed",
        "retention_too_short": "Retention too short",
        "seats_exceeded": "More seats than purchased",
        "storage_nearly_full": "Storage nearly full",
        "subscription_expiring": "Subscription expires soon",
        "subscription_expired": "Subscription expired",
        "customer_status_failed": "AvePoint reports a failure",
    },
    "info": {
        "success_unknown": "Last success unknown",
        "job_incomplete": "Last job incomplete",
        "unusual_activity": "Unusual activity",
        "restore_not_tested": "Restore not tested",
        "customer_attention": "Attention needed",
    },
}
PROBLEMS: Final[Mapping[str, tuple[str, str]]] = {
    name: (text, SEVERITIES[severity][1]) for severity, texts in _PROBLEMS.items() for name, text in texts.items()
}
"""The text and the color of each problem."""
OF_SEVERITY: Final[Mapping[str, tuple[str, ...]]] = {severity: tuple(texts) for severity, texts in _PROBLEMS.items()}

STATES: Final[Mapping[str, tuple[str, str]]] = {
    "finished": ("Finished", GREEN),
    "in_progress": ("Running", BLUE),
    "none": ("No job", GREY),
    "disabled": ("Disabled", GREY),
    "not_scanned": ("Not scanned", GREY),
    "not_started": ("Not started", GREY),
    "not_finished": ("Not finished", GREY),
    "paused": ("Paused", GREY),
    "pending": ("Pending", GREY),
    "skipped": ("Skipped", GREY),
    "waiting_for_configuration": ("Not configured", YELLOW),
    "canceled": ("Canceled", YELLOW),
    "stopped": ("Stopped", YELLOW),
    "finished_with_exception": ("With exceptions", YELLOW),
    "partially_finished": ("Partially finished", ORANGE),
    "rejected": ("Rejected", RED),
    "failed_to_start": ("Failed to start", RED),
    "failed": ("Failed", RED),
}
"""The states of jobs, from best to worst."""
CUSTOMER_STATUSES: Final[Words] = {
    "working": ("Working", GREEN),
    "failed": ("Failed", RED),
    "multiple_issues_found": ("Multiple issues", RED),
    "finished_with_exception": ("With exceptions", YELLOW),
    "no_backup_updates": ("No updates", YELLOW),
    "waiting_for_configuration": ("Not configured", YELLOW),
}

_CHOSEN: Final = "${datasource:queryparam}&${job:queryparam}&${instance:queryparam}"
_ROW: Final = "var-account=${__data.fields.Account:percentencode}"
_CUSTOMER: Final = "var-customer=${__data.fields.customer_id:percentencode}"
TO_CUSTOMER: Final = (
    "Show this one",
    f"/d/avepoint-customers?{_CHOSEN}&{_ROW}&{_CUSTOMER}&${{__url_time_range}}",
)
TO_ACCOUNT: Final = ("Show its customers", f"/d/avepoint-customers?{_CHOSEN}&{_ROW}&${{__url_time_range}}")
_WORKLOAD: Final = "var-workload=${__data.fields.Workload:percentencode}"
TO_WORKLOAD: Final = (
    "Show its jobs",
    f"/d/avepoint-jobs?{_CHOSEN}&${{account:queryparam}}&{_WORKLOAD}&${{__url_time_range}}",
)
TO_ITS_JOBS: Final = (
    "Show its jobs",
    f"/d/avepoint-jobs?{_CHOSEN}&{_ROW}&{_CUSTOMER}&{_WORKLOAD}&${{__url_time_range}}",
)
