"""Metrics, alerts and all dashboards agree on the number of customers with a problem.

`test_queries.py` compares the status page, the metrics and the Overview of a running exporter.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.grafana.test_sick_states import FILES, as_grafana_asks
from tests.programs import program
from tests.prometheus.problem_scenarios import ALERT_OF
from tests.prometheus.scenario import ALWAYS, Expected, Scenario, Series, exporter, partner, problem, promtool_test

CUSTOMERS: Final = [f"c{number}" for number in range(1, 10)]
NOBODY: Final = ()
SCENARIOS: Final = {
    "nothing is wrong": ("backup_overdue", "critical", "Overdue", NOBODY),
    "one backup is overdue": ("backup_overdue", "critical", "Overdue", ("c1",)),
    "backups of several customers are overdue": ("backup_overdue", "critical", "Overdue", ("c1", "c2", "c3", "c4")),
    "no backup has ever succeeded": ("backup_never_succeeded", "critical", "Never", ("c2",)),
    "jobs fail": ("job_failed", "warning", "Failed job", ("c3", "c4")),
    "a job hangs": ("job_stuck", "warning", "Stuck", ("c5",)),
    "objects are without backup": ("objects_unprotected", "warning", "Unprotected", ("c5", "c6", "c7")),
    "ransomware is suspected": ("ransomware_suspected", "critical", "Attack signs", ("c8",)),
    "a consent is missing": ("consent_missing", "critical", "No consent", ("c9",)),
    "subscriptions end": ("subscription_expiring", "warning", "Running out", ("c1", "c9")),
    "storage is full": ("storage_full", "critical", "Storage", ("c4",)),
}


def _world(name: str, severity: str, customers: tuple[str, ...]) -> Series:
    """Return the series of an exporter that reports this problem for two workloads of each of these customers."""
    found = [
        problem(ALWAYS, name, severity, customer_id=customer, product="Microsoft 365", workload=workload)
        for customer in customers
        for workload in ("Exchange Online", "OneDrive")
    ]
    counts = {"wrong": len(customers), "fine": len(CUSTOMERS) - len(customers), "unknown": 0}
    of = f'job="a", instance="i1", account="m", problem="{name}"'
    verdicts = {
        f'avepoint_verdict_customers{{{of}, verdict="{one}"}}': f"{number}x5000" for one, number in counts.items()
    }
    series = {key: value for one in found for key, value in one.items()}
    return {**exporter(), **partner(customers=CUSTOMERS), **verdicts, **series}


def _panels(title: str, kind: str = "stat") -> Iterator[dict[str, Any]]:
    for path in FILES:
        panels = json.loads(Path(path).read_text(encoding="utf-8"))["panels"]
        yield from (panel for panel in panels if (panel["title"], panel["type"]) == (title, kind))


def _checks(name: str, severity: str, title: str, customers: tuple[str, ...]) -> Iterator[tuple[str, str, Expected]]:
    number = {"{}": float(len(customers))}
    by_customer = "count(group by (customer_id) ({})) or vector(0)"
    yield "60m", by_customer.format(f'avepoint_problem{{problem="{name}"}}'), number
    yield "60m", by_customer.format(f'ALERTS{{alertname="{ALERT_OF[name]}", alertstate="firing"}}'), number
    yield "60m", f'sum(avepoint_verdict_customers{{problem="{name}", verdict="wrong"}})', number
    for panel in _panels(title):
        yield "60m", as_grafana_asks(panel["targets"][0]["expr"]), number
    for panel in _panels("Customers with a critical problem"):
        critical = number if severity == "critical" else {"{}": 0.0}
        yield "60m", as_grafana_asks(panel["targets"][0]["expr"]), critical
    for panel in _panels("All problems", "table"):
        yield "60m", f"sum({as_grafana_asks(panel['targets'][1]['expr'])})", number
    for panel in _panels("Problems", "table"):
        rows = f'({as_grafana_asks(panel["targets"][0]["expr"])}) and on (problem) avepoint_problem{{problem="{name}"}}'
        yield "60m", by_customer.format(rows), number


@pytest.mark.slow
def test_metrics_alerts_and_dashboards_have_the_same_numbers(tmp_path: Path) -> None:
    scenarios = [
        Scenario(title, _world(name, severity, customers), list(_checks(name, severity, panel, customers)))
        for title, (name, severity, panel, customers) in SCENARIOS.items()
    ]
    assert promtool_test(program("promtool"), tmp_path, scenarios) == ""


def test_the_titles_are_there() -> None:
    for _, _, title, _ in SCENARIOS.values():
        assert list(_panels(title)), title
    assert list(_panels("Customers with a critical problem"))
    assert list(_panels("All problems", "table"))
    assert list(_panels("Problems", "table"))
