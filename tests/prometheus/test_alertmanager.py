"""The example for Alertmanager is valid, and its routes and inhibition rules work as documented."""

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
from tests.prometheus.problem_scenarios import ALERT_OF
from tests.prometheus.test_rules import ALERTS, KNOWN, severity

_FILE: Final = Path(__file__).parents[2] / "prometheus" / "alertmanager.yml"
_CUSTOMER: Final = "11111111-2222-3333-4444-555555555555"
_TENANT: Final = {"job": "avepoint", "account": "contoso"}
_PARTNER: Final = {"job": "avepoint", "account": "msp", "customer_id": _CUSTOMER}
_OTHER: Final = {**_PARTNER, "customer_id": "other"}
_EXCHANGE: Final = {"product": "Microsoft 365", "workload": "Exchange Online"}
_PROBLEM_OF: Final = {alert: problem for problem, alert in ALERT_OF.items()}
_OVERDUE: Final = {"problem": "backup_overdue", "severity": "critical"}
Labels = Mapping[str, str]


def _amtool(monitoring: Monitoring, *arguments: str) -> str:
    done = subprocess.run(
        [monitoring.program("amtool"), *arguments], capture_output=True, text=True, check=False, cwd=_FILE.parent
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _alert(name: str, **labels: str) -> Labels:
    own = {"severity": severity(name)} | ({"problem": _PROBLEM_OF[name]} if name in _PROBLEM_OF else {})
    return {"alertname": name, **own, **labels}


def test_the_example_is_valid(monitoring: Monitoring) -> None:
    assert "SUCCESS" in _amtool(monitoring, "check-config", str(_FILE))


@pytest.mark.parametrize(
    ("alert", "receivers"),
    [
        (_alert("AvePointAccountUnreadable", **_TENANT, collector="jobs"), "night-duty,operations"),
        (_alert("AvePointExporterAbsent"), "night-duty,operations"),
        (_alert("AvePointDataStale", **_TENANT, collector="jobs"), "operations"),
        (_alert("AvePointCustomersVanished", **_TENANT), "operations"),
        (_alert("AvePointBackupOverdue", **_TENANT, **_EXCHANGE), "night-duty,contoso-it"),
        (_alert("AvePointBackupOverdue", **_PARTNER, **_EXCHANGE), "night-duty,adatum-desk"),
        (_alert("AvePointBackupOverdue", **_OTHER, **_EXCHANGE), "night-duty,backup-team"),
        (_alert("AvePointManyCustomersAffected", job="avepoint", account="msp", **_OVERDUE), "night-duty,backup-team"),
        (_alert("AvePointJobFailed", **_PARTNER, **_EXCHANGE, job_type="backup"), "adatum-desk"),
        (_alert("AvePointJobFailed", **_OTHER, **_EXCHANGE), "backup-team"),
        (_alert("AvePointCustomerAttention", **_PARTNER), "digest"),
        (_alert("AvePointSubscriptionExpired", **_OTHER, service_type="Fly"), "backup-team"),
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


_C1: Final = {"customer_id": "c1"}
_C1_EXCHANGE: Final = {**_C1, **_EXCHANGE}
_BACKUP: Final = {"job_type": "backup"}
# In each pair, the first alert inhibits the second alert. Each pair has its own account.
_SILENCED: Final = [
    ("AvePointManyCustomersAffected", _OVERDUE, "AvePointBackupOverdue", _C1_EXCHANGE),
    ("AvePointManyCustomersAffected", _OVERDUE, "AvePointJobFailed", {**_C1_EXCHANGE, **_BACKUP}),
    (
        "AvePointManyCustomersAffected",
        {"problem": "scan_failed", "severity": "warning"},
        "AvePointScanFailed",
        _C1,
    ),
    ("AvePointManyCustomersUnreadable", {"collector": "x"}, "AvePointCustomerUnreadable", {**_C1, "collector": "x"}),
    ("AvePointAccountUnreadable", {"collector": "jobs"}, "AvePointTokenRequestsFailing", {}),
    ("AvePointAccountUnreadable", {"collector": "jobs"}, "AvePointDataStale", {"collector": "jobs"}),
    ("AvePointBackupOverdue", _EXCHANGE, "AvePointJobFailed", {**_EXCHANGE, **_BACKUP}),
    ("AvePointBackupOverdue", _EXCHANGE, "AvePointJobIncomplete", {**_EXCHANGE, **_BACKUP}),
    ("AvePointJobFailed", {**_C1_EXCHANGE, **_BACKUP}, "AvePointCustomerStatusFailed", _C1),
    ("AvePointBackupOverdue", _C1_EXCHANGE, "AvePointCustomerAttention", _C1),
    ("AvePointCertificateExpiresVerySoon", {}, "AvePointCertificateExpiresSoon", {}),
]
_HEARD: Final = [
    ("AvePointManyCustomersAffected", _OVERDUE, "AvePointRansomwareSuspected", _C1_EXCHANGE),
    ("AvePointManyCustomersAffected", _OVERDUE, "AvePointBackupNeverSucceeded", _C1_EXCHANGE),
    ("AvePointManyCustomersAffected", _OVERDUE, "AvePointJobFailed", {**_C1_EXCHANGE, "job_type": "restore"}),
    ("AvePointManyCustomersUnreadable", {"collector": "x"}, "AvePointCustomerUnreadable", {**_C1, "collector": "y"}),
    ("AvePointAccountUnreadable", {"collector": "jobs"}, "AvePointBackupOverdue", _EXCHANGE),
    ("AvePointBackupOverdue", _EXCHANGE, "AvePointJobFailed", {**_EXCHANGE, "job_type": "restore"}),
    ("AvePointBackupOverdue", _EXCHANGE, "AvePointJobFailed", {"workload": "Teams", **_BACKUP}),
    ("AvePointBackupOverdue", {**_EXCHANGE, "geo_location": "EUR"}, "AvePointJobStuck", {**_EXCHANGE, **_BACKUP}),
    ("AvePointRansomwareSuspected", _EXCHANGE, "AvePointJobFailed", {**_EXCHANGE, **_BACKUP}),
    ("AvePointBackupOverdue", _EXCHANGE, "AvePointRetentionTooShort", _EXCHANGE),
    ("AvePointJobFailed", {**_C1_EXCHANGE, **_BACKUP}, "AvePointCustomerStatusFailed", {"customer_id": "c2"}),
]


@contextlib.contextmanager
def _alertmanager(monitoring: Monitoring, folder: Path) -> Iterator[str]:
    """Run Alertmanager with the example, and yield the address of Alertmanager."""
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
    """For each account and alert name, return whether the alert is inhibited."""
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
def test_an_exporter_that_is_down_silences_only_what_follows(tmp_path: Path, monitoring: Monitoring) -> None:
    down = _alert("AvePointExporterDown", job="a", instance="a:10087")
    followers = [_alert(f"AvePoint{name}", job="a", account="x") for name in ("ShardMissing", "AccountAbsent")]
    others = [_alert("AvePointShardMissing", job="b", account="y"), _alert("AvePointStorageFull", job="a", account="z")]
    with _alertmanager(monitoring, tmp_path) as url:
        _post(url, [down, *followers, *others])
        expected = {("", "AvePointExporterDown"): False, ("y", "AvePointShardMissing"): False}
        expected |= {("z", "AvePointStorageFull"): False, ("x", "AvePointShardMissing"): True}
        expected["x", "AvePointAccountAbsent"] = True
        eventually(lambda: _inhibited(url) == expected, what="inhibition")


@pytest.mark.e2e
def test_the_example_starts_without_warnings(tmp_path: Path, monitoring: Monitoring) -> None:
    with _alertmanager(monitoring, tmp_path):
        pass
    log = (tmp_path / "alertmanager.log").read_text()
    assert re.search(r"(?i)level=(warn|error)", log) is None, log
