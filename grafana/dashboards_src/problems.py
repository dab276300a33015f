"""What is wrong with whom: the same table on the overview and beside one customer."""

from grafana_foundation_sdk.builders import table

from grafana.dashboards_src import queries as q
from grafana.dashboards_src.tables import COLORED, Column, rows
from grafana.dashboards_src.vocabulary import ALL_WELL, NO_RULES, PROBLEMS, TO_CUSTOMER


def what_is_wrong() -> table.Panel:
    """Return one row a problem of a customer or tenant, or one that says that there is none."""
    problems = q.named(q.customer_level("customer:avepoint_problems:count"))
    well = f'label_replace(0 * count({q.account_level("account:avepoint_up:min")}), "problem", "none", "", "")'
    return rows(
        "What is wrong",
        "One row a customer or tenant and problem; the number counts workloads or jobs. If there are rows: click a "
        "name for its details; the runbook of the alert says what to do.",
        [("A", f"{problems} or on () {well}")],
        [
            Column("name", "Customer or tenant", link=TO_CUSTOMER),
            Column("account", "Account", width=120),
            Column("problem", "Problem", width=210, meanings={**PROBLEMS, "none": ALL_WELL["0"]}, cell=COLORED),
            Column("A", "Count", width=80),
            Column("customer_id"),
        ],
        sort="Count",
        empty=NO_RULES,
    )
