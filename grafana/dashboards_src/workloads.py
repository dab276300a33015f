"""The table of workloads of partner accounts and tenant accounts."""

from typing import Final

from grafana_foundation_sdk.builders import table

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import verdict
from grafana.dashboards_src.tables import COLORED, GAUGE, Column, rows
from grafana.dashboards_src.thresholds import plain, rising
from grafana.dashboards_src.vocabulary import NO_JOBS, TO_WORKLOAD

_MICROSOFT: Final = "Microsoft 365"
_BACKUP: Final = "job, account, customer_id, product, workload, geo_location"


def workloads() -> table.Panel:
    """Return a table with one row per workload of the chosen accounts."""
    by = "product, workload"
    due = f"count by ({by}) (group by ({_BACKUP}) ({q.raw('avepoint_backup_due_timestamp_seconds', q.ACCOUNT)}))"
    overdue = verdict.problems('problem="backup_overdue"')
    others = verdict.problems('problem!="backup_overdue"', 'workload!=""')
    scanned, protected = _sum("scanned_objects"), _sum("protected_objects")
    return rows(
        "Workloads",
        "One row per workload of all customers. The column *Of backups* counts expected backups that have succeeded at "
        "least once. If the number of overdue backups is red, click the workload to see its jobs. The columns *Objects "
        "protected*, *Of objects* and *Data* include only customers of partner accounts.",
        [
            ("A", due),
            ("B", f"count by ({by}) ({overdue})"),
            ("C", f"count by ({by}) ({others})"),
            ("D", scanned),
            ("E", f"{protected} / ({scanned} > 0)"),
            ("F", _sum("protected_data_bytes")),
        ],
        [
            Column("workload", "Workload", link=TO_WORKLOAD),
            Column("product", "Product", width=125),
            Column("B", "Overdue", width=90, unit="locale", none="0", steps=rising(critical=1), cell=COLORED),
            Column("A", "Of backups", width=115, unit="locale"),
            Column("C", "Other problems", width=120, unit="locale", none="0", steps=rising(warning=1), cell=COLORED),
            Column(
                "E", "Objects protected", width=140, unit="percentunit", steps=plain(), cell=GAUGE, least=0, most=1,
                decimals=1,
            ),
            Column("D", "Of objects", width=95, unit="locale"),
            Column("F", "Data", width=85, unit="bytes"),
        ],
        sort="Overdue",
        then="Of backups",
        empty=NO_JOBS,
    )  # fmt: skip


def _sum(name: str) -> str:
    """Return the sum of a recorded series per workload. Add the label `product` with the value Microsoft 365."""
    total = f"sum by (workload) ({q.account_level(f'account_workload:avepoint_{name}:sum')})"
    return f'label_replace({total}, "product", "{_MICROSOFT}", "", "")'
