"""All rules are valid, have tests, and select only existing series."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import promql_parser as promql
import pytest
import yaml

from exporter.collectors.base import Collector
from exporter.collectors.registry import COLLECTORS
from exporter.config.sections import parse_duration
from exporter.health.registry import PROBLEMS
from grafana.dashboards_src.thresholds import stale_after
from tests.programs import Monitoring
from tests.prometheus.alert_scenarios import ALERT_SCENARIOS
from tests.prometheus.expressions import Labels, Walk, exposed
from tests.prometheus.portfolio_scenarios import PORTFOLIO_SCENARIOS, SLOW_PORTFOLIO_SCENARIOS
from tests.prometheus.problem_scenarios import ALERT_OF
from tests.prometheus.record_scenarios import RECORD_SCENARIOS
from tests.prometheus.scenario import Scenario, names_of

_ROOT: Final = Path(__file__).parents[2]
_RULES: Final = _ROOT / "prometheus" / "rules" / "avepoint.rules.yaml"
_RUNBOOKS: Final = _ROOT / "docs" / "runbooks"
_BASE: Final = "https://github.com/avepoint-exporter/avepoint-exporter/blob/main/docs/runbooks/"
_MOST_LINES: Final = 700
_MOST_RECORDS: Final = 40

Rule = dict[str, Any]


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


_GROUPS: Final = _load(_RULES)["groups"]


def _rules() -> list[Rule]:
    return [rule for group in _GROUPS for rule in group["rules"]]


ALERTS: Final = {rule["alert"]: rule for rule in _rules() if "alert" in rule}
RECORDS: Final = {rule["record"]: rule for rule in _rules() if "record" in rule}
_SCENARIOS: Final = [scenario for scenarios in ALERT_SCENARIOS.values() for scenario in scenarios]
_SEVERITY_OF_PROBLEM: Final[Mapping[str, str]] = {
    ALERT_OF[one.name]: one.severity for one in PROBLEMS if one.name in ALERT_OF
}
_SEVERITIES_OF_PROBLEMS: Final = "severity of the problem"


def severity(alert: str) -> str:
    """Return the severity of the alert. If the alert covers several problems, return "severity of the problem"."""
    own: str = ALERTS[alert].get("labels", {}).get("severity", "")
    return own or _SEVERITY_OF_PROBLEM.get(alert, _SEVERITIES_OF_PROBLEMS)


def _promtool(monitoring: Monitoring, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [monitoring.program("promtool"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=_ROOT)


def test_promtool_finds_nothing_to_complain_about(monitoring: Monitoring) -> None:
    checked = _promtool(monitoring, "check", "rules", "--lint=all", "--lint-fatal", str(_RULES))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert sum(map(int, re.findall(r"(\d+) rules found", checked.stdout))) == len(_rules())


def test_rules_are_few_and_short() -> None:
    text = _RULES.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= _MOST_LINES
    assert len(RECORDS) <= _MOST_RECORDS
    assert len(_rules()) == len(ALERTS) + len(RECORDS), "one rule per name"


def test_each_problem_has_an_alert() -> None:
    for name, alert in ALERT_OF.items():
        assert re.search(rf'problem="{name}"', ALERTS[alert]["expr"])
        assert "labels" not in ALERTS[alert], "the series contain the severity"
    [matcher] = re.findall(r'problem!~"(.*?)"', ALERTS["AvePointOtherProblem"]["expr"])
    assert set(matcher.split("|")) == {one.name for one in PROBLEMS}


def test_every_alert_is_tested_before_firing_resolved_and_with_data_missing() -> None:
    for name in ALERTS:
        courses = [(scenario.name, list(_course(scenario, name))) for scenario in _SCENARIOS]
        assert any(True in course and course[0] is course[-1] is False for _, course in courses), name
        assert any(course and "data missing" in title for title, course in courses), f"{name}: data missing"


def _course(scenario: Scenario, alert: str) -> Iterator[bool]:
    """For each check, in chronological order, yield whether the alert fires."""
    for _, expression, expected in sorted(scenario.checks, key=lambda check: parse_duration(check[0])):
        if re.fullmatch(re.findall(r'alertname=~"(.*?)"', expression)[0], alert):
            yield any(expected.values())


def test_every_recording_rule_is_tested_with_data_and_without() -> None:
    tried = set(names_of([*RECORD_SCENARIOS, *PORTFOLIO_SCENARIOS, *SLOW_PORTFOLIO_SCENARIOS]))
    for name in RECORDS:
        seen = {is_there for expression, is_there in tried if expression.partition("{")[0] == name}
        assert seen == {True, False}, f"{name}: tested with {seen}"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_it_must(name: str) -> None:
    alert = ALERTS[name]
    labels, annotations = alert.get("labels", {}), alert["annotations"]
    assert re.fullmatch(r"AvePoint[A-Z][A-Za-z]+", name)
    assert labels.keys() <= {"severity"}
    assert severity(name) in ("critical", "warning", "info", _SEVERITIES_OF_PROBLEMS)
    assert annotations.keys() == {"summary", "description", "runbook_url"}
    assert _page(name).is_file()
    assert parse_duration(alert["for"]) >= 600, "a shorter `for` falls back to pending if Prometheus restarts"


def _page(alert: str) -> Path:
    url: str = ALERTS[alert]["annotations"]["runbook_url"]
    assert url.startswith(_BASE)
    return _RUNBOOKS / url.removeprefix(_BASE)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_a_runbook(name: str) -> None:
    page = _page(name)
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}\n")
    assert name in text
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["What it means", "What to check", "What to do", "When to silence", "How to tune"]
    index = (_RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert f"| [{name}]({page.name}) | {severity(name)} |" in index


def test_no_runbook_is_left_over() -> None:
    assert {path.stem for path in _RUNBOOKS.glob("*.md")} == {"README"} | {_page(name).stem for name in ALERTS}


def _walked() -> Mapping[str, Labels]:
    """Return the labels of all exposed and recorded series."""
    known = dict(exposed())
    # If a recording rule reads its own series, the rest of its expression determines the labels of the series.
    known.update({name: frozenset() for name in RECORDS})
    known["ALERTS"] = exposed()["avepoint_problem"] | {"alertname", "alertstate", "collector", "organization"}
    for _ in range(3):
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
        assert walk.comparisons, "an alert must compare values"
        known = labels | rule.get("labels", {}).keys()
        used = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
        assert used <= known
        assert {"customer_id"} & labels <= used, "which customer?"
        assert ("organization" in labels) == ("customer_id" in labels), "a customer alert must contain the name"


@pytest.mark.parametrize("kind", COLLECTORS, ids=lambda kind: kind.name)
def test_data_are_stale_after_three_intervals_and_before_they_are_dropped(kind: type[Collector[Any, Any]]) -> None:
    options = kind.options_type()
    limit = min(seconds for matcher, seconds in stale_after() if _selects(matcher, kind.name))
    assert limit == max(3 * 3600, 3 * options.interval)
    assert limit <= options.stale_after


def _selects(matcher: str, collector: str) -> bool:
    if not matcher:
        return True
    operator, names, _ = matcher.removeprefix("collector").split('"')
    return (collector in names.split("|")) == (operator == "=~")


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


@pytest.mark.parametrize("page", sorted(_RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_what_a_runbook_queries_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = {**KNOWN, "process_resident_memory_bytes": KNOWN["up"]}
    walk = Walk(known)
    for query in re.findall(r"^ *```promql\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL):
        walk.labels(promql.parse(query.strip()))
    assert walk.findings == []
    for target in re.findall(r"\]\(([\w.]+\.md)\)", text):
        assert (_RUNBOOKS / target).exists(), target
    for series in re.findall(r"`(avepoint:[a-z_:]+)`", text):
        assert series in RECORDS
