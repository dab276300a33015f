"""Test the content of rendered objects: configuration, secrets, probes, shards, storage, network and image."""

import copy
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
    Object,
    account,
    environment,
    exporter,
    notes,
    objects,
    one,
    pods,
    secret_data,
)

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
    """If the mounted files exist, --config.check reports no error."""
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


def test_a_certificate_is_mounted_unchanged() -> None:
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

    # In a pod, the group can read all mounted files. libpq ignores a password file that the group can read.
    others = [variable for variable in own if variable["name"] != "AVEPOINT_EXPORTER_STORAGE_URL"]
    assert all("secretKeyRef" not in variable.get("valueFrom", {}) for variable in others)
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
def test_a_change_restarts_the_pods(change: dict[str, Any], which: str) -> None:
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
def test_probes_use_http_or_connect(case: str, expected: Object) -> None:
    container = exporter(objects(CASES[case]))["containers"][0]

    assert expected.items() <= container["livenessProbe"].items()
    if "httpGet" in expected:
        assert container["readinessProbe"]["httpGet"]["path"] == "/-/ready"


def test_each_pod_of_a_statefulset_has_its_shard() -> None:
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


def test_one_replica_with_a_volume_is_recreated() -> None:
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
def test_the_test_pod_runs_valid_python(values: dict[str, Any]) -> None:
    for pod in (each for each in objects(values) if each["kind"] == "Pod"):
        (container,) = pod["spec"]["containers"]
        compile(container["args"][0], "test", "exec")
        assert container["command"] == ["python", "-I", "-c"]
        assert "helm.sh/hook" in pod["metadata"]["annotations"]


def test_optional_objects_are_off_by_default() -> None:
    kinds = {each["kind"] for each in objects(CASES["minimal"])}

    assert kinds == {"ConfigMap", "Deployment", "Service", "ServiceAccount", "Pod"}


def test_the_policy_opens_dns_and_the_ports_of_proxies_and_urls() -> None:
    values = merge(CASES["http-route"], {"networkPolicy": {"egress": {"ports": [443, 8443]}}})
    values["accounts"][0] |= {"proxy_url": "http://proxy", "base_url": "https://avepoint.example.com:9443/api"}
    dns, rest = one(objects(values), "NetworkPolicy")["spec"]["egress"]

    assert sorted((port["port"], port["protocol"]) for port in dns["ports"]) == [
        (53, "TCP"), (53, "UDP"), (5353, "TCP"), (5353, "UDP"),
    ]  # fmt: skip
    assert [port["port"] for port in rest["ports"]] == [443, 8443, 3128, 80, 9443]


def merge(one_values: Object, other: Object) -> Object:
    return {**copy.deepcopy(one_values), **{key: {**one_values.get(key, {}), **value} for key, value in other.items()}}


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({}, "ghcr.io/avepoint-exporter/avepoint-exporter:{}"),
        ({"image": {"registry": "a.example.com/b/"}}, "a.example.com/b/avepoint-exporter/avepoint-exporter:{}"),
        ({"image": {"registry": "", "repository": "mine", "tag": "1"}}, "mine:1"),
        ({"global": {"imageRegistry": "g.example.com"}}, "g.example.com/avepoint-exporter/avepoint-exporter:{}"),
    ],
)
def test_the_image_and_its_registry(values: Object, image: str) -> None:
    version = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))["appVersion"]

    assert {spec["containers"][0]["image"] for spec in pods(objects({"demo": {"enabled": True}, **values}))} == {
        image.format(version)
    }


MIRRORED = "ghcr.io/avepoint-exporter/avepoint-exporter"


@pytest.mark.parametrize(
    "values",
    [
        {"image": {"registry": "harbor.corp", "repository": MIRRORED}},
        {"image": {"repository": MIRRORED}, "global": {"imageRegistry": "harbor.corp"}},
    ],
)
def test_the_repository_of_a_mirror_may_name_the_mirrored_registry(values: dict[str, Any]) -> None:
    [container] = exporter(objects(values))["containers"]
    assert container["image"].startswith(f"harbor.corp/{MIRRORED}:")


@pytest.mark.parametrize("registry", [None, ""])
def test_without_a_registry_the_repository_names_it(registry: str | None) -> None:
    [container] = exporter(objects({"image": {"registry": registry, "repository": MIRRORED}}))["containers"]
    assert container["image"].startswith(f"{MIRRORED}:")


COMPONENT = "app.kubernetes.io/component"


def test_a_component_of_all_objects_does_not_replace_the_one_that_selectors_use() -> None:
    enabled = {"enabled": True}
    values = {"commonLabels": {COMPONENT: "backup"}, "shards": 2, "demo": enabled, "serviceMonitor": enabled}
    found = objects(values)
    components = {
        (each["kind"], each["metadata"]["name"].removeprefix("prod-avepoint-exporter")): each["metadata"]["labels"].get(
            COMPONENT
        )
        for each in found
    }
    assert components[("Service", "")] == "exporter"
    assert components[("Service", "-headless")] is None
    assert components[("Pod", "-test")] == "test"
    assert components[("StatefulSet", "")] == components[("ServiceMonitor", "")] == "backup"
    assert one(found, "StatefulSet")["spec"]["template"]["metadata"]["labels"][COMPONENT] == "exporter"
    own = objects({"serviceMonitor": {**enabled, "labels": {COMPONENT: "backup"}}})
    assert one(own, "ServiceMonitor")["metadata"]["labels"][COMPONENT] == "backup"
