"""The newest job of each kind, worst first: the same table beside all jobs and beside one customer."""

from typing import Final

from grafana_foundation_sdk.builders import table

from grafana.dashboards_src import queries as q
from grafana.dashboards_src.tables import FILLED, Column, rows
from grafana.dashboards_src.vocabulary import NUMBERED_STATES, STATE_NUMBERS, TO_CUSTOMER

KIND: Final = "job, account, customer_id, workload, job_type, geo_location"
_MOST: Final = 100  # rows; thousands of customers have tens of thousands of kinds


def state(by: str, *matchers: str) -> str:
    """Return the worst state of the newest jobs as a number; 0 for one that nobody knows."""
    parts = []
    for name, value in sorted(STATE_NUMBERS.items(), key=lambda item: -item[1]):
        selector = q.raw("avepoint_last_job_state", *q.OF_WORKLOAD, *matchers, f'state="{name}"')
        parts.append(f"{value} * max by ({by}) ({selector})")
    known = "|".join(STATE_NUMBERS)
    unknown = q.raw("avepoint_last_job_state", *q.OF_WORKLOAD, *matchers, f'state!~"{known}"')
    return " or ".join((*parts, f"0 * max by ({by}) ({unknown})"))


def newest_jobs(title: str) -> table.Panel:
    """Return one row a workload and job type."""
    worst = f"topk({_MOST}, {state(KIND)})"

    def newest(name: str, *matchers: str) -> str:
        return f"max by ({KIND}) ({q.raw(name, *q.OF_WORKLOAD, *matchers)}) and on ({KIND}) ({worst})"

    return rows(
        title,
        f"One row a workload and job type, worst first, at most {_MOST}. If the state is red: open the job in "
        "AvePoint; it turns green with the next job that ends well.",
        [
            ("A", q.named(worst)),
            ("B", f"1000 * ({newest('avepoint_last_job_start_timestamp_seconds')})"),
            ("C", newest("avepoint_last_job_duration_seconds")),
            ("D", f"1000 * ({newest('avepoint_last_success_timestamp_seconds')})"),
            ("E", newest("avepoint_last_job_objects", 'result="successful"')),
            ("F", newest("avepoint_last_job_objects", 'result="failed"')),
        ],
        [
            Column("name", "Customer or tenant", link=TO_CUSTOMER),
            Column("account", "Account", width=120),
            Column("geo_location", "Geo location", width=100),
            Column("workload", "Workload", width=190),
            Column("job_type", "Job type", width=100),
            Column("A", "State", width=160, meanings=NUMBERED_STATES, cell=FILLED, align="center"),
            Column("B", "Started", width=150, unit="dateTimeFromNow"),
            Column("C", "Took", width=110, unit="s"),
            Column("D", "Last success", width=150, unit="dateTimeFromNow"),
            Column("E", "Objects done", width=130, unit="locale"),
            Column("F", "Objects failed", width=130, unit="locale"),
            Column("customer_id"),
        ],
        sort="State",
        empty="No jobs known",
    )
