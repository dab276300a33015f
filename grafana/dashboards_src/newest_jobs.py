"""The table of the jobs that started most recently, with their states."""

from typing import Final

from grafana_foundation_sdk.builders import table

from grafana.dashboards_src import queries as q
from grafana.dashboards_src.problems import MOST
from grafana.dashboards_src.tables import COLORED, Column, rows
from grafana.dashboards_src.vocabulary import NO_JOBS, STATES, TO_CUSTOMER

_KIND: Final = "job, account, customer_id, product, workload, job_type, geo_location"


def newest_jobs() -> table.Panel:
    """Return a table with the last job of each workload and job type. The job that started most recently comes first.

    The table uses a single query. This query is fast even for thousands of customers.
    """
    start = q.raw("avepoint_last_job_start_timestamp_seconds", *q.OF_WORKLOAD)
    state = q.raw("avepoint_last_job_state", *q.OF_WORKLOAD)
    # For speed, limit the rows before aggregating them.
    started = f"{state} * on ({_KIND}) group_left () topk({MOST}, max by ({_KIND}) ({start}))"
    newest = f"topk by ({_KIND}) (1, max by ({_KIND}, state) ({started}))"
    return rows(
        "Newest jobs",
        f"The last job of each workload and job type, sorted by start time, at most {MOST} rows. If a state is red, "
        "check the table of problems. It shows whether the job causes a problem, and when the problem began.",
        [("A", f"1000 * ({q.named(newest)})")],
        [
            Column("name", "Customer or tenant", link=TO_CUSTOMER),
            Column("workload", "Workload", width=155),
            Column("job_type", "Job type", width=80),
            Column("state", "State", width=135, meanings=STATES, cell=COLORED),
            Column("A", "Started", width=140, unit="dateTimeFromNow"),
            Column("account", "Account", width=90),
            Column("customer_id"),
        ],
        sort="Started",
        empty=NO_JOBS,
    )
