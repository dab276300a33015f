"""Graphs whose queries are fast even for thousands of customers."""

from grafana_foundation_sdk.builders import timeseries

from grafana.dashboards_src import queries as q
from grafana.dashboards_src.panels import lines
from grafana.dashboards_src.vocabulary import NO_RULES


def completed(window: str, *matchers: str) -> str:
    """Return the number of backups that completed within a window, per account and result."""
    counts = q.recorded("account:avepoint_backups_completed:delta10m", q.ACCOUNT, *matchers)
    return q.scoped(f"sum_over_time({counts}[{window}])")


def success() -> timeseries.Panel:
    """Return the panel with the share of successful backups."""
    good, total = (f"sum by (account) ({completed('1d', *one)})" for one in (('result="success"',), ()))
    return lines(
        "Successful backups within a day",
        "Share of successful backups among the backups that completed in the 24 hours before each point. If the share "
        "falls, look for a common cause. The table of problems shows the overdue backups.",
        [(f"({good} or 0 * {total}) / ({total} > 0)", "{{account}}")],
        unit="percentunit", empty="No backup completed yet",
    ).max(1).decimals(1).max_data_points(100)  # fmt: skip


def protected_data() -> timeseries.Panel:
    """Return the panel with the size of the protected data of customers and tenants."""
    customers = q.account_level("account:avepoint_protected_data_bytes:sum")
    tenants = q.account_level("account:avepoint_license_protected_bytes:max")
    return lines(
        "Protected data",
        "Size of the protected data, per account. If the size falls suddenly, check who deleted data.",
        [(f"sum by (account) ({customers}) or sum by (account) ({tenants})", "{{account}}")],
        unit="bytes", empty=NO_RULES,
    ).max_data_points(100)  # fmt: skip
