"""Panels over time, whose queries are fast even for thousands of customers."""

from grafana_foundation_sdk.builders import timeseries

from grafana.dashboards_src import queries as q
from grafana.dashboards_src.panels import lines
from grafana.dashboards_src.vocabulary import NO_RULES


def success() -> timeseries.Panel:
    """Return the panel with the share of successful backups."""
    total = _within_a_day()
    good = _within_a_day('result="success"')
    return lines(
        "Successful backups within a day",
        "Share of the backups completed in the 24 hours before each point that succeeded. If it falls: look "
        "for one cause; the table of problems says which backups are overdue.",
        [(f"({good} or 0 * {total}) / ({total} > 0)", "{{account}}")],
        unit="percentunit", empty="No backup completed yet",
    ).max(1).decimals(1).max_data_points(100)  # fmt: skip


def _within_a_day(*matchers: str) -> str:
    completed = q.recorded("account:avepoint_backups_completed:delta10m", q.ACCOUNT, *matchers)
    return f"sum by (account) ({q.scoped(f'sum_over_time({completed}[1d])')})"


def protected_data() -> timeseries.Panel:
    """Return the panel with the size of the protected data of customers and tenants."""
    customers = q.account_level("account:avepoint_protected_data_bytes:sum")
    tenants = q.account_level("account:avepoint_license_protected_bytes:max")
    return lines(
        "Protected data",
        "Size of the backed-up data by account. A sudden fall deserves a look: who deleted what.",
        [(f"sum by (account) ({customers}) or sum by (account) ({tenants})", "{{account}}")],
        unit="bytes", empty=NO_RULES,
    ).max_data_points(100)  # fmt: skip
