"""Render the chart with two versions of Helm."""

import base64
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "avepoint-exporter"
CASES = {
    "defaults": {},
    **{
        path.name.removesuffix("-values.yaml"): yaml.safe_load(path.read_text("utf-8"))
        for path in sorted(CHART.glob("ci/*-values.yaml"))
    },
}
RELEASE, NAMESPACE = "prod", "monitoring"

Object = dict[str, Any]


def manifests(values: Mapping[str, Any], *, release: str = RELEASE) -> dict[str, str]:
    """Render the chart with Helm 4 and the schema.

    Return the rendered text of each template. Raise HelmError if a value is wrong.
    """
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(dict(values))
        return chart.render(dict(values), name=release, namespace=NAMESPACE)


def objects(values: Mapping[str, Any], *, release: str = RELEASE) -> list[Object]:
    """Render the chart with Helm 4, and return all objects."""
    texts = manifests(values, release=release)
    return [document for path, text in texts.items() if path.endswith(".yaml") for document in parsed(text)]


def notes(values: Mapping[str, Any], *, release: str = RELEASE) -> str:
    """Render NOTES.txt."""
    (text,) = (text for path, text in manifests(values, release=release).items() if path.endswith("NOTES.txt"))
    return text


def objects_of_old_helm(helm: str, values: Mapping[str, Any], folder: Path) -> list[Object]:
    """Render the chart with `helm template`, using an old version of Helm."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(dict(values)), "utf-8")
    command = [
        helm,
        "template",
        RELEASE,
        str(CHART),
        "--namespace",
        NAMESPACE,
        "--kube-version",
        "1.31.0",
        "-f",
        str(file),
    ]
    return list(parsed(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def parsed(text: str) -> Iterator[Object]:
    """Yield the objects in a string of YAML documents. The parser in C takes a tenth of the time."""
    for document in yaml.load_all(text, yaml.CSafeLoader):
        if document is not None:
            assert isinstance(document, dict), text
            yield document


def one(found: list[Object], kind: str, name: str | None = None) -> Object:
    """Return the only object of this kind. If `name` is set, the object must have this name."""
    (only,) = (each for each in found if each["kind"] == kind and name in (None, each["metadata"]["name"]))
    return only


def pods(found: list[Object]) -> Iterator[Object]:
    """Yield the specification of every pod and of every pod template."""
    for each in found:
        if each["kind"] == "Pod":
            yield each["spec"]
        elif "template" in each.get("spec", {}):
            yield each["spec"]["template"]["spec"]


def exporter(found: list[Object]) -> Object:
    """Return the specification of the exporter's pod."""
    (spec,) = (each["spec"]["template"]["spec"] for each in found if each["kind"] in ("Deployment", "StatefulSet"))
    return dict(spec)


def environment(found: list[Object]) -> dict[str, Any]:
    """Return the environment variables of the exporter's container."""
    return {
        variable["name"]: variable.get("value", variable.get("valueFrom"))
        for variable in exporter(found)["containers"][0]["env"]
    }


def secret_data(found: list[Object]) -> dict[str, bytes]:
    """Return the decoded entries of all Secrets in one dictionary."""
    return {
        key: base64.b64decode(value, validate=True)
        for each in found
        if each["kind"] == "Secret"
        for key, value in each["data"].items()
    }


def account(**auth: Any) -> Object:
    """Return the chart's values for one tenant account with these credentials."""
    return {
        "accounts": [{"name": "contoso", "type": "tenant", "data_center": "us", "auth": {"client_id": "id", **auth}}]
    }
