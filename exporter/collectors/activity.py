"""Metric families for unusual activity on the sites of tenant accounts and customers."""

from typing import Final

from exporter.collectors.base import Family

_SOURCE: Final = (
    "from GET …/cloudbackupunusualactivitydata or …/data-protection/ransomware-detection, cached between refreshes"
)
_LABELS: Final = ("account", "customer_id", "tenant_id", "workload", "geo_location")

UNUSUAL = Family(
    "avepoint_unusual_activity_sites",
    f"Sites with unusual activity within the window (seven days for customers); {_SOURCE}.",
    _LABELS,
)
RANSOMWARE = Family(
    "avepoint_potential_ransomware_sites",
    f"Sites with a potential ransomware attack within the window (seven days for customers); {_SOURCE}.",
    _LABELS,
)
