"""What the objects say: configuration, secrets, probes, shards, storage, rules, dashboards, notes."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.collectors.registry import catalogue
from exporter.config.load import parse_config
from exporter.config.web_load import load_web_config
from exporter.engine.shard import parse_shard
from tests.helm.chart import (
    CASES,
    CHART,
    ROOT,
    Object,
    account,
    environment,
    exporter,
    notes,
    objects,
    one,
    secret_data,
)
from tests.programs import program

RULES = ROOT / "prometheus" / "rules" / "avepoint.rules.yaml"
DASHBOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
SECRETS = {
    "inline-secret": ["not-a-real-secret-inline"],
    "certificate": ["bm90IGEgcmVhbCBjZXJ0aWZpY2F0ZSwgb25seSBhIHBsYWNlaG9sZGVy", "not-a-real-password-pfx"],
    "listener-tls": ["$2b$12$abcdefghijklmnopqrstuuKBeJ7ZL9uLjsw6XxSZ3LSFy4h2Jn0Oy"],
}

with_accounts = pytest.mark.parametrize(
    "values", [v for v in CASES.values() if v.get("accounts")], ids=[k for k, v in CASES.items() if v.get("accounts")]
)


@with_accounts
def test_the_exporter_accepts_the_configuration(values: dict[str, Any], tmp_path: Path) -> None:
    """With a file wherever the pod has one mounted, the exporter's own check finds no mistake."""
    found = objects(values)
    spec = exporter(found)
    for volume in spec["volumes"]:
        for source in volume.get("projected", {}).get("sources", []):
            for item in source["secret"]["items"]:
                _write(tmp_path / "secrets" / item["path"])
    if "ca" in {volume["name"] for volume in spec["volumes"]}:
        _write(tmp_path / "ca" / "ca.crt")
    text = one(found, "ConfigMap", "prod-avepoint-exporter")["data"]["config.yaml"]

    config = parse_config(
        text.replace("/etc/avepoint-exporter", str(tmp_path)), catalogue(), source="config.yaml", directory=tmp_path
    )

    assert [each.name for each in config.accounts] == [each["name"] for each in values["accounts"]]


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x", "utf-8")


@pytest.mark.parametrize("case", ["listener-tls", "listener-server-tls"])
def test_the_exporter_accepts_the_web_configuration(case: str, tmp_path: Path) -> None:
    found = objects(CASES[case])
    for volume in exporter(found)["volumes"]:
        if volume["name"] == "tls":
            for item in volume["secret"]["items"]:
                _write(tmp_path / "tls" / item["path"])
    text = secret_data(found)["web-config.yaml"].decode().replace("/etc/avepoint-exporter", str(tmp_path))
    file = tmp_path / "web-config.yaml"
    file.write_text(text, "utf-8")

    web = load_web_config(file)

    assert web.tls_server_config.enabled
    assert web.tls_server_config.verifies_clients == (case == "listener-tls")
    assert bool(web.users) == (case == "listener-tls")


@pytest.mark.parametrize("case", SECRETS)
def test_secret_text_is_in_no_object_but_secrets(case: str) -> None:
    found = objects(CASES[case])
    others = yaml.safe_dump([each for each in found if each["kind"] != "Secret"], width=10_000)
    held = b"\n".join(secret_data(found).values()).decode()

    for secret in SECRETS[case]:
        assert secret not in others
        assert secret not in notes(CASES[case])
        if case != "certificate":
            assert secret in held


def test_a_certificate_is_mounted_as_it_is() -> None:
    found = objects(CASES["certificate"])

    assert secret_data(found) == {
        "contoso.certificate": b"not a real certificate, only a placeholder",
        "contoso.certificate-password": b"not-a-real-password-pfx",
    }
    text = one(found, "ConfigMap")["data"]["config.yaml"]
    assert yaml.safe_load(text)["accounts"][0]["auth"] == {
        "client_id": "00000000-0000-0000-0000-000000000001",
        "certificate_file": "/etc/avepoint-exporter/secrets/contoso/certificate",
        "certificate_password_file": "/etc/avepoint-exporter/secrets/contoso/certificate-password",
    }


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_no_secret_reaches_the_environment_and_secret_files_are_closed(values: dict[str, Any]) -> None:
    spec = exporter(objects(values))
    own = [v for v in spec["containers"][0]["env"] if v["name"].startswith("AVEPOINT_EXPORTER_")]

    assert all("secretKeyRef" not in variable.get("valueFrom", {}) for variable in own)
    for volume in spec.get("volumes", []):
        for kind in ("secret", "projected"):
            if kind in volume:
                assert volume[kind]["defaultMode"] == 0o440


@pytest.mark.parametrize(
    ("change", "which"),
    [
        ({"client_secret": "another"}, "checksum/credentials"),
        ({"client_id": "another"}, "checksum/config"),
    ],
)
def test_a_change_rolls_the_pods(change: dict[str, Any], which: str) -> None:
    def checksums(**auth: Any) -> dict[str, str]:
        (workload,) = (each for each in objects(account(**auth)) if each["kind"] == "Deployment")
        annotations: dict[str, str] = workload["spec"]["template"]["metadata"]["annotations"]
        return annotations

    before, after = checksums(client_secret="one"), checksums(**{"client_secret": "one", **change})

    assert {key for key in before if before[key] != after[key]} == {which}


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("minimal", {"httpGet": {"path": "/-/healthy", "port": "metrics", "scheme": "HTTP"}}),
        ("listener-server-tls", {"httpGet": {"path": "/-/healthy", "port": "metrics", "scheme": "HTTPS"}}),
        ("listener-tls", {"tcpSocket": {"port": "metrics"}}),
        ("existing-config", {"tcpSocket": {"port": "metrics"}}),
    ],
)
def test_probes_ask_what_they_can(case: str, expected: Object) -> None:
    container = exporter(objects(CASES[case]))["containers"][0]

    assert expected.items() <= container["livenessProbe"].items()
    if "httpGet" in expected:
        assert container["readinessProbe"]["httpGet"]["path"] == "/-/ready"


def test_each_pod_of_a_statefulset_finds_its_shard() -> None:
    found = objects(CASES["sharded"])
    workload, variables = one(found, "StatefulSet"), environment(found)

    assert not any(each["kind"] in ("Deployment", "PersistentVolumeClaim") for each in found)
    assert workload["spec"]["replicas"] == 4
    assert variables["AVEPOINT_EXPORTER_TOTAL_SHARDS"] == "4"
    assert variables["AVEPOINT_EXPORTER_SHARD"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    pods_named = [f"{workload['metadata']['name']}-{ordinal}" for ordinal in range(4)]
    assert [parse_shard(name, 4).index for name in pods_named] == [0, 1, 2, 3]
    headless = one(found, "Service", workload["spec"]["serviceName"])
    assert headless["spec"]["clusterIP"] == "None"
    (claim,) = workload["spec"]["volumeClaimTemplates"]
    mounts = exporter(found)["containers"][0]["volumeMounts"]
    assert claim["metadata"]["name"] in {mount["name"] for mount in mounts}


def test_the_service_monitor_selects_one_service() -> None:
    for case in ("operator", "sharded"):
        found = objects(CASES[case])
        wanted = one(found, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
        selected = [e for e in found if e["kind"] == "Service" and wanted <= e["metadata"]["labels"].items()]
        assert [each["metadata"]["name"] for each in selected] == ["prod-avepoint-exporter"]


def test_selectors_match_the_exporter_and_not_the_test_pod() -> None:
    found = objects(CASES["network-policy"])
    template = one(found, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    test_pod = one(found, "Pod")["metadata"]["labels"].items()

    for selector in (
        one(found, "Deployment")["spec"]["selector"]["matchLabels"],
        one(found, "Service")["spec"]["selector"],
        one(found, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= template
        assert not selector.items() <= test_pod
    admitted = one(found, "NetworkPolicy")["spec"]["ingress"][0]["from"][-1]["podSelector"]["matchLabels"]
    assert admitted.items() <= test_pod


def test_one_replica_whose_volume_is_let_go_before_it_is_taken() -> None:
    found = objects(CASES["persistent-storage"])
    workload = one(found, "Deployment")

    assert workload["spec"]["replicas"] == 1
    assert workload["spec"]["strategy"] == {"type": "Recreate"}
    assert environment(found)["AVEPOINT_EXPORTER_STORAGE_PATH"] == "/var/lib/avepoint-exporter"
    assert one(found, "PersistentVolumeClaim")["metadata"]["name"] == "prod-avepoint-exporter"
    assert "strategy" not in one(objects(CASES["minimal"]), "Deployment")["spec"]


def test_without_accounts_nothing_runs() -> None:
    assert one(objects({}), "Deployment")["spec"]["replicas"] == 0


def test_the_image_by_digest() -> None:
    image = exporter(objects(CASES["image-digest"]))["containers"][0]["image"]

    assert image == "registry.example.com/mirror/avepoint-exporter@sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_what_helm_test_runs_is_python(values: dict[str, Any]) -> None:
    for pod in (each for each in objects(values) if each["kind"] == "Pod"):
        (container,) = pod["spec"]["containers"]
        compile(container["args"][0], "test", "exec")
        assert container["command"] == ["python", "-I", "-c"]
        assert "helm.sh/hook" in pod["metadata"]["annotations"]


def test_optional_objects_are_off_by_default() -> None:
    kinds = {each["kind"] for each in objects(CASES["minimal"])}

    assert kinds == {"ConfigMap", "Deployment", "Service", "ServiceAccount", "Pod"}


def test_the_charts_copies_are_in_step() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "sync-chart"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert (CHART / "files" / "rules" / "avepoint.rules.yaml").read_bytes() == RULES.read_bytes()


def test_dashboards_are_byte_equal() -> None:
    found = [e for e in objects(CASES["operator"]) if e["metadata"]["labels"].get("grafana_dashboard") == "1"]
    rendered = {key: text.encode() for each in found for key, text in each["data"].items()}

    assert rendered == {path.name: path.read_bytes() for path in DASHBOARDS}
    assert rendered
    assert all(each["metadata"]["annotations"] == {"grafana_folder": "AvePoint"} for each in found)


def test_rules_are_equal_but_for_what_values_change() -> None:
    source = yaml.safe_load(RULES.read_text("utf-8"))

    assert one(objects({"prometheusRule": {"enabled": True}}), "PrometheusRule")["spec"] == source


def test_alerts_can_be_disabled_and_changed(tmp_path: Path) -> None:
    source = _rules(yaml.safe_load(RULES.read_text("utf-8")))
    alerts = list(dict.fromkeys(rule["alert"] for rule in source if "alert" in rule))
    first, second = alerts[:2]
    values = {
        "prometheusRule": {
            "enabled": True,
            "alerts": {
                first: {"enabled": False},
                second: {"severity": "info", "for": "3h", "labels": {"team": "a"}, "annotations": {"more": "b"}},
            },
            "alertLabels": {"team": "all", "cluster": "x"},
            "thresholds": {"backup_age_seconds": 172800, "certificate_left_seconds_critical": 1},
            "additionalGroups": [{"name": "own", "rules": [{"record": "a:b:c", "expr": "vector(1)"}]}],
        }
    }
    spec = one(objects(values), "PrometheusRule")["spec"]
    rules = {rule.get("alert", rule.get("record")): rule for rule in _rules(spec)}

    assert first not in rules
    assert rules[second]["for"] == "3h"
    assert {"severity": "info", "team": "a", "cluster": "x"}.items() <= rules[second]["labels"].items()
    assert rules[second]["annotations"]["more"] == "b"
    assert rules[second]["annotations"]["runbook_url"]
    assert rules[alerts[2]]["labels"]["team"] == "all"
    assert rules["avepoint:backup_age_seconds:threshold"]["expr"] == "vector(172800)"
    assert rules["avepoint:certificate_left_seconds:threshold_critical"]["expr"] == "vector(1)"
    assert rules["avepoint:certificate_left_seconds:threshold"]["expr"] != "vector(1)"
    assert rules["a:b:c"]["expr"] == "vector(1)"
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(spec), "utf-8")
    subprocess.run([program("promtool"), "check", "rules", "--lint=none", str(file)], check=True, capture_output=True)


def test_an_alert_of_two_rules_changes_in_both() -> None:
    changes = {"AvePointJobFailed": {"for": "3h"}, "AvePointJobStuck": {"enabled": False}}
    spec = one(objects({"prometheusRule": {"enabled": True, "alerts": changes}}), "PrometheusRule")["spec"]

    assert [rule["for"] for rule in _rules(spec) if rule.get("alert") == "AvePointJobFailed"] == ["3h", "3h"]
    assert not [rule for rule in _rules(spec) if rule.get("alert") == "AvePointJobStuck"]


@pytest.mark.parametrize("file", sorted((RULES.parent / "optional").iterdir()), ids=lambda path: path.name)
def test_what_is_optional_is_there_once_it_is_enabled(file: Path) -> None:
    source = yaml.safe_load(file.read_text("utf-8"))
    always = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    [alert] = [rule["alert"] for rule in _rules(source) if "alert" in rule]

    def groups(enabled: bool) -> list[Object]:
        values = {"prometheusRule": {"enabled": True, "alerts": {alert: {"enabled": enabled}}}}
        found: list[Object] = one(objects(values), "PrometheusRule")["spec"]["groups"]
        return found

    assert groups(enabled=True) == [*always, *source["groups"]]
    assert groups(enabled=False) == always


def _rules(spec: Object) -> list[Object]:
    return [rule for group in spec["groups"] for rule in group["rules"]]


NOTES: dict[str, tuple[list[str], list[str]]] = {
    "defaults": (["NOTHING RUNS YET"], ["port-forward", "MADE UP. Unset"]),
    "demo": (["MADE UP"], ["avepoint-exporter check", "NOTHING RUNS"]),
    "minimal": (["1 account: contoso (tenant).", "Secret contoso must hold client-secret", "http://"], ["accounts:"]),
    "existing-secret": (["2 accounts: contoso (tenant), fabrikam (tenant).", "app.pfx and password"], []),
    "inline-secret": (["exec deployment/prod-avepoint-exporter -- avepoint-exporter check"], ["must hold"]),
    "certificate": (["1 account"], ["must hold"]),
    "partner": (["msp (partner)"], []),
    "tenant": (["contoso (tenant)"], []),
    "operator": (["through ServiceMonitor prod-avepoint-exporter."], ["No alert rules", "by itself"]),
    "network-policy": (["lost with the pod"], []),
    "sharded": (["4 pods share", "pod/prod-avepoint-exporter-0 10087:10087", "statefulset/"], ["deployment/", "lost"]),
    "persistent-storage": (["rollout status deployment/"], ["lost with the pod"]),
    "listener-tls": (["--insecure --cert CERTIFICATE --key KEY --user NAME https://localhost"], ["http://"]),
    "listener-server-tls": (["curl --insecure https://localhost:10087/metrics"], ["http://", "--user", "--cert"]),
    "existing-config": (["Secret avepoint-exporter-config says under config.yaml", "--user NAME"], ["accounts"]),
    "image-digest": (["service/prod-avepoint-exporter 10087:10087"], []),
}


def test_notes_are_looked_at_for_every_case() -> None:
    assert NOTES.keys() == CASES.keys()


@pytest.mark.parametrize("case", NOTES)
def test_notes_are_right(case: str) -> None:
    said, unsaid = NOTES[case]
    text = notes(CASES[case])

    assert [part for part in said if part not in text] == []
    assert [part for part in unsaid if part in text] == []
    assert "<no value>" not in text
    assert "\n\n\n" not in text
