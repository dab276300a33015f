"""Jobs: what runs, what failed, since when."""

from typing import Final

from grafana_foundation_sdk.builders import bargauge, statetimeline, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import variables
from grafana.dashboards_src.layout import Line, frame, place
from grafana.dashboards_src.panels import bars, lines, number, renamed, states
from grafana.dashboards_src.tables import FILLED, Column, rows
from grafana.dashboards_src.thresholds import plain, rising, threshold
from grafana.dashboards_src.vocabulary import NOTHING, NUMBERED_STATES, STATE_NUMBERS, STATES, UNKNOWN

BACKUP_AGE: Final = threshold("backup_age_seconds:threshold")
RUNNING: Final = threshold("job_running_seconds:threshold")
_KIND: Final = "job, account, customer_id, workload, job_type"
_FAILED: Final = 'state="failed"'
_INCOMPLETE: Final = 'state=~"finished_with_exception|partially_finished"'
_HOUR: Final = 3600
_WHAT: Final = "account, workload, job_type"


def build() -> Dashboard:
    """Build it."""
    board = frame(
        uid="avepoint-jobs",
        title="AvePoint / Jobs",
        description="What runs, what failed and since when, by workload and job type.",
        names=variables.NAMES,
        since="now-24h",
    )
    return place(
        board,
        _facts(),
        (11, [(14, _timeline()), (10, _backup_age())]),
        (12, [(24, _newest())]),
        (10, [(12, _by_state()), (12, _durations())]),
        (10, [(12, _objects()), (12, _running())]),
    )


def _facts() -> Line:
    trouble = "job_type:avepoint_last_job_trouble:last"
    running = q.workload_level("job_type:avepoint_running_job_age_seconds:max")
    jobs = q.raw("avepoint_jobs", q.ACCOUNT, q.WORKLOAD)
    ended = q.raw("avepoint_jobs", q.ACCOUNT, q.WORKLOAD, 'state!="in_progress"')
    good = q.raw("avepoint_jobs", q.ACCOUNT, q.WORKLOAD, 'state="finished"')
    by = "job, account, workload, job_type, state"
    facts = (
        number(
            "Failing",
            "Workloads and job types whose newest ended job failed. If red: AvePointJobFailed fires; find it in the "
            "table below, then open the job in AvePoint.",
            q.or_zero(f"count({q.workload_level(trouble, _FAILED)})"),
            unit="short", steps=rising(critical=1), meanings=NOTHING, empty="Not known",
        ),
        number(
            "Oldest last backup",
            "Age of the last successful backup of the workload that waits longest. If red: AvePointBackupTooOld fires; "
            "see why its jobs fail or do not start.",
            f"max({q.backup_age()})",
            unit="s", steps=rising(critical=BACKUP_AGE), empty="No backup known",
        ),
        number(
            "Incomplete",
            "Workloads and job types whose newest ended job left objects out. If orange: AvePointJobIncomplete fires "
            "after a day; the job's report in AvePoint names the objects.",
            q.or_zero(f"count({q.workload_level(trouble, _INCOMPLETE)})"),
            unit="short", steps=rising(warning=1), meanings=NOTHING, empty="Not known",
        ),
        number(
            "Longest running",
            "How long the oldest running job runs. If red: AvePointJobStuck fires; ask AvePoint's support to look at "
            "the job.",
            f"max({running}) or 0 * count({q.account_level('account:avepoint_jobs:sum')})",
            unit="s", steps=rising(critical=RUNNING), meanings={"0": ("None runs", "green")}, empty=UNKNOWN,
        ),
        number(
            "Jobs in the window",
            "Jobs that started within avepoint_jobs_window_seconds, a day by default. If there are none: the schedule "
            "is off.",
            f"sum(max by ({by}) ({jobs}))",
            unit="short", steps=plain(), empty="No jobs known",
        ),
        number(
            "Finished well",
            "Share of the jobs in the window that ended without a failure or an exception. If it sinks for days: "
            "look for one cause; the alerts judge each job.",
            f"sum(max by ({by}) ({good})) / (sum(max by ({by}) ({ended})) > 0)",
            unit="percentunit", steps=plain(), empty="No jobs known", decimals=1,
        ),
    )  # fmt: skip
    return 4, [(4, panel) for panel in facts]


def _state(by: str, *matchers: str) -> str:
    """Give the worst state of the newest jobs as a number; 0 for one that nobody knows."""
    parts = []
    for state, value in sorted(STATE_NUMBERS.items(), key=lambda item: -item[1]):
        selector = q.raw("avepoint_last_job_state", *q.OF_WORKLOAD, *matchers, f'state="{state}"')
        parts.append(f"{value} * max by ({by}) ({selector})")
    known = "|".join(STATE_NUMBERS)
    unknown = q.raw("avepoint_last_job_state", *q.OF_WORKLOAD, *matchers, f'state!~"{known}"')
    return " or ".join((*parts, f"0 * max by ({by}) ({unknown})"))


def _timeline() -> statetimeline.Panel:
    return states(
        "Newest backup by workload",
        "State of the newest backup job; of several tenants, the worst. If red: the table below says whose and since "
        "when.",
        _state("workload", 'job_type="backup"'),
        legend="{{workload}}", meanings=NUMBERED_STATES, empty="No backup jobs known",
    )  # fmt: skip


def _backup_age() -> bargauge.Panel:
    return bars(
        "Time since the last successful backup",
        "Of the tenant that waits longest. If red: AvePointBackupTooOld fires; its runbook says what to look at.",
        f"sort_desc(max by (workload) ({q.backup_age()}))",
        legend="{{workload}}", unit="s", steps=rising(critical=BACKUP_AGE), empty="No backup known",
    )  # fmt: skip


def _newest() -> table.Panel:
    def newest(name: str, *matchers: str) -> str:
        return f"max by ({_KIND}) ({q.raw(name, *q.OF_WORKLOAD, *matchers)})"

    return rows(
        "Newest jobs",
        "One row a workload and job type, worst first. If the state is red: open the job in AvePoint; it turns green "
        "with the next job that ends well.",
        [
            ("A", q.named(_state(_KIND))),
            ("B", f"1000 * {newest('avepoint_last_job_start_timestamp_seconds')}"),
            ("C", newest("avepoint_last_job_duration_seconds")),
            ("D", f"1000 * {newest('avepoint_last_success_timestamp_seconds')}"),
            ("E", newest("avepoint_last_job_objects", 'result="successful"')),
            ("F", newest("avepoint_last_job_objects", 'result="failed"')),
        ],
        [
            Column("name", "Customer or tenant"),
            Column("workload", "Workload", width=200),
            Column("job_type", "Job type", width=110),
            Column("A", "State", width=160, meanings=NUMBERED_STATES, cell=FILLED, align="center"),
            Column("B", "Started", width=150, unit="dateTimeFromNow"),
            Column("C", "Took", width=110, unit="s"),
            Column("D", "Last success", width=150, unit="dateTimeFromNow"),
            Column("E", "Objects done", width=130, unit="locale"),
            Column("F", "Objects failed", width=130, unit="locale"),
        ],
        sort="State",
        empty="No jobs known",
    )


def _by_state() -> timeseries.Panel:
    jobs = q.raw("avepoint_jobs", q.ACCOUNT, q.WORKLOAD)
    panel = lines(
        "Jobs within the window, by state",
        "Jobs that started within avepoint_jobs_window_seconds. If red grows: see which workload it is in the timeline "
        "above; if all goes down: nothing is started any more.",
        [(f"sum by (state) (max by (job, account, workload, job_type, state) ({jobs}))", "{{state}}")],
        unit="short", empty="No jobs known", stacked=True,
    )  # fmt: skip
    return renamed(panel, STATES).decimals(0)


def _durations() -> timeseries.Panel:
    took = q.raw("avepoint_last_job_duration_seconds", *q.OF_WORKLOAD, 'job_type="backup"')
    return lines(
        "How long backups take",
        "Duration of the newest ended backup job, of the slowest tenant. If it nears the time between two backups: "
        "backups begin to overlap; split the scope or move the schedule.",
        [(f"max by (workload) ({took})", "{{workload}}")],
        unit="s", empty="No ended backup known",
    )  # fmt: skip


def _objects() -> timeseries.Panel:
    objects = q.raw("avepoint_last_job_objects", *q.OF_WORKLOAD, 'result=~"failed|warning"')
    return lines(
        "Objects that failed or warned",
        "Of the newest ended jobs, by workload. If it does not go back to nothing: the job's report in AvePoint names "
        "the objects.",
        [(f"sum by (workload) (max by ({_KIND}, result) ({objects}))", "{{workload}}")],
        unit="short", empty="No ended job known",
    ).decimals(0)  # fmt: skip


def _running() -> timeseries.Panel:
    running = q.workload_level("job_type:avepoint_running_job_age_seconds:max")
    return lines(
        "Jobs that run for more than an hour",
        "Age of the oldest running job by account, workload and job type. If it crosses the line: AvePointJobStuck "
        "fires; ask AvePoint's support to look at the job.",
        [(f"max by ({_WHAT}) ({running}) > {_HOUR}", "{{account}} {{workload}} {{job_type}}")],
        unit="s", empty="No job ran for more than an hour", steps=rising(critical=RUNNING),
    )  # fmt: skip
