"""The example for Alertmanager: valid, routes where it says, and its inhibition tried in a real one."""

import contextlib
import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.e2e.processes import TIMEOUT, eventually, fetch, free_port
from tests.programs import Monitoring
from tests.prometheus.test_rules import ALERTS, KNOWN

_FILE: Final = Path(__file__).parents[2] / "prometheus" / "alertmanager.yml"
_CUSTOMER: Final = "11111111-2222-3333-4444-555555555555"
_TENANT: Final = {"job": "avepoint", "account": "contoso"}
_PARTNER: Final = {"job": "avepoint", "account": "msp", "customer_id": _CUSTOMER}
_EXCHANGE: Final = {"workload": "Exchange Online"}
_FLY: Final = {"customer_id": "c1", "service_type": "Fly"}
Labels = Mapping[str, str]


def _amtool(monitoring: Monitoring, *arguments: str) -> str:
    done = subprocess.run(
        [monitoring.program("amtool"), *arguments], capture_output=True, text=True, check=False, cwd=_FILE.parent
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _alert(name: str, **labels: str) -> Labels:
    return {"alertname": name, **ALERTS[name]["labels"], **labels}


def test_the_example_is_valid(monitoring: Monitoring) -> None:
    assert "SUCCESS" in _amtool(monitoring, "check-config", str(_FILE))


@pytest.mark.parametrize(
    ("alert", "receivers"),
    [
        (_alert("AvePointAccountUnreadable", **_TENANT, collector="jobs"), "operations"),
        (_alert("AvePointExporterAbsent"), "operations"),
        (_alert("AvePointBackupTooOld", **_TENANT, **_EXCHANGE), "contoso-it"),
        (_alert("AvePointBackupTooOld", **_PARTNER, **_EXCHANGE), "night-duty,adatum-desk"),
        (_alert("AvePointBackupTooOld", **{**_PARTNER, "customer_id": "other"}, **_EXCHANGE), "night-duty"),
        (_alert("AvePointJobFailed", **_PARTNER, **_EXCHANGE, job_type="backup"), "adatum-desk"),
        (_alert("AvePointJobFailed", **{**_PARTNER, "customer_id": "other"}, **_EXCHANGE), "backup-team"),
        (_alert("AvePointCustomerNeedsAttention", **_PARTNER), "digest"),
        (
            _alert("AvePointSubscriptionExpired", **{**_PARTNER, "customer_id": "other"}, service_type="Fly"),
            "night-duty",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else value["alertname"],
)
def test_an_alert_goes_where_it_belongs(alert: Labels, receivers: str, monitoring: Monitoring) -> None:
    labels = [f'{name}="{value}"' for name, value in alert.items()]
    assert _amtool(monitoring, "config", "routes", "test", f"--config.file={_FILE}", *labels).strip() == receivers


def test_the_example_names_only_alerts_and_labels_that_there_are() -> None:
    configuration = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    labels = {"alertname", "severity"}.union(*KNOWN.values())
    for rule in configuration["inhibit_rules"]:
        assert set(rule.get("equal", ())) <= labels
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            parts = re.fullmatch(r'(\w+) (=~|!~|!=|=) "?(.*?)"?', matcher)
            assert parts, matcher
            assert parts[1] in labels
            assert parts[1] != "alertname" or any(re.fullmatch(parts[3], alert) for alert in ALERTS), matcher


# What is silenced beside what; the source first. Each pair stands alone in its own account.
_SILENCED: Final = [
    ("AvePointAccountUnreadable", {"collector": "jobs"}, "AvePointBackupTooOld", _EXCHANGE),
    ("AvePointAccountUnreadable", {"collector": "license"}, "AvePointStorageFull", {}),
    ("AvePointAccountUnreadable", {"collector": "jobs"}, "AvePointTokenRequestsFailing", {}),
    ("AvePointAccountUnreadable", {"collector": "jobs"}, "AvePointDataStale", {"collector": "jobs"}),
    ("AvePointDataStale", {"collector": "jobs"}, "AvePointJobStuck", {**_EXCHANGE, "job_type": "backup"}),
    (
        "AvePointCustomerUnreadable",
        {"collector": "protected_data", "customer_id": "c1"},
        "AvePointObjectsUnprotected",
        {**_EXCHANGE, "customer_id": "c1"},
    ),
    ("AvePointBackupTooOld", _EXCHANGE, "AvePointJobFailed", {**_EXCHANGE, "job_type": "backup"}),
    (
        "AvePointBackupTooOld",
        {**_EXCHANGE, "geo_location": "EUR"},
        "AvePointBackupLate",
        {**_EXCHANGE, "geo_location": "EUR"},
    ),
    ("AvePointBackupLate", _EXCHANGE, "AvePointBackupSuccessRatioLow", _EXCHANGE),
    (
        "AvePointJobFailed",
        {**_EXCHANGE, "job_type": "backup", "customer_id": "c1", "collector": "customer_jobs"},
        "AvePointCustomerStatusFailed",
        {"customer_id": "c1"},
    ),
    ("AvePointRansomwareSignal", _EXCHANGE, "AvePointUnusualActivity", _EXCHANGE),
    ("AvePointSubscriptionExpired", _FLY, "AvePointSubscriptionExpiresVerySoon", _FLY),
    ("AvePointSubscriptionExpiresVerySoon", _FLY, "AvePointSubscriptionExpiresSoon", _FLY),
    ("AvePointNothingProtected", _EXCHANGE, "AvePointObjectsUnprotected", _EXCHANGE),
    ("AvePointStorageFull", {}, "AvePointStorageNearlyFull", {}),
    ("AvePointCertificateExpiresVerySoon", {}, "AvePointCertificateExpiresSoon", {}),
]
_HEARD: Final = [
    ("AvePointAccountUnreadable", {"collector": "license"}, "AvePointBackupTooOld", _EXCHANGE),
    ("AvePointBackupTooOld", _EXCHANGE, "AvePointJobFailed", {**_EXCHANGE, "job_type": "restore"}),
    ("AvePointBackupTooOld", _EXCHANGE, "AvePointJobFailed", {"workload": "Teams", "job_type": "backup"}),
    (
        "AvePointBackupTooOld",
        {**_EXCHANGE, "geo_location": "EUR"},
        "AvePointBackupLate",
        {**_EXCHANGE, "geo_location": "NAM"},
    ),
    ("AvePointRansomwareSignal", _EXCHANGE, "AvePointJobFailed", {**_EXCHANGE, "job_type": "backup"}),
    ("AvePointBackupTooOld", _EXCHANGE, "AvePointRetentionTooShort", _EXCHANGE),
    ("AvePointSubscriptionExpired", _FLY, "AvePointSubscriptionExpiresSoon", {**_FLY, "service_type": "Other"}),
    ("AvePointStorageFull", {}, "AvePointSeatsOverPurchased", {}),
    (
        "AvePointCustomerUnreadable",
        {"collector": "protected_data", "customer_id": "c1"},
        "AvePointObjectsUnprotected",
        {**_EXCHANGE, "customer_id": "c2"},
    ),
]


@contextlib.contextmanager
def _alertmanager(monitoring: Monitoring, folder: Path) -> Iterator[str]:
    """Run an Alertmanager with the example; return its address."""
    url = f"127.0.0.1:{free_port()}"
    command = [monitoring.program("alertmanager", "prometheus-alertmanager"), f"--config.file={_FILE}"]
    options = [f"--storage.path={folder}", f"--web.listen-address={url}", "--cluster.listen-address="]
    with (folder / "alertmanager.log").open("w") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=log)
    try:
        eventually(lambda: fetch(f"http://{url}/-/ready").status == 200, what="Alertmanager")
        yield f"http://{url}/api/v2/alerts"
    finally:
        process.kill()
        process.wait()


def _post(url: str, alerts: list[Labels]) -> None:
    body = json.dumps([{"labels": labels} for labels in alerts]).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        assert answer.status == 200


def _inhibited(url: str) -> dict[tuple[str, str], bool]:
    """Return, by account and name, whether an alert is inhibited."""
    alerts: list[dict[str, Any]] = json.loads(fetch(url).body)
    return {
        (alert["labels"].get("account", ""), alert["labels"]["alertname"]): bool(alert["status"]["inhibitedBy"])
        for alert in alerts
    }


@pytest.mark.e2e
def test_inhibition_silences_what_follows_and_nothing_else(tmp_path: Path, monitoring: Monitoring) -> None:
    pairs = [*_SILENCED, *_HEARD]
    alerts: list[Labels] = []
    expected: dict[tuple[str, str], bool] = {}
    for number, (source, source_labels, target, target_labels) in enumerate(pairs):
        of = {"job": "avepoint", "account": f"account-{number}"}
        alerts += [_alert(source, **of, **source_labels), _alert(target, **of, **target_labels)]
        expected[of["account"], source] = False
        expected[of["account"], target] = number < len(_SILENCED)
    with _alertmanager(monitoring, tmp_path) as url:
        _post(url, alerts)
        eventually(lambda: len(_inhibited(url)) == len(expected), what="all alerts")
        with contextlib.suppress(AssertionError):
            eventually(lambda: _inhibited(url) == expected, what="inhibition")
        assert _inhibited(url) == expected


@pytest.mark.e2e
@pytest.mark.parametrize(("source", "is_other_job_silent"), [("Down", False), ("Absent", True)])
def test_without_an_exporter_nothing_else_speaks(
    tmp_path: Path, source: str, is_other_job_silent: bool, monitoring: Monitoring
) -> None:
    name = f"AvePointExporter{source}"
    labels = {"job": "avepoint", "instance": "a:10087"} if source == "Down" else {}
    expected = {("", name): False}
    alerts = [_alert(name, **labels)]
    for alert in ALERTS:
        if not alert.startswith("AvePointExporter"):
            alerts.append({"collector": "jobs", **_alert(alert, job="avepoint", account="a")})
            expected["a", alert] = True
    alerts.append(_alert("AvePointStorageFull", job="other", account="b"))
    expected["b", "AvePointStorageFull"] = is_other_job_silent
    with _alertmanager(monitoring, tmp_path) as url:
        _post(url, alerts)
        with contextlib.suppress(AssertionError):
            eventually(lambda: _inhibited(url) == expected, what="inhibition")
        assert _inhibited(url) == expected
