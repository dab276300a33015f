"""The rules: promtool's own verdict, that each is tested, and that each names only what there is."""

import functools
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import promql_parser as promql
import pytest
import yaml

from exporter.config.sections import parse_duration
from tests.programs import Monitoring
from tests.prometheus.expressions import Labels, Walk, exposed
from tests.prometheus.record_scenarios import RECORD_SCENARIOS, SLOW_RECORD_SCENARIOS
from tests.prometheus.scenario import names_of

_ROOT: Final = Path(__file__).parents[2]
_RULES: Final = _ROOT / "prometheus" / "rules"
_FILES: Final = (_RULES / "avepoint.rules.yaml", *sorted((_RULES / "optional").iterdir()))
_TESTS: Final = sorted((_ROOT / "prometheus" / "tests").glob("*.test.yaml"))
_RUNBOOKS: Final = _ROOT / "docs" / "runbooks"
_BASE: Final = "https://github.com/avepoint-exporter/avepoint-exporter/blob/main/docs/runbooks/"
_HOURLY: Final = ("license", "customers", "protected_data", "customer_jobs", "subscriptions", "retention")
_LEAST_FOR: Final = {"jobs": 600.0, "unusual_activity": 1800.0} | dict.fromkeys(_HOURLY, 7200.0)
"""Two refresh intervals at the defaults; of what does not rest on a refresh, a few scrapes."""

Rule = dict[str, Any]


@functools.cache  # the tests of rules are long, and YAML is slow to parse
def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _rules() -> list[Rule]:
    return [rule for path in _FILES for group in _load(path)["groups"] for rule in group["rules"]]


_ALERT_RULES: Final = [rule for rule in _rules() if "alert" in rule]
# Of an alert with a rule for tenants and one for customers, the tenants'.
ALERTS: Final = {rule["alert"]: rule for rule in reversed(_ALERT_RULES)}
RECORDS: Final = {rule["record"]: rule for rule in _rules() if "record" in rule}
THRESHOLDS: Final = frozenset(name for name in RECORDS if name.rpartition(":")[2].startswith("threshold"))


def _promtool(monitoring: Monitoring, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [monitoring.program("promtool"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=_ROOT)


def test_promtool_finds_nothing_to_complain_about(monitoring: Monitoring) -> None:
    checked = _promtool(monitoring, "check", "rules", "--lint=all", "--lint-fatal", *map(str, _FILES))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert sum(map(int, re.findall(r"(\d+) rules found", checked.stdout))) == len(_rules())


def test_an_alert_has_one_rule_or_one_for_tenants_and_one_for_customers() -> None:
    for name in ALERTS:
        collectors = [rule["labels"].get("collector") for rule in _ALERT_RULES if rule["alert"] == name]
        assert len(collectors) == 1 or collectors == ["jobs", "customer_jobs"], name


def test_what_is_optional_is_loaded_by_none_of_the_examples() -> None:
    for example in ("prometheus/prometheus.yml", "deploy/compose/prometheus.yml"):
        [pattern] = _load(_ROOT / example)["rule_files"]
        assert re.fullmatch(r"(?:/etc/prometheus/)?rules/\*(?:\.rules)?\.yaml", pattern), "* is no folder"


@pytest.mark.slow
@pytest.mark.parametrize("path", _TESTS, ids=lambda path: path.name)
def test_rules_behave(path: Path, monitoring: Monitoring) -> None:
    tested = _promtool(monitoring, "test", "rules", str(path))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_is_tested_before_firing_resolved_and_with_data_missing() -> None:
    for name in ALERTS:
        courses = list(_courses(name))
        assert any(_rises_and_falls(course) for _, course in courses), f"{name}: no test of before, firing, resolved"
        missing = [course for title, course in courses if "data missing" in title]
        assert missing, f"{name}: no test with data missing"
        assert not any(firing[-1] for firing in missing), f"{name}: fires on missing data"


def _courses(alert: str) -> Iterator[tuple[str, list[bool]]]:
    """Yield the title of each test of an alert, and whether it fires, in the order of time."""
    for group in (group for path in _TESTS for group in _load(path)["tests"]):
        checks = [check for check in group.get("alert_rule_test", ()) if check["alertname"] == alert]
        if checks and group["name"].startswith(f"{alert}:"):
            checks.sort(key=lambda check: parse_duration(check["eval_time"]))
            yield group["name"], [bool(check["exp_alerts"]) for check in checks]


def _rises_and_falls(course: list[bool]) -> bool:
    return any(course) and not course[0] and not course[-1]


def test_every_recording_rule_is_tested_with_data_and_without() -> None:
    checks = [check for path in _TESTS for group in _load(path)["tests"] for check in group.get("promql_expr_test", ())]
    tried = [(check["expr"], bool(check["exp_samples"])) for check in checks]
    tried += names_of([*RECORD_SCENARIOS, *SLOW_RECORD_SCENARIOS])
    for name in RECORDS:
        seen = {is_there for expression, is_there in tried if expression.partition("{")[0] == name}
        # A threshold is there without any data: that is its point.
        assert seen == ({True} if name in THRESHOLDS else {True, False}), f"{name}: tested with {seen}"


@pytest.mark.parametrize("alert", _ALERT_RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_must(alert: Rule) -> None:
    name, labels, annotations = alert["alert"], alert["labels"], alert["annotations"]
    assert re.fullmatch(r"AvePoint[A-Z][A-Za-z]+", name)
    assert labels.keys() <= {"severity", "collector"}
    assert labels["severity"] in ("critical", "warning", "info")
    assert not any("{{" in value for value in labels.values()), "a value in a label makes a new alert of each value"
    assert annotations.keys() == {"summary", "description", "runbook_url"}
    assert annotations["runbook_url"] == f"{_BASE}{name}.md"
    least = _LEAST_FOR.get(labels.get("collector", ""), 300.0)
    assert parse_duration(alert["for"]) >= least


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_a_runbook(name: str) -> None:
    text = (_RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["What it means", "Look first at", "What to do", "When to silence", "How to tune"]
    severity = ALERTS[name]["labels"]["severity"]
    index = (_RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert f"| [{name}]({name}.md) | {severity} |" in index


def test_no_runbook_is_left_over() -> None:
    assert {path.stem for path in _RUNBOOKS.glob("*.md")} == {*ALERTS, "README"}


def _walked() -> Mapping[str, Labels]:
    """Return the labels of all exposed and recorded series; recorded ones are found in the order of the file."""
    known = dict(exposed())
    # A rule may look back at its own series: what it finds there is what the rest of it makes.
    known.update({name: frozenset() for name in RECORDS})
    for _ in range(2):
        for rule in (rule for rule in _rules() if "record" in rule):
            found = Walk(known).labels(promql.parse(rule["expr"])) | frozenset(rule.get("labels", ()))
            known[rule["record"]] = known[rule["record"]] | found
    return known


KNOWN: Final = _walked()


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_names_only_what_is_exposed_or_recorded(rule: Rule) -> None:
    walk = Walk(KNOWN)
    labels = walk.labels(promql.parse(rule["expr"]))
    assert walk.findings == []
    if "alert" in rule:
        assert walk.comparisons, "an alert compares"
        known = labels | rule["labels"].keys()
        used = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
        assert used <= known
        assert {"customer_id"} & labels <= used, "which customer?"
        assert ("organization" in labels) == ("customer_id" in labels), "an alert of a customer says its name"


def test_the_walk_finds_mistakes() -> None:
    for expression in (
        "avepoint_upp",
        'avepoint_up{customer="x"}',
        'avepoint_up{collector=~"j.bs"}',
        "rate(avepoint_api_throttled_seconds_total[1m])",
        "sum by (customer_id) (avepoint_up)",
        "avepoint_up * on (account, workload) group_left (organization) avepoint_customer_info",
        "avepoint_customer_up * on (account, customer_id) group_left (name) avepoint_customer_info",
    ):
        walk = Walk(KNOWN)
        walk.labels(promql.parse(expression))
        assert walk.findings, expression


def _example(name: str) -> str:
    return str(_ROOT / "prometheus" / name)


def test_the_example_scrape_configuration_is_valid(monitoring: Monitoring) -> None:
    checked = _promtool(monitoring, "check", "config", _example("prometheus.yml"))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_thresholds_have_one_place() -> None:
    """An alert takes its number from a threshold series; only 0 and 1 are plain facts."""
    for alert in _ALERT_RULES:
        numbers = re.findall(r"(?:[<>]=?|==|!=)\s*(?:bool\s+)?([0-9][0-9.*e]*)", alert["expr"])
        assert set(numbers) <= {"0", "1"}, alert["alert"]
    used = "\n".join(rule["expr"] for rule in _rules())
    assert all(name in used for name in THRESHOLDS)


@pytest.mark.parametrize("name", [*ALERTS, "README"])
def test_what_a_runbook_queries_exists(name: str) -> None:
    text = (_RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    # Process metrics are prometheus_client's own.
    known = {**KNOWN, "process_start_time_seconds": KNOWN["up"], "process_resident_memory_bytes": KNOWN["up"]}
    walk = Walk(known)
    for query in re.findall(r"^ *```promql\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL):
        walk.labels(promql.parse(query.strip()))
    assert walk.findings == []
    for target in re.findall(r"\]\(([\w.]+\.md)\)", text):
        assert (_RUNBOOKS / target).exists(), target
    for series in re.findall(r"`(avepoint:[a-z_:]+)`", text):
        assert series in RECORDS
