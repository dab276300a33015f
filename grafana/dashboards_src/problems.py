"""Create the table of problems for several dashboards."""

from typing import Final

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models.dashboard import DashboardRangeMapOptions, RangeMap, ValueMapping, ValueMappingResult

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import verdict
from grafana.dashboards_src.tables import COLORED, FILLED, Column, rows
from grafana.dashboards_src.thresholds import GREEN, GREY
from grafana.dashboards_src.vocabulary import NO_RULES, PROBLEMS, SEVERITIES, TO_CUSTOMER

MOST: Final = 100
"""Maximum number of rows of a table, because thousands of customers may have tens of thousands of problems."""
WELL: Final = "No problem"


def severity_words(well: str = WELL) -> list[ValueMapping]:
    """Return the texts for the values of `verdict.order`."""
    words = [
        _between(rank * verdict.UNIT, (rank + 1) * verdict.UNIT - 1, *SEVERITIES[severity])
        for severity, rank in verdict.RANKS.items()
    ]
    return [*words, _between(1, verdict.UNIT - 1, "Unknown", GREY), _between(0, 0, well, GREEN)]


def _between(least: float, most: float, text: str, color: str) -> ValueMapping:
    result = ValueMappingResult(text=text, color=color)
    return RangeMap(options=DashboardRangeMapOptions(from_val=least, to=most, result=result))


def what_is_wrong(*matchers: str, of: tuple[str, ...] = (q.ACCOUNT,), title: str = "Problems") -> table.Panel:
    """Return a table with one row per problem. If there are no problems, the table has one row, "No problem"."""
    first = f"topk({MOST}, {verdict.order(*matchers, of=of)})"
    known = q.account_level("account:avepoint_customers:count")
    start = q.raw("avepoint_problem_start_timestamp_seconds", *of, *matchers)
    since = f"1000 * (max by ({verdict.PROBLEM}) ({start}) and on ({verdict.PROBLEM}) {first})"
    return rows(
        title,
        f"One row per problem, sorted by severity and then by age, at most {MOST} rows. If the table contains "
        "problems, click a name to see the customer, and follow the runbook of the alert.",
        [("A", f"{q.with_name(first)} or on () 0 * sum({known})"), ("B", since)],
        [
            Column("A", "Severity", width=110, mappings=severity_words(), cell=FILLED, align="center"),
            Column("B", "Since", width=140, unit="dateTimeFromNow"),
            Column("name", "Customer or tenant", link=TO_CUSTOMER),
            Column("problem", "Problem", width=220, meanings=PROBLEMS, cell=COLORED),
            Column("product", "Product", width=140),
            Column("workload", "Workload", width=170),
            Column("job_type", "Job type", width=90),
            Column("service_type", "Service", width=170),
            Column("geo_location", "Geo location", width=110),
            Column("account", "Account", width=120),
            Column("customer_id"),
        ],
        sort="Severity",
        empty=NO_RULES,
    )
