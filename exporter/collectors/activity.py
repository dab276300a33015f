"""Metric families for unusual activity on the sites of tenant accounts and customers."""

from typing import Final

from exporter.collectors.base import Family

_SOURCE: Final = (
    "from GET …/cloudbackupunusualactivitydata or …/data-protection/ransomware-detection, cached between refreshes"
)
_LABELS: Final = ("account", "customer_id", "tenant_id", "workload", "geo_location")

UNUSUAL = Family(
    "avepoint_unusual_activity_sites",
    "Sites with unusual activity within the window (seven days for customers); absent for workloads that AvePoint does"
    f" not list; {_SOURCE}.",
    _LABELS,
    query="sum by (account, customer_id, workload) (avepoint_unusual_activity_sites) > 0",
)
RANSOMWARE = Family(
    "avepoint_potential_ransomware_sites",
    "Sites with a potential ransomware attack within the window (seven days for customers); absent for workloads that"
    f" AvePoint does not list; {_SOURCE}.",
    _LABELS,
    query="sum by (account, customer_id, workload) (avepoint_potential_ransomware_sites) > 0",
)
