"""Problems with unprotected objects and users, failed scans, and missing consent to the backup app."""

from collections.abc import Iterator
from typing import Final

from exporter.avepoint.reading.vocabulary import FAILED, MICROSOFT_365, NOT_OVER, OVER
from exporter.health.facts import SCANNED, Record
from exporter.health.findings import Finding, Outcome, Subject, View, outcome

PROTECTED: Final = "avepoint_protected_objects"
USERS: Final = "avepoint_users"
CUSTOMER_SCAN: Final = "avepoint_customer_scan_status"
PROFILE_SCAN: Final = "avepoint_scan_profile_status"
CONSENT: Final = "avepoint_app_consent"
_KNOWN: Final = frozenset({*OVER, *NOT_OVER})


def objects_unprotected(view: View) -> Iterator[Finding]:
    """Find workloads that have exceeded the limit of unprotected objects for at least `unprotected_after`."""
    parts: dict[tuple[str, str], list[Record]] = {}
    for part in view.facts.records((SCANNED, PROTECTED), ("workload", "service_type", "tenant_id")):
        parts.setdefault((part.collector, part.key[0]), []).append(part)
    for (collector, workload), several in parts.items():
        limits = view.limits.of(MICROSOFT_365, workload)
        scanned, protected = _sum(several, SCANNED), _sum(several, PROTECTED)
        found = Outcome.UNKNOWN
        if scanned is not None and protected is not None:
            found = outcome(wrong=scanned - protected > limits.unprotected_ratio * scanned)
        yield Finding(Subject(workload=workload), found, collector, grace=limits.unprotected_after)


def _sum(parts: list[Record], family: str) -> float | None:
    """Return the sum of a family's values, or None if a value is unknown."""
    values = [part.get(family) for part in parts]
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def users_unprotected(view: View) -> Iterator[Finding]:
    """Find workloads that have exceeded the limit of unprotected users in a tenant for at least `unprotected_after`."""
    counts: dict[tuple[str, str, str], dict[str, float]] = {}
    for record in view.facts.records((USERS,), ("workload", "tenant_id", "state")):
        workload, tenant_id, state = record.key
        counts.setdefault((record.collector, workload, tenant_id), {})[state] = record.values[USERS]
    for (collector, workload, _), states in counts.items():
        limits = view.limits.of(MICROSOFT_365, workload)
        protected, unprotected = states.get("protected"), states.get("unprotected")
        found = Outcome.UNKNOWN
        if protected is not None and unprotected is not None:
            found = outcome(wrong=unprotected > limits.users_unprotected_ratio * (protected + unprotected))
        yield Finding(Subject(workload=workload), found, collector, grace=limits.unprotected_after)


def scan_failed(view: View) -> Iterator[Finding]:
    """Find customers whose scans have failed for at least `scan_failed_after`."""
    grace = view.limits.of().scan_failed_after
    for scan in (*view.facts.statuses(CUSTOMER_SCAN), *view.facts.statuses(PROFILE_SCAN)):
        found = outcome(wrong=scan.status in FAILED) if scan.status in _KNOWN else Outcome.UNKNOWN
        yield Finding(Subject(), found, scan.collector, grace=grace)


def consent_missing(view: View) -> Iterator[Finding]:
    """Find Microsoft 365 tenants that have not granted consent to the backup app."""
    for record in view.facts.records((CONSENT,), ("tenant_id",)):
        yield Finding(Subject(), outcome(wrong=record.values[CONSENT] == 0), record.collector)
