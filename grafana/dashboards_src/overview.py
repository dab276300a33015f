"""The Overview dashboard: all customers, and customers with problems per severity."""

from typing import Final

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import verdict
from grafana.dashboards_src.facts import critical, fact, not_judged, unreadable
from grafana.dashboards_src.history import protected_data, success
from grafana.dashboards_src.layout import Line, frame, place
from grafana.dashboards_src.panels import ALL_CUSTOMERS, lines, renamed, with_all_customers
from grafana.dashboards_src.problems import severity_words, what_is_wrong
from grafana.dashboards_src.tables import COLORED, Column, rows
from grafana.dashboards_src.thresholds import rising
from grafana.dashboards_src.vocabulary import NO_RULES, OF_SEVERITY, PROBLEMS, SEVERITIES, TO_ACCOUNT
from grafana.dashboards_src.workloads import workloads

_FEW_POINTS: Final = 100
_WRONG: Final = 'verdict="wrong"'


def build() -> Dashboard:
    """Build it."""
    board = frame(
        uid="avepoint-overview",
        title="AvePoint / Overview",
        description=(
            "The customers and tenants with problems, the severity of the problems, and the number of all customers."
        ),
        names=("job", "instance", "account"),
        since="now-24h",
    )
    return place(
        board,
        _facts(),
        (11, [(24, what_is_wrong())]),
        (10, [(10, _checks()), (14, _over_time())]),
        (10, [(15, workloads()), (9, success())]),
        (8, [(15, _accounts()), (9, protected_data())]),
    )


def _facts() -> Line:
    titles = ("Overdue", "Unprotected", "Running out", "Attack signs")
    others = [(3, panel) for panel in (*map(fact, titles), not_judged(), unreadable())]
    return 4, [(6, critical("Customers with a critical problem")), *others]


def _checks() -> table.Panel:
    ranked = " or ".join(
        f"{rank * verdict.UNIT:.0f} + ({_wrong(verdict.any_of(OF_SEVERITY[severity]))})"
        for severity, rank in verdict.RANKS.items()
    )
    return rows(
        "All problems",
        "One row per problem that the exporter can detect. The columns show how many customers have the "
        "problem, how many have an unknown verdict, and how many are checked. If a number is colored, the table above "
        "shows the customers.",
        [
            ("A", ranked),
            ("B", _wrong()),
            ("C", verdict.verdicts("problem", 'verdict="unknown"')),
            ("D", verdict.verdicts("problem")),
        ],
        [
            Column("A", "Severity", width=90, mappings=severity_words()),
            Column("problem", "Problem", meanings=PROBLEMS),
            Column("B", "Customers", width=90, unit="locale", steps=rising(warning=1), cell=COLORED),
            Column("C", "Unknown", width=90, unit="locale"),
            Column("D", "Of", width=80, unit="locale"),
        ],
        sort="Severity",
        empty=NO_RULES,
    )


def _wrong(*matchers: str) -> str:
    affected = q.account_level("account:avepoint_problem_customers:count", *matchers)
    return f"sum by (problem) ({affected}) or {verdict.verdicts('problem', _WRONG, *matchers)}"


def _over_time() -> timeseries.Panel:
    held = q.account_level("avepoint:problem:held")
    by_severity = f"count by (severity) (group by ({verdict.CUSTOMER}, severity) ({held}))"
    panel = lines(
        "Customers with problems",
        "One line per severity shows the number of customers with such a problem. Another line shows the number of all "
        "customers. If a line rises suddenly, look for a common cause. Check the Exporter dashboard and AvePoint's "
        "service status.",
        [(by_severity, "{{severity}}"), (verdict.customers(), ALL_CUSTOMERS)],
        unit="locale",
        empty=NO_RULES,
    )
    return renamed(with_all_customers(panel), SEVERITIES).decimals(0).max_data_points(_FEW_POINTS)


def _accounts() -> table.Panel:
    by = "job, account"

    def affected(severity: str) -> str:
        problems = verdict.problems(severity)
        return f"count by ({by}) (group by ({verdict.CUSTOMER}) ({problems})) or {_zero()}"

    not_judged = verdict.verdicts(by, 'problem="backup_overdue"', 'verdict="unknown"')
    return rows(
        "Accounts",
        "One row per account of the exporter. If a number is colored, click the account to see its customers.",
        [
            ("A", q.by_account(q.account_level("account:avepoint_customers:count"))),
            ("B", affected(verdict.CRITICAL)),
            ("C", affected(verdict.WARNING)),
            ("D", not_judged),
            ("E", f"1000 * (time() - {q.by_account(q.account_level('account:avepoint_data_age_seconds:max'))})"),
        ],
        [
            Column("account", "Account", link=TO_ACCOUNT),
            Column("A", "Customers", width=100, unit="locale"),
            Column("B", "Critical", width=100, unit="locale", steps=rising(critical=1), cell=COLORED),
            Column("C", "Warning", width=100, unit="locale", steps=rising(warning=1), cell=COLORED),
            Column("D", "Not judged", width=110, unit="locale", steps=rising(warning=1), cell=COLORED),
            Column("E", "Oldest data", width=150, unit="dateTimeFromNow"),
        ],
        sort="Critical",
        empty=NO_RULES,
    )


def _zero() -> str:
    return f"0 * {q.by_account(q.account_level('account:avepoint_customers:count'))}"
