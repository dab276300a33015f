"""The table of the backups of the chosen customers, sorted by due time."""

from typing import Final

from grafana_foundation_sdk.builders import table

from grafana.dashboards_src import queries as q
from grafana.dashboards_src.problems import MOST
from grafana.dashboards_src.tables import COLORED, Column, rows
from grafana.dashboards_src.vocabulary import NO_JOBS, STATES, TO_ITS_JOBS

BACKUP: Final = "job, account, customer_id, product, workload, geo_location"
_BACKUP: Final = 'job_type="backup"'


def backups() -> table.Panel:
    """Return one row per backup."""
    due = f"max by ({BACKUP}) ({q.raw('avepoint_backup_due_timestamp_seconds', *q.OF_WORKLOAD)})"
    first = f"bottomk({MOST}, {due})"

    def of_first(by: str, name: str) -> str:
        return f"max by ({by}) ({q.raw(name, *q.OF_WORKLOAD, _BACKUP)}) and on ({BACKUP}) {first}"

    overdue = q.scoped(q.recorded("avepoint:problem:named", *q.OF_WORKLOAD, 'problem="backup_overdue"'))
    return rows(
        "Backups",
        f"One row per workload of a customer, sorted by due time; at most {MOST} rows. If it is "
        "overdue: click the workload to see its jobs.",
        [
            ("A", f"1000 * ({q.named(first)})"),
            ("B", f"max by ({BACKUP}) ({overdue}) and on ({BACKUP}) {first}"),
            ("C", f"1000 * ({of_first(BACKUP, 'avepoint_last_success_timestamp_seconds')})"),
            ("D", of_first(f"{BACKUP}, state", "avepoint_last_job_state")),
        ],
        [
            Column("name", "Customer or tenant"),
            Column("workload", "Workload", width=200, link=TO_ITS_JOBS),
            Column("product", "Product", width=150),
            Column("geo_location", "Geo location", width=120),
            Column("account", "Account", width=120),
            Column("state", "Last job", width=150, meanings=STATES, cell=COLORED),
            Column("C", "Last success", width=150, unit="dateTimeFromNow"),
            Column("A", "Due", width=150, unit="dateTimeFromNow"),
            Column("B", "Verdict", width=110, meanings={"1": ("Overdue", "red")}, cell=COLORED, align="center"),
            Column("customer_id"),
        ],
        sort="Due",
        empty=NO_JOBS,
        descending=False,
    )
