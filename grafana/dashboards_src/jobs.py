"""Jobs: what runs, what failed, since when."""

from typing import Final

from grafana_foundation_sdk.builders import bargauge, statetimeline, timeseries
from grafana_foundation_sdk.models.common import GraphDrawStyle
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import variables
from grafana.dashboards_src.layout import Line, frame, place
from grafana.dashboards_src.newest_jobs import KIND, newest_jobs, state
from grafana.dashboards_src.panels import bars, lines, number, renamed, states
from grafana.dashboards_src.schedule import late, schedule
from grafana.dashboards_src.thresholds import falling, plain, rising, threshold
from grafana.dashboards_src.vocabulary import NOTHING, NUMBERED_STATES, STATES, UNKNOWN

BACKUP_AGE: Final = threshold("backup_age_seconds:threshold")
RUNNING: Final = threshold("job_running_seconds:threshold")
SUCCESS: Final = threshold("backup_success_ratio:threshold")
_BACKUP: Final = 'job_type="backup"'
_GOOD: Final = 'state="finished"'
_FAILED: Final = 'state=~"failed|failed_to_start"'
_INCOMPLETE: Final = 'state=~"finished_with_exception|partially_finished"'
_HOUR: Final = 3600
_FEW_STEPS: Final = 24
# Over time, and of counters, tenants alone are read: the jobs of thousands of customers are too many series.
_TENANTS_KIND: Final = "job, account, workload, job_type, geo_location"
_OF_TENANTS: Final = (q.ACCOUNT, q.WORKLOAD, q.OF_TENANTS)
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
        (12, [(24, newest_jobs("Newest jobs"))]),
        (9, [(12, _by_state()), (12, _success())]),
        (12, [(24, schedule())]),
        (10, [(12, _durations()), (12, _running())]),
        (10, [(12, _objects()), (12, _errors())]),
    )


def _facts() -> Line:
    trouble = "job_type:avepoint_last_job_trouble:last"
    running = q.workload_level("job_type:avepoint_running_job_age_seconds:max")
    jobs = q.raw("avepoint_jobs", q.ACCOUNT, q.WORKLOAD)
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
        late(),
        number(
            "Errors",
            "Errors that the newest ended jobs of tenants report. If there are many: see below which workload reports "
            "them, then the job's report in AvePoint.",
            f"sum(max by ({KIND}, has_code) ({_job_errors()}))",
            unit="locale", steps=plain(), empty="No jobs known",
        ),
        number(
            "Jobs in the window",
            "Jobs that started within avepoint_jobs_window_seconds, a day by default. If there are none: the schedule "
            "is off.",
            f"sum(max by ({by}) ({jobs}))",
            unit="short", steps=plain(), empty="No jobs known",
        ),
        number(
            "Ended well",
            "Share of the backups of tenants that ended within the time range without a failure or an exception. If "
            "orange: look for one cause; the alerts judge each job.",
            f"sum(increase({_ended(_BACKUP, _GOOD)}[$__range]))"
            f" / (sum(increase({_ended(_BACKUP)}[$__range])) > 0)",
            unit="percentunit", steps=falling(warning=SUCCESS), empty="None ended", decimals=1,
        ),
    )  # fmt: skip
    return 4, [(3, panel) for panel in facts]


def _timeline() -> statetimeline.Panel:
    return states(
        "Newest backup by workload",
        "State of tenants' newest backup job; of several tenants, the worst. If red: the table below says whose and "
        "since when.",
        state("workload", _BACKUP, q.OF_TENANTS),
        legend="{{workload}}", meanings=NUMBERED_STATES, empty="No backup jobs known",
    )  # fmt: skip


def _backup_age() -> bargauge.Panel:
    return bars(
        "Time since the last successful backup",
        "Of the tenant that waits longest. If red: AvePointBackupTooOld fires; its runbook says what to look at.",
        f"sort_desc(max by (workload) ({q.backup_age()}))",
        legend="{{workload}}", unit="s", steps=rising(critical=BACKUP_AGE), empty="No backup known",
    )  # fmt: skip


def _ended(*matchers: str) -> str:
    return q.raw("avepoint_jobs_completed_total", *_OF_TENANTS, *matchers)


def _increase(counter: str) -> str:
    return f"sum by (account) (increase({counter}[$__rate_interval]))"


def _by_state() -> timeseries.Panel:
    panel = lines(
        "Jobs that ended, by state",
        "Jobs of tenants that ended within each step of the graph, each counted once. If red grows: see which workload "
        "it is in the timeline above; if there are none: nothing is started any more.",
        [(f"sum by (state) (increase({_ended()}[$__rate_interval])) > 0", "{{state}}")],
        unit="short", empty="No job ended yet", stacked=True,
    )  # fmt: skip
    bars = panel.draw_style(GraphDrawStyle.BARS).fill_opacity(70).max_data_points(_FEW_STEPS)
    return renamed(bars, STATES).decimals(0)


def _success() -> timeseries.Panel:
    good = _ended(_BACKUP, _GOOD)
    return lines(
        "Backups that ended well",
        "Share of the backups of each tenant that ended without a failure or an exception, within each step of the "
        "graph. If it stays below the line: look for one cause in the tables.",
        [(f"{_increase(good)} / ({_increase(_ended(_BACKUP))} > 0)", "{{account}}")],
        unit="percentunit", empty="No backup ended yet", steps=falling(warning=SUCCESS), calcs=["mean", "lastNotNull"],
    ).max_data_points(_FEW_STEPS).max(1).decimals(0)  # fmt: skip


def _errors() -> timeseries.Panel:
    return lines(
        "Errors that jobs report",
        "Errors that the newest ended jobs report, by workload. If it does not go back to nothing: the job's report in "
        "AvePoint says what they are; for those with a code AvePoint has a page.",
        [(f"sum by (workload) (max by ({KIND}, has_code) ({_job_errors()})) > 0", "{{workload}}")],
        unit="short", empty="No job reports an error",
    ).decimals(0)  # fmt: skip


def _job_errors() -> str:
    return q.raw("avepoint_last_job_errors", q.ACCOUNT, q.WORKLOAD)


def _durations() -> timeseries.Panel:
    took = q.raw("avepoint_last_job_duration_seconds", *_OF_TENANTS, _BACKUP)
    return lines(
        "How long backups take",
        "Duration of the newest ended backup job, of the slowest tenant. If it nears the time between two backups: "
        "backups begin to overlap; split the scope or move the schedule.",
        [(f"max by (workload) ({took})", "{{workload}}")],
        unit="s", empty="No ended backup known",
    )  # fmt: skip


def _objects() -> timeseries.Panel:
    objects = q.raw("avepoint_last_job_objects", *_OF_TENANTS, 'result=~"failed|warning"')
    return lines(
        "Objects that failed or warned",
        "Of tenants' newest ended jobs, by workload. If it does not go back to nothing: the job's report in AvePoint "
        "names the objects.",
        [(f"sum by (workload) (max by ({_TENANTS_KIND}, result) ({objects}))", "{{workload}}")],
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
