"""The status page, metrics, alerts and all dashboards agree on the number of customers with a problem.

Each scenario defines a state of the exporter. The status page and the metrics page show this state. The rules and
dashboards read the metrics page. `test_queries.py` compares the status page and the Overview of a running exporter.
"""

import json
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any, Final

import pytest

from exporter.config.expectations import ProblemName
from exporter.engine.snapshot import ReadResult, RefreshStatus, SnapshotView
from exporter.exposition.exporter_metrics import OwnMetrics
from exporter.exposition.page import MetricsPage, PageRequest
from exporter.health.families import FAMILIES, count_samples, customer_samples
from exporter.health.findings import Subject
from exporter.health.judge import CustomerVerdict
from exporter.health.memory import HeldProblem, Memory, ProblemKey
from exporter.health.registry import Severity
from exporter.web.status.query import StatusQuery
from tests.grafana.test_sick_states import FILES, as_grafana_asks
from tests.helpers import NOW, parsed
from tests.programs import program
from tests.prometheus.problem_scenarios import ALERT_OF
from tests.prometheus.scenario import Expected, Scenario, Series, exporter, partner, promtool_test
from tests.web.status_data import MONOTONIC, names, page, status_data, view

CUSTOMERS: Final = [f"c{number}" for number in range(1, 10)]
NOBODY: Final = ()
SCENARIOS: Final[dict[str, tuple[ProblemName, Severity, str, tuple[str, ...]]]] = {
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


def _state(name: ProblemName, customers: tuple[str, ...]) -> SnapshotView:
    """Return a snapshot of verdicts. Each customer in `customers` has the problem `name` in two workloads."""
    counts = {(name, "wrong"): len(customers), (name, "fine"): len(CUSTOMERS) - len(customers)}
    found = {"": count_samples([name], counts), **{one: customer_samples(one, _verdict(name)) for one in customers}}
    reads = {key: ReadResult(tuple(samples), NOW, MONOTONIC) for key, samples in found.items()}
    return SnapshotView("m", "verdict", inf, RefreshStatus(), reads, {})


def _verdict(name: ProblemName) -> CustomerVerdict:
    subjects = [Subject("Microsoft 365", workload) for workload in ("Exchange Online", "OneDrive")]
    held = tuple(HeldProblem(ProblemKey(name, subject), NOW - 60, NOW - 60, "", "") for subject in subjects)
    return CustomerVerdict(held, frozenset(), frozenset(), (), inf, Memory())


def _world(name: ProblemName, customers: tuple[str, ...]) -> Series:
    """Return the series on the metrics page of an exporter. These customers have this problem."""
    request = PageRequest(names=frozenset(family.name for family in FAMILIES))
    chunks = MetricsPage(FAMILIES, OwnMetrics(with_process=False)).plain(
        [_state(name, customers)], request, monotonic=MONOTONIC
    )
    found: Series = {}
    for (metric, labels), value in parsed(b"".join(chunks).decode()).items():
        text = ", ".join(f'{label}="{text}"' for label, text in sorted(labels) if text)
        found[f'{metric}{{job="a", instance="i1", {text}}}'] = f"{value:.0f}x5000"
    return {**exporter(), **partner(customers=CUSTOMERS), **found}


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
        Scenario(title, _world(name, customers), list(_checks(name, severity, panel, customers)))
        for title, (name, severity, panel, customers) in SCENARIOS.items()
    ]
    assert promtool_test(program("promtool"), tmp_path, scenarios) == ""


@pytest.mark.parametrize("title", SCENARIOS)
def test_the_status_page_has_the_same_numbers(title: str) -> None:
    name, severity, _, customers = SCENARIOS[title]
    listed = view(
        "m", "customers", status=RefreshStatus(up=True), known=names({one: f"Org {one}" for one in CUSTOMERS})
    )
    given = status_data(listed, verdicts=(_state(name, customers),))
    read = page(given)
    assert f"{_HEADLINES[severity if customers else None].format(len(customers), len(CUSTOMERS))}." in read.text
    affected = page(given, StatusQuery(state="problem"))
    assert [one["data-label"] for one in read.of("td")].count("Severity") == 2 * len(customers)
    shown = [one for one in CUSTOMERS if f"Org {one}" in affected.texts]
    assert shown == sorted(customers)


_HEADLINES: Final = {
    "critical": "{} of {} customers with a critical problem",
    "warning": "{} of {} customers with a warning",
    None: "no problem in {1} customers",
}


def test_the_titles_are_there() -> None:
    for _, _, title, _ in SCENARIOS.values():
        assert list(_panels(title)), title
    assert list(_panels("Customers with a critical problem"))
    assert list(_panels("All problems", "table"))
    assert list(_panels("Problems", "table"))
