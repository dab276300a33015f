"""Overview: is everybody's backup well, and if not, whose."""

from typing import Final

from grafana_foundation_sdk.builders import bargauge, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import variables
from grafana.dashboards_src.layout import Line, frame, place
from grafana.dashboards_src.panels import bars, lines, number, on_its_own, renamed
from grafana.dashboards_src.problems import what_is_wrong
from grafana.dashboards_src.protection import ransomware
from grafana.dashboards_src.schedule import late
from grafana.dashboards_src.subscriptions import ending
from grafana.dashboards_src.tables import FILLED, GAUGE, Column, rows
from grafana.dashboards_src.thresholds import falling, rising, threshold
from grafana.dashboards_src.vocabulary import (
    ALL_WELL,
    NO_JOBS,
    NO_LICENCE,
    NO_RULES,
    NOTHING,
    OVER,
    POLICY,
    PROBLEMS,
    STATES,
    TO_JOBS,
    UNKNOWN,
)

BACKUP_AGE: Final = threshold("backup_age_seconds:threshold")
PROTECTED: Final = 1 - threshold("unprotected_objects_ratio:threshold")
STORAGE: Final = threshold("license_storage_ratio:threshold")


def build() -> Dashboard:
    """Build it."""
    board = frame(
        uid="avepoint-overview",
        title="AvePoint / Overview",
        description="Is every customer's and tenant's backup well, and if not, whose.",
        names=variables.NAMES,
        since="now-24h",
    )
    return place(
        board,
        _facts(),
        (9, [(14, what_is_wrong()), (10, _problems_over_time())]),
        (10, [(8, _backup_age()), (8, _coverage()), (8, _licences())]),
        (8, [(12, _jobs()), (12, _protected_data())]),
    )


def _facts() -> Line:
    in_trouble = q.customer_level("customer:avepoint_problems:count")
    attention = number(
        "Need attention",
        "Customers and tenants with at least one problem. If red: the table below names them; click one.",
        q.or_zero(f"count(count by (job, account, customer_id) ({in_trouble}))"),
        unit="short", steps=rising(critical=1), meanings=ALL_WELL, empty="Not known",
    )  # fmt: skip
    failing = q.workload_level("job_type:avepoint_last_job_trouble:last", 'state=~"failed|failed_to_start"')
    jobs = number(
        "Failing jobs",
        "Workloads and job types whose newest ended job failed. If red: AvePointJobFailed fires; open the Jobs "
        "dashboard, then the job in AvePoint.",
        q.or_zero(f"count({failing})"),
        unit="short", steps=rising(critical=1), meanings=NOTHING, empty="Not known",
    )  # fmt: skip
    covered = number(
        "Objects protected",
        "Share of the scanned objects that have a backup. If red: more than the alert allows are without; open the "
        "Customers dashboard and sort by unprotected objects.",
        q.customer_ratio("customer:avepoint_protected_objects:sum", "customer:avepoint_scanned_objects:sum"),
        unit="percentunit", steps=falling(critical=PROTECTED), empty="No customers", decimals=1,
    )  # fmt: skip
    licences = number(
        "Licences in trouble",
        "Accounts out of policy, with more seats in use than bought, or with storage nearly full. If red: the table of "
        "licences below says which; the Licence and storage dashboard says how long the storage lasts.",
        f"count({_licences_in_trouble()}) or 0 * count({q.raw('avepoint_license_out_of_policy', q.ACCOUNT)})",
        unit="short", steps=rising(critical=1), meanings=NOTHING, empty="No licence known",
    )  # fmt: skip
    unreadable = number(
        "Unreadable",
        "Accounts that the exporter cannot read now: what is shown of them is old. If red: open the Exporter "
        "dashboard; often a secret has expired.",
        q.or_zero(f"count(count by (job, account) ({q.account_level('account:avepoint_up:min')} == 0))"),
        unit="short", steps=rising(critical=1), meanings=NOTHING, empty=UNKNOWN,
    )  # fmt: skip
    facts = (attention, late(), jobs, ransomware(), covered, licences, ending(), unreadable)
    return 4, [(3, panel) for panel in facts]


def _licences_in_trouble() -> str:
    policy = q.raw("avepoint_license_out_of_policy", q.ACCOUNT)
    seats = q.by_account(q.account_level("account:avepoint_license_seats:ratio"))
    storage = q.by_account(q.account_level("account:avepoint_license_storage:ratio"))
    return f"max by (job, account) ({policy}) == 1 or {seats} > 1 or {storage} > {STORAGE:g}"


def _problems_over_time() -> timeseries.Panel:
    problems = q.customer_level("customer:avepoint_problems:count")
    everything = f"count(count by (job, account, customer_id) ({problems}))"
    panel = lines(
        "Problems by kind",
        "Customers and tenants that have each kind of problem; one may have several. If it steps up at once: look for "
        "one cause, at the Exporter dashboard first, then at AvePoint's service status.",
        [(f"count by (problem) ({problems})", "{{problem}}"), (q.or_zero(everything), "Any problem")],
        unit="short",
        empty=NO_RULES,
        stacked=True,
    )
    panel.override_by_name("Any problem", on_its_own("text"))
    return renamed(panel, PROBLEMS).decimals(0)


def _backup_age() -> bargauge.Panel:
    return bars(
        "Oldest last backup by workload",
        "Age of the last successful backup, of the tenant that waits longest. If red: AvePointBackupTooOld fires; open "
        "the Jobs dashboard.",
        f"sort_desc(max by (workload) ({q.backup_age()}))",
        legend="{{workload}}", unit="s", steps=rising(critical=BACKUP_AGE), empty="No backup jobs known",
    )  # fmt: skip


def _coverage() -> bargauge.Panel:
    protected = q.workload_sum("workload:avepoint_protected_objects:sum")
    scanned = q.workload_sum("workload:avepoint_scanned_objects:sum")
    return bars(
        "Objects protected by workload",
        "Share of the scanned objects of all customers that have a backup. If red: AvePointObjectsUnprotected fires "
        "after two days; the Customers dashboard says whose.",
        f"sort(sum by (workload) ({protected}) / (sum by (workload) ({scanned}) > 0))",
        legend="{{workload}}", unit="percentunit", steps=falling(critical=PROTECTED), empty="No scanned objects known",
        most=1,
    )  # fmt: skip


def _licences() -> table.Panel:
    return rows(
        "Licences",
        "Seats and storage in use, of what was bought. If red: buy more or free some; out of policy, AvePoint may stop "
        "backing up.",
        [
            ("A", q.by_account(q.account_level("account:avepoint_license_seats:ratio"))),
            ("B", q.by_account(q.account_level("account:avepoint_license_storage:ratio"))),
            ("C", f"max by (job, account) ({q.raw('avepoint_license_out_of_policy', q.ACCOUNT)})"),
        ],
        [
            Column("account", "Account", link=TO_JOBS),
            Column(
                "A", "Seats", width=135, unit="percentunit", steps=rising(critical=OVER), cell=GAUGE, least=0, most=1,
                decimals=0,
            ),
            Column(
                "B", "Storage", width=135, unit="percentunit", steps=rising(warning=STORAGE, critical=OVER), cell=GAUGE,
                least=0, most=1, decimals=0,
            ),
            Column("C", "Policy", width=65, meanings=POLICY, cell=FILLED, align="center"),
        ],
        sort="Storage",
        empty=NO_LICENCE,
    )  # fmt: skip


def _jobs() -> timeseries.Panel:
    panel = lines(
        "Jobs within the window, by state",
        "Jobs that started within avepoint_jobs_window_seconds, a day by default. If red grows: open the Jobs "
        "dashboard; if all goes down: nothing is started any more.",
        [(f"sum by (state) ({q.account_level('account:avepoint_jobs:sum')})", "{{state}}")],
        unit="short", empty=NO_JOBS, stacked=True,
    )  # fmt: skip
    return renamed(panel, STATES).decimals(0)


def _protected_data() -> timeseries.Panel:
    return lines(
        "Protected data",
        "Size of the backed-up data by account. A sudden fall deserves a look: who deleted what.",
        [
            (f"sum by (account) ({q.account_level('account:avepoint_protected_data_bytes:sum')})", "{{account}}"),
            (f"sum by (account) ({q.account_level('account:avepoint_license_protected_bytes:max')})", "{{account}}"),
        ],
        unit="bytes", empty=NO_RULES,
    )  # fmt: skip
