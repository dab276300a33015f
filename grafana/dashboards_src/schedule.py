"""Panels that compare backups with their schedule."""

from typing import Final

from grafana_foundation_sdk.builders import stat, table

from grafana.dashboards_src import queries as q
from grafana.dashboards_src.panels import number
from grafana.dashboards_src.tables import COLORED, Column, rows
from grafana.dashboards_src.thresholds import rising, threshold
from grafana.dashboards_src.vocabulary import NOTHING, TO_JOBS, UNKNOWN

_MISSED: Final = threshold("backup_intervals_missed:threshold")
_ONE: Final = "job, account, workload, geo_location"
NO_SCHEDULE: Final = "No backup schedule known"


def _of_each(name: str, *matchers: str) -> str:
    return f"max by ({_ONE}) ({q.raw(name, q.ACCOUNT, q.WORKLOAD, *matchers)})"


def _intervals() -> str:
    """Return the age of the last successful backups as a multiple of their scheduled interval."""
    return _recorded("workload:avepoint_backup_intervals_missed:ratio")


def _recorded(name: str) -> str:
    return q.scoped(q.recorded(name, q.ACCOUNT, q.WORKLOAD))


def late() -> stat.Panel:
    """Return the panel with the number of late workloads."""
    return number(
        "Late backups",
        f"Workloads of tenants whose last successful backup is older than {_MISSED:g} intervals of their own schedule. "
        "If orange: AvePointBackupLate fires; the schedule on the Jobs dashboard says which.",
        f"count({_recorded('workload:avepoint_backup_late:age_seconds')}) or 0 * count({_intervals()})",
        unit="short", steps=rising(warning=1), meanings=NOTHING, empty=UNKNOWN,
    )  # fmt: skip


def schedule() -> table.Panel:
    """Return a table with one row per workload of a tenant."""
    return rows(
        "Schedule",
        "One row a workload of a tenant, latest first: how often it should be backed up and how many intervals ago it "
        "last was. If that is orange: see in the table above whether its jobs fail, run long or do not start.",
        [
            ("A", f"max by ({_ONE}) ({_intervals()})"),
            ("B", _of_each("avepoint_backups_per_day")),
            ("C", _of_each("avepoint_backup_interval_seconds")),
            (
                "D",
                "1000 * "
                + _of_each("avepoint_last_success_timestamp_seconds", 'job_type="backup"', q.OF_TENANTS)
                + f" and on ({_ONE}) {_of_each('avepoint_backups_per_day')}",
            ),
            ("E", f"1000 * {_of_each('avepoint_next_scheduled_backup_timestamp_seconds')}"),
        ],
        [
            Column("account", "Account", link=TO_JOBS),
            Column("geo_location", "Geo location", width=120),
            Column("workload", "Workload", width=220),
            Column("B", "Backups a day", width=150, unit="locale"),
            Column("C", "Every", width=140, unit="s"),
            Column("D", "Last success", width=190, unit="dateTimeFromNow"),
            Column("A", "Intervals ago", width=160, steps=rising(warning=_MISSED), cell=COLORED, decimals=1),
            Column("E", "Next scheduled", width=190, unit="dateTimeFromNow"),
        ],
        sort="Intervals ago",
        empty=NO_SCHEDULE,
    )
