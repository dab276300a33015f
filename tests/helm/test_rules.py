"""Rules and dashboards in the chart are equal to their sources, unless the chart's values change them."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.helm.chart import CASES, CHART, ROOT, Object, objects, one
from tests.programs import program

RULES = ROOT / "prometheus" / "rules" / "avepoint.rules.yaml"
DASHBOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))


def test_the_copies_of_the_chart_are_equal_to_their_sources() -> None:
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


def test_rules_are_equal_except_for_changes_by_values() -> None:
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
    assert rules["a:b:c"]["expr"] == "vector(1)"
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(spec), "utf-8")
    subprocess.run([program("promtool"), "check", "rules", "--lint=none", str(file)], check=True, capture_output=True)


def test_an_empty_duration_and_a_base_url_of_runbooks() -> None:
    source = _rules(yaml.safe_load(RULES.read_text("utf-8")))
    [name, *_] = [rule["alert"] for rule in source if "for" in rule]
    values = {
        "enabled": True,
        "runbookBaseUrl": "https://wiki.example.com/",
        "interval": "2m",
        "alerts": {name: {"for": ""}},
    }
    spec = one(objects({"prometheusRule": {**values, "alerts": {name: {"for": ""}}}}), "PrometheusRule")["spec"]
    urls = {rule["annotations"]["runbook_url"] for rule in _rules(spec) if "alert" in rule}

    assert not [rule for rule in _rules(spec) if rule.get("alert") == name and "for" in rule]
    assert all(re.fullmatch(r"https://wiki\.example\.com/\w+\.md(#[\w-]+)?", url) for url in urls)
    own = {group["name"]: group.get("interval", "2m") for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"]}
    assert {group["name"]: group["interval"] for group in spec["groups"]} == own
    assert set(own.values()) > {"2m"}


def test_a_grafana_operator_gets_the_same_dashboards() -> None:
    found = [each for each in objects(CASES["pod-monitor"]) if each["kind"] == "GrafanaDashboard"]

    assert {each["spec"]["json"].encode() for each in found} == {path.read_bytes() for path in DASHBOARDS}


def _rules(spec: Object) -> list[Object]:
    return [rule for group in spec["groups"] for rule in group["rules"]]
