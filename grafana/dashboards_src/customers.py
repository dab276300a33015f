"""The Customers dashboard: all customers by severity, and the problems, backups and history of the chosen customers."""

from typing import Final

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import variables, verdict
from grafana.dashboards_src.backups import backups
from grafana.dashboards_src.facts import critical, fact, watched
from grafana.dashboards_src.layout import Line, frame, place
from grafana.dashboards_src.panels import lines, renamed
from grafana.dashboards_src.problems import MOST, severity_words, what_is_wrong
from grafana.dashboards_src.tables import COLORED, FILLED, GAUGE, Column, rows
from grafana.dashboards_src.thresholds import plain
from grafana.dashboards_src.vocabulary import CUSTOMER_STATUSES, NO_RULES, SEVERITIES, TO_CUSTOMER

_FEW_POINTS: Final = 24
"""Maximum number of points in a graph. Each point is expensive, because it reads series of thousands of customers."""


def build() -> Dashboard:
    """Build it."""
    board = frame(
        uid="avepoint-customers",
        title="AvePoint / Customers",
        description="All customers and tenants. Choose a customer to see its problems, backups and history.",
        names=variables.NAMES,
        since="now-24h",
    )
    return place(
        board,
        _facts(),
        (13, [(24, _portfolio())]),
        "The chosen customers",
        (10, [(24, what_is_wrong(of=q.OF_WORKLOAD))]),
        (12, [(24, backups())]),
        (8, [(8, _problems_over_time()), (8, _success_over_time()), (8, _data_over_time())]),
    )


def _facts() -> Line:
    titles = ("Overdue", "Failed job", "Unprotected", "Scan failed", "No consent", "Running out")
    of = q.OF_CUSTOMER
    facts = (watched(of=of), critical("Critical", of=of), *(fact(title, of=of) for title in titles))
    return 4, [(3, panel) for panel in facts]


def _portfolio() -> table.Panel:
    by = verdict.CUSTOMER
    worst = f"topk({MOST}, {verdict.health()})"
    problems = q.recorded("avepoint:problem:named", *q.OF_CUSTOMER)
    start = q.raw("avepoint_problem_start_timestamp_seconds", *q.OF_CUSTOMER)
    status = q.raw("avepoint_customer_status", *q.OF_CUSTOMER)
    users = q.raw("avepoint_users", *q.OF_CUSTOMER, 'state="unprotected"')

    def shown(expr: str) -> str:
        return f"{expr} and on ({by}) {worst}"

    def most(kind: str) -> str:
        return f"max by ({by}) ({shown(_objects(kind))})"

    return rows(
        "Portfolio",
        f"One row per customer or tenant, at most {MOST} rows. The rows are sorted by the severity and then by the age "
        "of the worst problem. If a row is colored, click the name to see the problems below. A dash means that a "
        "value is unknown or does not apply.",
        [
            ("A", q.named(f"max by ({by}) ({worst})")),
            ("B", f"count by ({by}) ({shown(problems)})"),
            ("C", f"1000 * min by ({by}) ({shown(start)})"),
            ("D", f"max by ({by}, status) ({shown(status)})"),
            ("E", f"{most('protected')} / ({most('scanned')} > 0)"),
            ("F", most("scanned")),
            ("G", f"sum by ({by}) (max by ({by}, tenant_id, workload) ({shown(users)}))"),
            ("H", f"({_data()}) and on ({by}) {worst}"),
        ],
        [
            Column("A", "Health", width=110, mappings=severity_words("Well"), cell=FILLED, align="center"),
            Column("name", "Customer or tenant", link=TO_CUSTOMER),
            Column("account", "Account", width=110),
            Column("B", "Problems", width=95, unit="locale"),
            Column("C", "Since", width=130, unit="dateTimeFromNow"),
            Column("status", "AvePoint says", width=140, meanings=CUSTOMER_STATUSES, cell=COLORED),
            Column(
                "E", "Objects protected", width=170, unit="percentunit", steps=plain(), cell=GAUGE, least=0, most=1,
                decimals=1,
            ),
            Column("F", "Of objects", width=100, unit="locale"),
            Column("G", "Users without backup", width=165, unit="locale"),
            Column("H", "Protected data", width=125, unit="bytes"),
            Column("customer_id"),
        ],
        sort="Health",
        empty=NO_RULES,
    )  # fmt: skip


def _objects(kind: str) -> str:
    return q.raw(f"avepoint_customer_{kind}_objects", *q.OF_CUSTOMER)


def _data() -> str:
    """Return the size of the protected data of each customer and tenant."""
    by = verdict.CUSTOMER
    customers = q.raw("avepoint_customer_protected_data_bytes", *q.OF_CUSTOMER)
    tenants = q.raw("avepoint_license_protected_bytes", q.ACCOUNT)
    return f"sum by ({by}) (max by ({by}, storage) ({customers})) or max by (job, account) ({tenants})"


def _problems_over_time() -> timeseries.Panel:
    held = q.customer_level("avepoint:problem:held")
    panel = lines(
        "Problems over time",
        "Number of problems of the chosen customers, by severity. If a line rises suddenly, look for a common cause.",
        [(f"count by (severity) ({held})", "{{severity}}")],
        unit="locale",
        empty="No problem",
    )
    return renamed(panel, SEVERITIES).decimals(0).max_data_points(_FEW_POINTS)


def _success_over_time() -> timeseries.Panel:
    def completed(*matchers: str) -> str:
        counts = q.recorded("customer:avepoint_backups_completed:max", *q.OF_CUSTOMER, *matchers)
        since = f"({counts} offset 1d or 0 * {counts})"
        return q.scoped(f"sum by (job, account) (({counts} - {since}) >= 0)")

    good, total = completed('result="success"'), completed()
    return lines(
        "Successful backups within a day",
        "Share of the chosen customers' backups that succeeded in the 24 hours before each point. If the "
        "share falls, the table of backups shows the overdue backups.",
        [(f"sum by (account) ({good}) / (sum by (account) ({total}) > 0)", "{{account}}")],
        unit="percentunit", empty="No backup completed yet",
    ).max(1).decimals(1).max_data_points(_FEW_POINTS)  # fmt: skip


def _data_over_time() -> timeseries.Panel:
    return lines(
        "Protected data over time",
        "Size of the chosen customers' protected data, per account. If the size falls suddenly, check who deleted "
        "data.",
        [(f"sum by (account) ({_data()})", "{{account}}")],
        unit="bytes", empty="The size is unknown",
    ).max_data_points(_FEW_POINTS)  # fmt: skip
