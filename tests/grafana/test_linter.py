"""Each test adds an error to a valid dashboard. The linter must report the error."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.grafana import linter
from tests.grafana.linter import Json, lint, lint_together, panels
from tests.grafana.promql import ROOT, findings, keeps_name, variable_expressions

GOOD = json.loads((ROOT / "grafana" / "dashboards" / "overview.json").read_text(encoding="utf-8"))
UP = 'avepoint_up{job=~"$job", instance=~"$instance"}'


def _panel(board: Json, kind: str) -> Json:
    return next(panel for panel in panels(board) if panel["type"] == kind)


def _set(*path: str | int, to: Any) -> Callable[[Json], None]:
    def spoil(board: Json) -> None:
        place: Any = board
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return spoil


def _in(kind: str, *path: str | int, to: Any) -> Callable[[Json], None]:
    return lambda board: _set(*path, to=to)(_panel(board, kind))


def _expr(expr: str, kind: str = "stat") -> Callable[[Json], None]:
    return _in(kind, "targets", 0, "expr", to=expr)


def _links(board: Json, url: str = "/d/avepoint-customers") -> None:
    for panel in panels(board):
        for override in panel["fieldConfig"].get("overrides", []):
            for item in override["properties"]:
                if item["id"] == "links":
                    item["value"][0]["url"] = url


def _merge(board: Json) -> None:
    table = next(panel for panel in panels(board) if len(panel["targets"]) > 2)
    for target in table["targets"]:
        target["expr"] = UP


def _unmerged(board: Json) -> None:
    table = next(panel for panel in panels(board) if len(panel["targets"]) > 2)
    table["transformations"] = []


def _override(board: Json) -> None:
    table = next(panel for panel in panels(board) if len(panel["targets"]) > 2)
    steps = {"mode": "absolute", "steps": [{"value": None, "color": "green"}, {"value": 0.77, "color": "red"}]}
    table["fieldConfig"]["overrides"][0]["properties"].append({"id": "thresholds", "value": steps})


CASES: dict[str, tuple[Callable[[Json], None], str]] = {
    "editable": (_set("editable", to=True), "frame: is editable"),
    "uid": (_set("uid", to="P1809F7CD0C75ACF3"), "frame: has no stable uid"),
    "tag": (_set("tags", to=[]), "frame: lacks the tag"),
    "description": (_set("description", to=""), "frame: lacks a title or a description"),
    "server's id": (_set("id", to=7), "frame: has a server's id"),
    "ids": (_set("panels", 1, "id", to=1), "ids: "),
    "no id": (_set("panels", 1, "id", to=None), "ids: "),
    "overlap": (_set("panels", 1, "gridPos", "x", to=2), "grid: Customers with a critical problem and Overdue overlap"),
    "off the grid": (
        _set("panels", 0, "gridPos", "w", to=25),
        "grid: Customers with a critical problem: is off the grid",
    ),
    "panel's data source": (_in("table", "datasource", "uid", to="prom"), "asks another data source"),
    "query's data source": (_in("stat", "targets", 0, "datasource", to=None), "datasource: A: asks another"),
    "variable's data source": (_set("templating", "list", 1, "datasource", "uid", to="x"), "datasource: job: asks"),
    "no title": (_in("stat", "title", to=""), "the title is missing"),
    "same title": (_in("stat", "title", to="Overdue"), "words: Overdue: the title is missing or not unique"),
    "no advice": (_in("stat", "description", to="A number that is shown here for everybody to see."), "what to do"),
    "unit": (
        _in("stat", "fieldConfig", "defaults", "unit", to=""),
        "values: Customers with a critical problem: has no unit",
    ),
    "no data": (_in("stat", "fieldConfig", "defaults", "noValue", to=""), "has no text for no data"),
    "legend": (
        _in("stat", "targets", 0, "legendFormat", to="__auto"),
        "legend: Customers with a critical problem: a query has no legend",
    ),
    "hidden legend": (_in("timeseries", "options", "legend", "showLegend", to=False), "hides its legend"),
    "syntax": (_expr("sum("), "expressions: Customers with a critical problem A: does not parse"),
    "metric": (_expr(f"sum({UP.replace('_up', '_down')})"), "'avepoint_down' is neither exposed nor recorded"),
    "matcher's label": (_expr(f'sum({UP[:-1]}, tenant="a"}})'), "avepoint_up has no label tenant"),
    "aggregation's label": (_expr(f"sum by (tenant) ({UP})"), "aggregates by labels that are not there"),
    "no job": (_expr('sum(avepoint_up{instance=~"$instance"})'), "avepoint_up has no matcher of job"),
    "no instance": (_expr('sum(avepoint_up{job=~"$job"})'), "avepoint_up has no matcher of instance"),
    "no instance at all": (_expr('sum(account:avepoint_up:min{job=~"$job"})'), "lacks a matcher of job or instance"),
    "window": (_expr(f"sum(rate({UP.replace('_up', '_parse_errors_total')}[5m]))"), "rate over 5m"),
    "increase": (_expr(f"sum(increase({UP.replace('_up', '_parse_errors_total')}[2h]))"), "rate over 2h"),
    "no counter": (_expr(f"sum(rate({UP}[$__rate_interval]))"), "rate() of avepoint_up, which is no counter"),
    "two of one letter": (_in("timeseries", "targets", 1, "refId", to="A"), "has no query, or two of one letter"),
    "legend's label": (
        _in("timeseries", "targets", 0, "legendFormat", to="{{pod}}"),
        "names a label that is not there",
    ),
    "many numbers": (_expr(UP), "numbers: Customers with a critical problem: may be more than one number"),
    "no calculation": (
        _in("stat", "options", "reduceOptions", "calcs", to=[]),
        "numbers: Customers with a critical problem: has no calc",
    ),
    "names apart": (_merge, "merges: All problems: metric names keep its rows apart"),
    "not merged": (_unmerged, "merges: All problems: its queries are not merged"),
    "first variable": (
        _set("templating", "list", 0, "label", to="Prometheus"),
        "first variable is not the data source",
    ),
    "chosen": (_set("templating", "list", 0, "current", to={"value": "x"}), "the data source is chosen in advance"),
    "chain": (_set("templating", "list", 2, "name", to="pod"), "variables: the variables are not the chain"),
    "multi": (_set("templating", "list", 3, "multi", to=False), "variables: account: multi is not True"),
    "all": (_set("templating", "list", 3, "allValue", to=".*"), "variables: account: allValue is not .+"),
    "refresh": (_set("templating", "list", 3, "refresh", to=1), "variables: account: refresh is not 2"),
    "loose": (_set("templating", "list", 3, "query", "query", to="label_values(avepoint_up, account)"), "not chained"),
    "variable's label": (
        _set("templating", "list", 3, "query", "query", to=f"label_values({UP}, tenant)"),
        "variables: account: there is no label tenant",
    ),
    "threshold": (
        _in("stat", "fieldConfig", "defaults", "thresholds", "steps", 1, "value", to=3),
        "thresholds: Customers with a critical problem: no alert fires at 3",
    ),
    "column's threshold": (_override, "thresholds: All problems: no alert fires at 0.77"),
    "no links": (_set("links", to=[]), "links: has no link to the other dashboards"),
    "forgetful link": (_links, "links: Problems: a link forgets what was chosen"),
}


def test_the_good_one_is_good() -> None:
    assert lint(GOOD) == []


@pytest.mark.parametrize(("spoil", "finding"), CASES.values(), ids=CASES)
def test_a_spoilt_one_is_found(spoil: Callable[[Json], None], finding: str) -> None:
    board = copy.deepcopy(GOOD)
    spoil(board)
    assert any(finding in found for found in lint(board)), lint(board)


def test_every_rule_has_a_case() -> None:
    spoilt = set()
    for spoil, _ in CASES.values():
        board = copy.deepcopy(GOOD)
        spoil(board)
        spoilt |= {found.partition(":")[0] for found in lint(board)}
    assert spoilt == {rule.__name__ for rule in linter.RULES}


def test_a_variable_that_nothing_uses_is_found() -> None:
    board = copy.deepcopy(GOOD)
    for _, target in linter.queries(board):
        target["expr"] = target["expr"].replace("$account", "x")
    assert "variables: account: is not used" in lint(board)


def test_dashboards_are_compared() -> None:
    assert lint_together([GOOD]) != []  # GOOD links to dashboards that are not in this list
    copied = copy.deepcopy(GOOD)
    copied["schemaVersion"] = 1
    found = lint_together([GOOD, copied])
    assert "two dashboards have one uid" in found
    assert "there is more than one schemaVersion" in found


def test_names_in_links_are_compared() -> None:
    url = "/d/avepoint-overview?${job:queryparam}&${x:queryparam}&var-y=1&var-account=${__data.fields.Nothing}"
    board = copy.deepcopy(GOOD)
    _links(board, url)
    titles = {finding.partition(": ")[2] for finding in lint_together([board])}
    assert titles == {
        "no variable x to keep", "no variable x to set", "no variable y to set", "instance is lost",
        "no column Nothing",
    }  # fmt: skip


def test_names_are_followed() -> None:
    import promql_parser as promql  # noqa: PLC0415 - here alone

    kept = ("a", "(a)", "a and b", "1 * b or a", "a > 1", "topk(1, a)", 'label_replace(a, "x", "", "y", "")', "sort(a)")
    lost = ("sum(a)", "a * b", "sum(a) or 1 * b", "rate(a[5m])", "1", "-a")
    assert [text for text in kept if not keeps_name(promql.parse(text))] == []
    assert [text for text in lost if keeps_name(promql.parse(text))] == []


def test_queries_of_variables_are_understood() -> None:
    query = 'label_values({__name__=~"a|b", job=~"$job"}, workload)'
    assert list(variable_expressions(query)) == [('a{job=~"$job"}', "workload"), ('b{job=~"$job"}', "workload")]
    with pytest.raises(ValueError, match="neither"):
        list(variable_expressions("metrics(a)"))
    assert findings("a{b!=~}")[0].startswith("does not parse")
