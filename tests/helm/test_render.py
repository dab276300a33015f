"""The chart renders with both versions of Helm, and all objects are valid and restricted."""

import json
import subprocess
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from tests.helm.chart import CASES, CHART, NAMESPACE, RELEASE, Object, objects, objects_of_old_helm, pods

SCHEMAS = Path(__file__).parent / "schemas"
CUSTOM = {
    kind: jsonschema.Draft7Validator(json.loads((SCHEMAS / f"{kind.lower()}.json").read_text("utf-8")))
    for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule", "HTTPRoute", "GrafanaDashboard")
}

cases = pytest.mark.parametrize("values", CASES.values(), ids=CASES)


def problems(found: Object, version: str) -> str:
    """Return the errors that a version of Kubernetes finds in an object."""
    if found["kind"] in CUSTOM:
        return "\n".join(error.message for error in CUSTOM[found["kind"]].iter_errors(found))
    try:
        kubernetes_validate.validate(found, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error)
    return ""


@cases
def test_lint_is_strictly_clean(values: dict[str, Any]) -> None:
    report = helm_python.lint(CHART, values, strict=True, namespace=NAMESPACE)

    assert report["errors"] == []
    assert report["messages"] == []


@cases
def test_old_helm_renders_the_same(values: dict[str, Any], old_helm: str, tmp_path: Path) -> None:
    def named(found: list[Object]) -> dict[tuple[str, str], Object]:
        return {(each["kind"], each["metadata"]["name"]): each for each in found}

    assert named(objects_of_old_helm(old_helm, values, tmp_path)) == named(objects(values))


@cases
def test_old_helm_lints_clean(values: dict[str, Any], old_helm: str, tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    file.write_text(json.dumps(values), "utf-8")
    command = [old_helm, "lint", "--strict", str(CHART), "-f", str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout
    assert "[ERROR]" not in done.stdout


@cases
@pytest.mark.parametrize("version", ["1.25.0", "1.31.0", "1.37.0"])
def test_kubernetes_takes_every_object(values: dict[str, Any], version: str) -> None:
    for found in objects(values):
        assert problems(found, version) == "", found["kind"]


def test_an_unknown_kind_or_field_is_not_taken() -> None:
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        problems({"apiVersion": "v1", "kind": "Deploiment", "metadata": {"name": "x"}}, "1.31.0")
    monitor = {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "x"}}
    assert problems({**monitor, "spec": {"endpoints": [], "selector": {}}}, "1.31.0") == ""
    assert "portt" in problems({**monitor, "spec": {"endpoints": [{"portt": "x"}], "selector": {}}}, "1.31.0")


@cases
def test_names_are_unique_and_objects_belong_to_the_release(values: dict[str, Any]) -> None:
    found = objects(values)
    names = [(each["kind"], each["metadata"]["name"]) for each in found]

    assert len(set(names)) == len(names)
    for each in found:
        if not each["metadata"]["name"].endswith("-extra"):
            assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == RELEASE
            assert each["metadata"]["namespace"] == values.get("namespaceOverride", NAMESPACE)


@pytest.mark.parametrize("release", ["a", "r" * 53, "avepoint-exporter-" + "r" * 35])
@cases
def test_names_are_at_most_63_long(values: dict[str, Any], release: str) -> None:
    found = objects(values, release=release)

    for each in found:
        limit = 52 if each["kind"] == "StatefulSet" else 63
        assert len(each["metadata"]["name"]) <= limit
        assert not each["metadata"]["name"].endswith("-")
        for value in each["metadata"].get("labels", {}).values():
            assert len(value) <= 63
    named = [(each["kind"], each["metadata"]["name"]) for each in found]
    assert len(set(named)) == len(named)


@cases
def test_every_pod_is_restricted_as_pod_security_says(values: dict[str, Any]) -> None:
    """Check each field: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted."""
    specifications = list(pods(objects(values)))

    assert specifications
    for spec in specifications:
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["runAsGroup"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"sysctls", "seLinuxOptions", "windowsOptions", "appArmorProfile"} & spec["securityContext"].keys()
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["privileged"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert not {"procMount", "seccompProfile", "runAsUser"} & context.keys()
            assert not any("hostPort" in port for port in container.get("ports", []))
            assert "lifecycle" not in container
            assert container["resources"]["requests"]
            assert container["resources"]["limits"]["memory"]
        allowed = {"configMap", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
        assert all(volume.keys() - {"name"} <= allowed for volume in spec.get("volumes", []))
        mounted = {mount["name"] for container in spec["containers"] for mount in container.get("volumeMounts", [])}
        assert {volume["name"] for volume in spec.get("volumes", [])} <= mounted


def test_the_package_holds_what_it_needs_and_no_more(tmp_path: Path) -> None:
    archive = helm_python.package(CHART, destination=tmp_path)
    listed = subprocess.run(["tar", "tzf", archive], check=True, capture_output=True, text=True).stdout.split()
    files = {name.removeprefix("avepoint-exporter/") for name in listed}

    assert {"Chart.yaml", "README.md", "values.yaml", "values.schema.json", "templates/NOTES.txt"} <= files
    assert "files/rules/avepoint.rules.yaml" in files
    assert not any(name.startswith("ci/") for name in files)
