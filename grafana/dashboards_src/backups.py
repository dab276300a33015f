"""The table of backups of the chosen customers, sorted by due time."""

from typing import Final

from grafana_foundation_sdk.builders import table

from grafana.dashboards_src import queries as q
from grafana.dashboards_src.problems import MOST
from grafana.dashboards_src.tables import COLORED, Column, rows
from grafana.dashboards_src.thresholds import falling
from grafana.dashboards_src.vocabulary import NO_JOBS, TO_ITS_JOBS

BACKUP: Final = "job, account, customer_id, product, workload, geo_location"


def backups() -> table.Panel:
    """Return a table with one row per backup.

    The table uses a single query, because there may be tens of thousands of backups.
    """
    due = f"max by ({BACKUP}) ({q.raw('avepoint_backup_due_timestamp_seconds', *q.OF_WORKLOAD)})"
    return rows(
        "Backups",
        f"One row per workload of a customer, sorted by due time, at most {MOST} rows. If the time is red, the backup "
        "is overdue. Click the workload to see its jobs.",
        [("A", q.named(f"(bottomk({MOST}, {due}) - time())"))],
        [
            Column("name", "Customer or tenant"),
            Column("workload", "Workload", width=200, link=TO_ITS_JOBS),
            Column("product", "Product", width=170),
            Column("geo_location", "Geo location", width=130),
            Column("account", "Account", width=150),
            Column("A", "Due in", width=150, unit="dtdurations", steps=falling(critical=0), cell=COLORED),
            Column("customer_id"),
        ],
        sort="Due in",
        empty=NO_JOBS,
        descending=False,
    )
