"""The Jobs dashboard: problems, due backups, running jobs and last jobs."""

from typing import Final

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard, Threshold

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import variables, verdict
from grafana.dashboards_src.backups import backups
from grafana.dashboards_src.facts import fact
from grafana.dashboards_src.history import completed, success
from grafana.dashboards_src.layout import Line, frame, place
from grafana.dashboards_src.newest_jobs import newest_jobs
from grafana.dashboards_src.panels import ALL_CUSTOMERS, lines, number, renamed, with_all_customers
from grafana.dashboards_src.problems import MOST, what_is_wrong
from grafana.dashboards_src.tables import Column, rows
from grafana.dashboards_src.thresholds import BLUE, RED
from grafana.dashboards_src.vocabulary import NO_RULES, PROBLEMS, TO_CUSTOMER

_OF_JOBS: Final = (
    "backup_overdue", "backup_never_succeeded", "backup_late", "backup_stopped", "job_failed", "job_stuck",
    "job_incomplete", "success_unknown",
)  # fmt: skip
_KIND: Final = "job, account, customer_id, product, workload, job_type, geo_location"


def build() -> Dashboard:
    """Build it."""
    board = frame(
        uid="avepoint-jobs",
        title="AvePoint / Jobs",
        description="Problems with backups and other jobs, due backups, running jobs and last jobs.",
        names=variables.NAMES,
        since="now-24h",
    )
    return place(
        board,
        _facts(),
        (11, [(24, what_is_wrong(verdict.any_of(_OF_JOBS), of=q.OF_WORKLOAD, title="Jobs with problems"))]),
        (12, [(24, backups())]),
        (11, [(13, newest_jobs()), (11, _running())]),
        (9, [(8, _by_problem()), (8, _by_result()), (8, success())]),
    )


def _facts() -> Line:
    titles = ("Overdue", "Never", "Late", "Stopped", "Failed job", "Stuck", "Incomplete")
    return 4, [(3, panel) for panel in (*(fact(title, of=q.OF_WORKLOAD) for title in titles), _succeeded())]


def _succeeded() -> stat.Panel:
    good, total = f"sum({completed('$__range', _GOOD)})", f"sum({completed('$__range')})"
    return number(
        "Succeeded",
        "Number of successful backups of the chosen accounts within the time range, out of all completed backups. If "
        "the number is red, no backup succeeded. If the share is low, look for a common cause. The table below shows "
        "the backups of each workload.",
        f"{good} or 0 * {total}", of=total, unit="locale", steps=_ANY, empty="None completed", decimals=0,
    )  # fmt: skip


_GOOD: Final = 'result="success"'
_ANY: Final = [Threshold(color=RED), Threshold(value=1, color=BLUE)]


def _running() -> table.Panel:
    start = q.raw("avepoint_oldest_running_job_start_timestamp_seconds", *q.OF_WORKLOAD)
    return rows(
        "Running jobs",
        f"The oldest running job of each workload and job type, oldest first, at most {MOST} rows. If a job runs too "
        "long, AvePointJobStuck fires. In this case, ask AvePoint's support to examine the job.",
        [("A", f"1000 * {q.named(f'bottomk({MOST}, max by ({_KIND}) ({start}))')}")],
        [
            Column("name", "Customer or tenant", link=TO_CUSTOMER),
            Column("workload", "Workload", width=135),
            Column("job_type", "Job type", width=80),
            Column("A", "Started", width=140, unit="dateTimeFromNow"),
            Column("account", "Account", width=85),
            Column("customer_id"),
        ],
        sort="Started",
        empty="No job runs",
        descending=False,
    )


def _by_problem() -> timeseries.Panel:
    affected = q.account_level("account:avepoint_problem_customers:count", verdict.any_of(_OF_JOBS))
    panel = lines(
        "Customers by problem",
        "Number of customers with a job problem in the chosen accounts, by problem. If a line rises suddenly, look for "
        "a common cause.",
        [(f"sum by (problem) ({affected})", "{{problem}}"), (verdict.customers(), ALL_CUSTOMERS)],
        unit="locale", empty=NO_RULES,
    )  # fmt: skip
    texts = {name: (PROBLEMS[name][0], color) for name, color in zip(_OF_JOBS, _COLORS, strict=True)}
    return renamed(with_all_customers(panel), texts).decimals(0).max_data_points(100)


_COLORS: Final = (
    "red", "dark-red", "light-orange", "dark-orange", "orange", "purple", "light-blue", "blue",
)  # fmt: skip


def _by_result() -> timeseries.Panel:
    panel = lines(
        "Backups completed within an hour",
        "Number of the chosen accounts' backups that completed in the hour before each point, by result. If failures "
        "increase, look for a common cause. If there are no backups, check whether backups are scheduled.",
        [(f"sum by (result) ({completed('1h')})", "{{result}}")],
        unit="locale", empty="No backup completed yet", stacked=True,
    )  # fmt: skip
    names = {"success": ("Succeeded", "green"), "failure": ("Failed", "red")}
    return renamed(panel, names).decimals(0).max_data_points(100)
