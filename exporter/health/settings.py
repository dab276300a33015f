"""Problems that report signs of attacks on sites, or retention periods that are too short."""

from collections.abc import Iterator
from typing import Final

from exporter.avepoint.reading.vocabulary import MICROSOFT_365
from exporter.health.findings import Finding, Outcome, Subject, View, outcome

RANSOMWARE: Final = "avepoint_potential_ransomware_sites"
UNUSUAL: Final = "avepoint_unusual_activity_sites"
PERIOD: Final = "avepoint_retention_seconds"
SHORTEST: Final = "avepoint_retention_shortest_seconds"
_KEY: Final = ("workload", "geo_location")


def ransomware_suspected(view: View) -> Iterator[Finding]:
    """Find workloads that have sites with a potential ransomware attack."""
    return _above_zero(view, RANSOMWARE)


def unusual_activity(view: View) -> Iterator[Finding]:
    """Find workloads that have sites with unusual activity."""
    return _above_zero(view, UNUSUAL)


def _above_zero(view: View, family: str) -> Iterator[Finding]:
    for record in view.facts.records((family,), (*_KEY, "tenant_id")):
        workload, geo_location, _ = record.key
        subject = Subject(workload=workload, geo_location=geo_location)
        yield Finding(subject, outcome(wrong=record.values[family] > 0), record.collector)


def retention_too_short(view: View) -> Iterator[Finding]:
    """Find workloads whose retention period is shorter than `retention`."""
    for record in view.facts.records((PERIOD, SHORTEST), _KEY):
        workload, geo_location = record.key
        expected = view.limits.of(MICROSOFT_365, workload).retention
        known = [period for period in (record.get(PERIOD), record.get(SHORTEST)) if period is not None]
        found = outcome(wrong=min(known) < expected)
        if workload and len(known) < len((PERIOD, SHORTEST)) and found is Outcome.FINE:
            found = Outcome.UNKNOWN  # At least one retention period of the workload is unknown.
        yield Finding(Subject(workload=workload, geo_location=geo_location), found, record.collector)
