"""Customers: the portfolio at a glance, and one customer once it is chosen."""

from typing import Final

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import variables
from grafana.dashboards_src.layout import Line, frame, place
from grafana.dashboards_src.newest_jobs import newest_jobs
from grafana.dashboards_src.panels import lines, number
from grafana.dashboards_src.problems import what_is_wrong
from grafana.dashboards_src.subscriptions import LEFT, subscriptions
from grafana.dashboards_src.tables import COLORED, FILLED, GAUGE, Column, rows
from grafana.dashboards_src.thresholds import falling, plain, rising, threshold
from grafana.dashboards_src.vocabulary import (
    ALL_WELL,
    CUSTOMER_STATUSES,
    NO_CUSTOMERS,
    NOTHING,
    READABLE,
    STATES,
    TO_CUSTOMER,
    UNKNOWN,
)

PROTECTED: Final = 1 - threshold("unprotected_objects_ratio:threshold")
UNPROTECTED: Final = threshold("unprotected_objects_ratio:threshold")
BACKUP_AGE: Final = threshold("backup_age_seconds:threshold")
_FEW_POINTS: Final = 50  # thousands of customers are summed at each


def build() -> Dashboard:
    """Build it."""
    board = frame(
        uid="avepoint-customers",
        title="AvePoint / Customers",
        description="The portfolio, one row a customer or tenant; choose one for its workloads and its history.",
        names=variables.NAMES,
        since="now-24h",
    )
    return place(
        board,
        _facts(),
        (13, [(24, _portfolio())]),
        "The chosen customers",
        (11, [(24, what_is_wrong(of=q.OF_CUSTOMER))]),
        (12, [(24, _workloads())]),
        (12, [(24, newest_jobs("Newest jobs"))]),
        (9, [(24, subscriptions("Subscriptions"))]),
        (8, [(12, _coverage_over_time()), (12, _data_over_time())]),
    )


def _facts() -> Line:
    problems = q.customer_level("customer:avepoint_problems:count")
    unreadable = q.customer_level("customer:avepoint_customer_up:min")
    facts = (
        number(
            "Need attention",
            "Customers and tenants with at least one problem. If red: they stand at the top of the table; click one.",
            q.or_zero(f"count(count by (job, account, customer_id) ({problems}))"),
            unit="short", steps=rising(critical=1), meanings=ALL_WELL, empty="Not known",
        ),
        number(
            "Customers and tenants",
            "How many are watched. If it falls without a reason: see whether a customer took back its consent.",
            f"count({q.scoped(q.everyone())})",
            unit="short", steps=plain(), empty=UNKNOWN,
        ),
        number(
            "Objects protected",
            "Share of the scanned objects that have a backup. If red: sort the table by unprotected objects.",
            q.customer_ratio("customer:avepoint_protected_objects:sum", "customer:avepoint_scanned_objects:sum"),
            unit="percentunit", steps=falling(critical=PROTECTED), empty="No customers", decimals=1,
        ),
        number(
            "Unprotected objects",
            "Scanned objects without a backup: mailboxes, sites, teams and the like. If it grows: widen the "
            "backup scope, or exclude them from the scan.",
            f"sum({q.customer_sum('customer:avepoint_unprotected_objects:sum')})",
            unit="locale", steps=plain(), empty="No customers",
        ),
        number(
            "Protected data",
            "Size of the backed-up data, in AvePoint's storage and in the customers' own. It never needs action here; "
            "the Licence and storage dashboard sets it against what was bought.",
            f"sum({q.customer_sum('customer:avepoint_protected_data_bytes:sum')})",
            unit="bytes", steps=plain(), empty="No customers",
        ),
        number(
            "Unreadable customers",
            "Customers that the exporter cannot read while it reads others. If red: look at the app's consent for "
            "them; what is shown of them is old.",
            q.or_zero(f"count(count by (job, account, customer_id) ({unreadable} == 0))"),
            unit="short", steps=rising(critical=1), meanings=NOTHING, empty=UNKNOWN,
        ),
    )  # fmt: skip
    return 4, [(4, panel) for panel in facts]


def _portfolio() -> table.Panel:
    by = "job, account, customer_id"
    status = q.raw("avepoint_customer_status", q.ACCOUNT, q.CUSTOMER)
    scan = q.raw("avepoint_customer_scan_status", q.ACCOUNT, q.CUSTOMER)
    read = q.customer_level("customer:avepoint_customer_up:min")
    return rows(
        "Portfolio",
        "One row a customer or tenant, worst first. Health counts the problems that the alerts know. If it is red: "
        "click the name, then see below which problems they are. A dash: does not apply, is not known, or none.",
        [
            ("A", q.named(q.problems_by_customer())),
            ("B", f"max by ({by}, status) ({status})"),
            ("C", f"1 - {q.by_customer(q.customer_level('customer:avepoint_unprotected_objects:ratio'))}"),
            ("D", q.by_customer(q.customer_level("customer:avepoint_unprotected_objects:sum"))),
            ("E", q.by_customer(q.customer_level("customer:avepoint_protected_data_bytes:sum"))),
            ("F", q.by_customer(q.customer_level("customer:avepoint_backup_age_seconds:max"))),
            ("G", f"min by ({by}) ({read})"),
            ("H", q.by_customer(q.customer_level("customer:avepoint_failed_jobs:count"))),
            ("I", q.by_customer(q.customer_level("customer:avepoint_subscription_left_seconds:min"))),
            ("J", f'max by ({by}, scan) (label_replace({scan}, "scan", "$1", "status", "(.+)"))'),
        ],
        [
            Column("name", "Customer or tenant", link=TO_CUSTOMER),
            Column("account", "Account", width=100),
            Column(
                "A", "Health", width=110, steps=rising(critical=1), cell=FILLED, unit="suffix: to solve",
                meanings={"0": ("Well", "green")}, align="center",
            ),
            Column("status", "AvePoint says", width=130, meanings=CUSTOMER_STATUSES, cell=COLORED),
            Column("scan", "Scan", width=110, meanings=STATES, cell=COLORED),
            Column("F", "Oldest backup", width=125, unit="s", steps=rising(critical=BACKUP_AGE), cell=COLORED),
            Column("H", "Failed jobs", width=105, unit="locale", steps=rising(critical=1), cell=COLORED),
            Column(
                "C", "Objects protected", width=170, unit="percentunit", steps=falling(critical=PROTECTED), cell=GAUGE,
                least=0, most=1, decimals=1,
            ),
            Column("D", "Unprotected", width=115, unit="locale"),
            Column("E", "Protected data", width=125, unit="bytes"),
            Column("I", "Ends in", width=105, unit="s", steps=LEFT, cell=COLORED, decimals=1),
            Column("G", "Readable", width=90, meanings=READABLE, cell=COLORED, align="center"),
            Column("customer_id"),
        ],
        sort="Health",
        empty="No customer or tenant is known yet",
    )  # fmt: skip


def _workloads() -> table.Panel:
    scanned = q.workload_sum("workload:avepoint_scanned_objects:sum")
    unprotected = q.workload_sum("workload:avepoint_unprotected_objects:sum")
    ratio = q.recorded("workload:avepoint_unprotected_objects:ratio", *q.OF_WORKLOAD)
    bad = q.scoped(f"count by (job, account, workload) ({ratio} > {UNPROTECTED:g})")
    return rows(
        "Coverage by workload",
        "Objects of the chosen customers by workload. If a bar is red: choose the workload above and see the table for "
        "whose objects are without a backup.",
        [
            ("A", f"sum by (workload) ({scanned})"),
            ("C", f"sum by (workload) ({unprotected})"),
            ("D", f"1 - sum by (workload) ({unprotected}) / (sum by (workload) ({scanned}) > 0)"),
            ("E", f"sum by (workload) ({bad})"),
        ],
        [
            Column("workload", "Workload"),
            Column("A", "Scanned", width=100, unit="locale"),
            Column("C", "Unprotected", width=120, unit="locale"),
            Column(
                "D", "Objects protected", width=180, unit="percentunit", steps=falling(critical=PROTECTED), cell=GAUGE,
                least=0, most=1, decimals=1,
            ),
            Column("E", "Customers in red", width=155, steps=rising(critical=1), cell=COLORED),
        ],
        sort="Unprotected",
        empty=NO_CUSTOMERS,
    )  # fmt: skip


def _coverage_over_time() -> timeseries.Panel:
    share = q.customer_ratio("customer:avepoint_protected_objects:sum", "customer:avepoint_scanned_objects:sum")
    return lines(
        "Objects protected over time",
        "Share of the scanned objects of the chosen customers that have a backup. If it falls below the line: new "
        "objects are not picked up by the backup scope.",
        [(share, "Objects protected")],
        unit="percentunit", empty=NO_CUSTOMERS, steps=rising(critical=PROTECTED), least=None,
    ).max_data_points(_FEW_POINTS).axis_soft_max(1).axis_soft_min(0.8)  # fmt: skip


def _data_over_time() -> timeseries.Panel:
    data = q.customer_sum("customer:avepoint_protected_data_bytes:sum")
    return lines(
        "Protected data over time",
        "Size of the backed-up data of the chosen customers by account. A sudden fall deserves a look: who deleted "
        "what.",
        [(f"sum by (account) ({data})", "{{account}}")],
        unit="bytes", empty=NO_CUSTOMERS,
    ).max_data_points(_FEW_POINTS)  # fmt: skip
