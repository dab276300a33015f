"""If customers have problems, each stat panel shows the right number. promtool evaluates the rules and queries."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from grafana.dashboards_src.thresholds import BLUE, RED
from tests.grafana.promql import ROOT
from tests.programs import program
from tests.prometheus.scenario import (
    ALWAYS,
    Expected,
    Scenario,
    Series,
    exporter,
    firing,
    overdue,
    partner,
    problem,
    promtool_test,
    tenant,
)

FILES: Final = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
CUSTOMERS: Final = [f"c{number}" for number in range(1, 9)]
_TARGET: Final = 'job="a", instance="i1"'
_DUE: Final = 'account="m", problem="backup_overdue"'
_BYTES: Final = 'account="m", customer_id="c1", storage="avepoint"'

PROBLEMS: Final = (
    ("c2", "backup_never_succeeded", "critical"),
    ("c3", "job_failed", "warning"),
    ("c4", "objects_unprotected", "warning"),
    ("c5", "subscription_expiring", "warning"),
    ("c6", "ransomware_suspected", "critical"),
    ("c7", "consent_missing", "critical"),
    ("c7", "scan_failed", "warning"),
)
"""The problem of each customer. In addition, c1 has an overdue backup, and c8 has no problem."""


def series(name: str, labels: str, values: str = ALWAYS) -> Series:
    """Return a series of the first exporter."""
    return {f"{name}{{{_TARGET}, {labels}}}": values}


SICK: Final[Series] = {
    **exporter(),
    **exporter("1x5 stale _x5000", instance="i2"),
    **partner(customers=CUSTOMERS),
    **tenant("0x5000"),
    **overdue(ALWAYS),
    **{key: value for of, name, how in PROBLEMS for key, value in problem(ALWAYS, name, how, customer_id=of).items()},
    **problem(ALWAYS, "license_out_of_policy", "critical", account="t", customer_id=""),
    **series("avepoint_verdict_customers", f'{_DUE}, verdict="wrong"'),
    **series("avepoint_verdict_customers", f'{_DUE}, verdict="fine"', "6x5000"),
    **series("avepoint_verdict_customers", f'{_DUE}, verdict="unknown"'),
    **series("avepoint_collector_last_success_timestamp_seconds", 'account="m", collector="customers"', "0x5000"),
    **series(
        "avepoint_collector_last_success_timestamp_seconds", 'account="m", collector="customer_jobs"', "0+60x5000"
    ),
    **series("avepoint_api_requests_total", 'account="m", path="/a", code="200"', "0+3x5000"),
    **series("avepoint_api_requests_total", 'account="m", path="/a", code="503"', "0+1x5000"),
    **series("avepoint_api_throttled_seconds_total", 'account="m"', "0+45x5000"),
    f"avepoint_exporter_config_last_reload_successful{{{_TARGET}}}": "0x5000",
    **series(
        "avepoint_customer_backups_completed_total", 'account="m", customer_id="c1", result="success"', "0+3x5000"
    ),
    **series(
        "avepoint_customer_backups_completed_total", 'account="m", customer_id="c1", result="failure"', "0+1x5000"
    ),
    **series("avepoint_customer_protected_data_bytes", _BYTES, "1000+60x5000"),
    **series(
        "avepoint_subscription_purchased_capacity_bytes", 'account="m", customer_id="c1", service_type="s"', "1e6x5000"
    ),
}
EXPECTED: Final[Mapping[str, tuple[float, float | None]]] = {
    "Customers with a critical problem": (5, 9),
    "Critical": (5, 9),
    "Overdue": (1, 9),
    "Never": (1, 9),
    "Late": (0, 9),
    "Stopped": (0, 9),
    "Failed job": (1, 9),
    "Stuck": (0, 9),
    "Incomplete": (0, 9),
    "Unprotected": (1, 9),
    "Scan failed": (1, 9),
    "No consent": (1, 9),
    "Running out": (2, 9),
    "Storage": (0, 9),
    "Seats": (0, 9),
    "Expiring": (1, 9),
    "Policy": (1, 9),
    "Attack signs": (1, 9),
    "Retention": (0, 9),
    "No restore": (0, 9),
    "Customers": (9, None),
    "Not judged": (1, 8),
    "Unreadable": (1, 2),
    "Exporters down": (1, 2),
    "Stale": (1, 2),
    "Failed requests": (0.25, None),
    "Waiting": (0.75, None),
    "Configuration": (1, 1),
}
FALLING: Final[Series] = {
    **exporter(),
    **partner(),
    **series("avepoint_customer_backups_completed_total", 'account="m", customer_id="c1", result="failure"', "0+2x500"),
    **series("avepoint_customer_protected_data_bytes", _BYTES, "1000000-600x500"),
}
"""In each 10 minutes, two backups fail, no backup succeeds, and 600 bytes of protected data are deleted."""
OF_DAYS: Final[Mapping[str, tuple[float, float]]] = {
    "Succeeded": (0, 12),
    "Growth per day": (-86_400, 1_000_000 - 600 * 288),
}
"""The numbers of the panels that need several days of data, after two days of `FALLING`."""


def _stats() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in FILES:
        for panel in json.loads(Path(path).read_text(encoding="utf-8"))["panels"]:
            if panel["type"] == "stat":
                yield path.stem, panel


def as_grafana_asks(text: str) -> str:
    """Return the query that Grafana sends if the user chooses "All" for each variable."""
    text = text.replace("$__range", "1h").replace("$__rate_interval", "5m")
    return re.sub(r"\$(job|instance|account|customer|workload)\b", ".+", text)


def _checks() -> Iterator[tuple[str, str, Expected]]:
    for _, panel in _stats():
        if panel["title"] not in OF_DAYS:
            for target, value in zip(panel["targets"], EXPECTED[panel["title"]], strict=False):
                assert value is not None, panel["title"]
                yield "240m", as_grafana_asks(target["expr"]), {"{}": value}


def test_every_number_is_known() -> None:
    assert {panel["title"] for _, panel in _stats()} == EXPECTED.keys() | OF_DAYS.keys()


def test_every_number_has_a_denominator_or_is_a_share() -> None:
    alone = {panel["title"] for _, panel in _stats() if len(panel["targets"]) == 1}
    assert alone == {"Customers", "Failed requests", "Waiting"}


@pytest.mark.slow
def test_the_numbers_say_what_is_wrong_and_the_alerts_fire_for_the_same_customers(tmp_path: Path) -> None:
    alerts = [
        firing("240m", "AvePointBackupOverdue"),
        firing("240m", "AvePointBackupNeverSucceeded"),
        firing("240m", "AvePointJobFailed"),
        firing("240m", "AvePointObjectsUnprotected"),
        firing("240m", "AvePointSubscriptionExpiring"),
        firing("240m", "AvePointRansomwareSuspected"),
        firing("240m", "AvePointConsentMissing"),
        firing("240m", "AvePointScanFailed"),
        firing("240m", "AvePointLicenseOutOfPolicy"),
        firing("240m", "AvePointExporterDown"),
        firing("240m", "AvePointConfigReloadFailed"),
        firing("240m", "AvePointThrottled"),
        firing("240m", "AvePointDataStale"),
    ]
    scenario = Scenario("known trouble", SICK, [*_checks(), *alerts])
    assert promtool_test(program("promtool"), tmp_path, [scenario]) == ""


@pytest.mark.slow
def test_numbers_over_days_show_failures_and_losses(tmp_path: Path) -> None:
    checks: list[tuple[str, str, Expected]] = [
        ("2881m", as_grafana_asks(target["expr"]), {"{}": value})
        for _, panel in _stats()
        if panel["title"] in OF_DAYS
        for target, value in zip(panel["targets"], OF_DAYS[panel["title"]], strict=True)
    ]
    assert len(checks) == 2 * len(OF_DAYS)
    scenario = Scenario("two days of failures and losses", FALLING, checks)
    assert promtool_test(program("promtool"), tmp_path, [scenario], interval="10m", evaluation="10m") == ""


def test_no_success_is_red() -> None:
    (panel,) = (panel for _, panel in _stats() if panel["title"] == "Succeeded")
    first, second = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert (first["color"], second) == (RED, {"value": 1, "color": BLUE})


@pytest.mark.slow
def test_without_an_exporter_the_numbers_are_absent_and_not_zero(tmp_path: Path) -> None:
    nothing: list[tuple[str, str, Expected]] = [("240m", expression, {}) for _, expression, _ in _checks()]
    assert promtool_test(program("promtool"), tmp_path, [Scenario("nothing", {"other": ALWAYS}, nothing)]) == ""


@pytest.mark.slow
def test_problems_stay_while_the_exporter_is_down(tmp_path: Path) -> None:
    gap = "1x60 stale _x20"
    world = {**exporter(gap), **partner(gap, customers=CUSTOMERS), **overdue(gap)}
    of_interest = {"Customers with a critical problem": 1, "Critical": 1, "Overdue": 1}
    checks = [
        ("75m", as_grafana_asks(panel["targets"][0]["expr"]), {"{}": float(of_interest[panel["title"]])})
        for _, panel in _stats()
        if panel["title"] in of_interest
    ]
    down = [*checks, firing("75m", "AvePointBackupOverdue")]
    assert promtool_test(program("promtool"), tmp_path, [Scenario("down", world, down)]) == ""
