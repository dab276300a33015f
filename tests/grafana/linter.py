"""Rules that all dashboards must follow. Each rule is a function that yields the errors of a dashboard."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import promql_parser as promql

from grafana.dashboards_src.thresholds import thresholds_of_alerts
from tests.grafana.promql import findings, keeps_name, known, replaced, series_labels, variable_expressions

Json = dict[str, Any]
Rule = Callable[[Json], Iterator[str]]
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
CHAIN: Final = ("job", "instance", "account", "customer", "workload")
_ADVICE: Final = re.compile(r"\b(If|red|orange|good|deserves|needs)\b")
_WITH_LEGEND: Final = ("timeseries",)
_COUNTS: Final = {0.0, 0.5, 1.0, 1.0001}
"""Thresholds of counts, and the threshold just above 100 %."""


def panels(board: Json) -> list[Json]:
    """Return the panels of a dashboard, without row titles."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(board: Json) -> Iterator[tuple[Json, Json]]:
    """For each query of each panel, yield the panel and the query."""
    yield from ((panel, target) for panel in panels(board) for target in panel["targets"])


def frame(board: Json) -> Iterator[str]:
    """A dashboard is not editable, and has a stable uid, a title, a description, the common tag and no numeric id."""
    if board.get("editable") is not False:
        yield "is editable"
    if not re.fullmatch(r"avepoint-[a-z-]+", board.get("uid") or ""):
        yield "has no stable uid"
    if "avepoint" not in board.get("tags", []):
        yield "lacks the tag"
    if not board.get("title") or not board.get("description"):
        yield "lacks a title or a description"
    if board.get("id") is not None:
        yield "has a server's id"


def ids(board: Json) -> Iterator[str]:
    """Each panel has a unique id."""
    numbers = [panel.get("id") for panel in board["panels"]]
    if len(set(numbers)) != len(numbers) or not all(isinstance(number, int) and number > 0 for number in numbers):
        yield f"ids of panels are missing or not unique: {numbers}"


def grid(board: Json) -> Iterator[str]:
    """Panels fit on the grid and do not overlap."""
    for panel in board["panels"]:
        place = panel["gridPos"]
        if place["x"] < 0 or place["x"] + place["w"] > 24 or place["w"] < 1 or place["h"] < 1:
            yield f"{panel['title']}: is off the grid"
    for one, other in combinations(board["panels"], 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield f"{one['title']} and {other['title']} overlap"


def _overlap(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (apart_x or apart_y)


def datasource(board: Json) -> Iterator[str]:
    """Panels, queries and variables use the data source variable, never a fixed data source."""
    owners = [*panels(board), *(target for _, target in queries(board)), *_asking(board)]
    for owner in owners:
        if owner.get("datasource") != DATASOURCE:
            yield f"{owner.get('title') or owner.get('name') or owner.get('refId')}: asks another data source"


def words(board: Json) -> Iterator[str]:
    """Each panel has a unique title, and a description with advice."""
    titles = [panel.get("title") for panel in panels(board)]
    for title in {title for title in titles if titles.count(title) > 1 or not title}:
        yield f"{title}: the title is missing or not unique"
    for panel in panels(board):
        description = panel.get("description", "")
        if len(description) < 40 or not _ADVICE.search(description):
            yield f"{panel['title']}: the description does not say what to do"


def values(board: Json) -> Iterator[str]:
    """Each panel has a unit, and a text for missing data."""
    for panel in panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        if not defaults.get("unit"):
            yield f"{panel['title']}: has no unit"
        if not defaults.get("noValue"):
            yield f"{panel['title']}: has no text for no data"


def legend(board: Json) -> Iterator[str]:
    """Each query has a legend, and panels with several series show the legend."""
    for panel, target in queries(board):
        if not target.get("legendFormat") or target["legendFormat"] == "__auto":
            yield f"{panel['title']}: a query has no legend"
    for panel in panels(board):
        if panel["type"] in _WITH_LEGEND and not panel["options"].get("legend", {}).get("showLegend"):
            yield f"{panel['title']}: hides its legend"


def expressions(board: Json) -> Iterator[str]:
    """Each query is valid, has the required matchers and windows, and selects only existing series."""
    for panel, target in queries(board):
        for finding in findings(target.get("expr", "")):
            yield f"{panel['title']} {target.get('refId')}: {finding}"
    for panel in panels(board):
        letters = [target["refId"] for target in panel["targets"]]
        if not letters or len(set(letters)) != len(letters):
            yield f"{panel['title']}: has no query, or two of one letter"


def labels_of_legends(board: Json) -> Iterator[str]:
    """A legend uses only labels that the query's series can have."""
    for panel, target in queries(board):
        named = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target.get("legendFormat", "")))
        if named and not findings(target["expr"]) and not named <= series_labels(target["expr"]):
            yield f"{panel['title']}: the legend names a label that is not there"


def numbers(board: Json) -> Iterator[str]:
    """A stat panel shows one number from a single series. With several series, customers may be counted twice."""
    for panel in panels(board):
        if panel["type"] != "stat":
            continue
        if not panel["options"]["reduceOptions"].get("calcs"):
            yield f"{panel['title']}: has no calculation"
        for target in panel["targets"]:
            if not findings(target["expr"]) and series_labels(target["expr"]):
                yield f"{panel['title']}: may be more than one number"


def merges(board: Json) -> Iterator[str]:
    """At most one query of a table keeps the metric name. Otherwise, Grafana cannot merge the rows."""
    for panel in panels(board):
        if panel["type"] == "table" and len(panel["targets"]) > 1:
            trees = [promql.parse(replaced(target["expr"])) for target in panel["targets"]]
            if sum(keeps_name(tree) for tree in trees) > 1:
                yield f"{panel['title']}: metric names keep its rows apart"
            if not any(step["id"] == "merge" for step in panel.get("transformations", [])):
                yield f"{panel['title']}: its queries are not merged"


def variables(board: Json) -> Iterator[str]:
    """The data source is the first variable.

    The other variables have the order of CHAIN, depend on earlier variables, and occur in queries.
    """
    first, *asking = board["templating"]["list"]
    if (first["name"], first["label"], first["type"]) != ("datasource", "Data source", "datasource"):
        yield "the first variable is not the data source"
    if first.get("current"):
        yield "the data source is chosen in advance"
    names = tuple(variable["name"] for variable in asking)
    if names != CHAIN[: len(names)] or len(names) < 3:
        yield f"the variables are not the chain: {names}"
    shown = "".join(target["expr"] for _, target in queries(board))
    for position, variable in enumerate(asking):
        yield from _variable(variable, names[:position])
        if not re.search(rf"\${variable['name']}\b", shown):
            yield f"{variable['name']}: is not used"


def _variable(variable: Json, earlier: Sequence[str]) -> Iterator[str]:
    name = variable["name"]
    wanted = {"multi": True, "includeAll": True, "allValue": ".+", "refresh": 2, "type": "query"}
    for key, value in wanted.items():
        if variable.get(key) != value:
            yield f"{name}: {key} is not {value}"
    query = variable["query"]["query"]
    missing = [other for other in earlier if f"${other}" not in query]
    if missing:
        yield f"{name}: is not chained to {missing}"
    for expr, label in variable_expressions(query):
        for finding in findings(expr, needs_instance=len(earlier) > 1) if earlier else ():
            if not (len(earlier) == 1 and finding.endswith("no matcher of instance")):
                yield f"{name}: {finding}"
        if label and label not in known().get(expr.partition("{")[0], frozenset()):
            yield f"{name}: there is no label {label}"


def _asking(board: Json) -> list[Json]:
    return [variable for variable in board["templating"]["list"] if variable["type"] == "query"]


def thresholds(board: Json) -> Iterator[str]:
    """Colors change at the thresholds of alerts."""
    alerts = set(thresholds_of_alerts().values())
    allowed = alerts | {1 - value for value in alerts if value < 1} | _COUNTS
    for panel in panels(board):
        config = panel["fieldConfig"]
        found = [config["defaults"].get("thresholds", {}).get("steps", [])]
        found += [
            item["value"]["steps"]
            for override in config.get("overrides", [])
            for item in override["properties"]
            if item["id"] == "thresholds"
        ]
        for step in (step for steps in found for step in steps):
            if step.get("value") is not None and step["value"] not in allowed:
                yield f"{panel['title']}: no alert fires at {step['value']}"


def links(board: Json) -> Iterator[str]:
    """Links lead to the other dashboards and keep the variables."""
    if not any(
        link["type"] == "dashboards" and link["tags"] == ["avepoint"] and link["includeVars"] and link["keepTime"]
        for link in board.get("links", [])
    ):
        yield "has no link to the other dashboards"
    for panel in panels(board):
        for url in data_links(panel):
            if not all(
                part in url for part in ("${datasource:queryparam}", "${job:queryparam}", "${__url_time_range}")
            ):
                yield f"{panel['title']}: a link forgets what was chosen"


def data_links(panel: Json) -> list[str]:
    """Return the URLs of links in the cells of tables."""
    overrides = panel["fieldConfig"].get("overrides", [])
    items = [item for override in overrides for item in override["properties"] if item["id"] == "links"]
    return [link["url"] for item in items for link in item["value"]]


RULES: Final[Sequence[Rule]] = (
    frame, ids, grid, datasource, words, values, legend, expressions, labels_of_legends, numbers, merges, variables,
    thresholds, links,
)  # fmt: skip


def lint(board: Json) -> list[str]:
    """Return the findings of all rules on one dashboard."""
    return [f"{rule.__name__}: {finding}" for rule in RULES for finding in rule(board)]


def lint_together(boards: Sequence[Json]) -> list[str]:
    """Return the findings of rules that compare dashboards with each other."""
    uids = [board["uid"] for board in boards]
    found = [] if len(set(uids)) == len(uids) else ["two dashboards have one uid"]
    if len({board["schemaVersion"] for board in boards}) != 1:
        found.append("there is more than one schemaVersion")
    for board in boards:
        for panel in panels(board):
            for url in data_links(panel):
                match = re.match(r"/d/([\w-]+)\?", url)
                if match is None or match[1] not in uids:
                    found.append(f"{panel['title']}: links to no dashboard here")
                else:
                    found += _unknown_names(url, panel, board, boards[uids.index(match[1])])
    return found


def _unknown_names(url: str, panel: Json, board: Json, target: Json) -> Iterator[str]:
    """Yield an error for each unknown variable or column in a link, and for each missing variable."""
    here, there = ({variable["name"] for variable in one["templating"]["list"]} for one in (board, target))
    kept, set_to = (set(re.findall(pattern, url)) for pattern in (r"\$\{(\w+):queryparam\}", r"[?&]var-(\w+)="))
    columns = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
    yield from (f"{panel['title']}: no variable {name} to keep" for name in sorted(kept - here))
    yield from (f"{panel['title']}: no variable {name} to set" for name in sorted((kept | set_to) - there))
    yield from (f"{panel['title']}: {name} is lost" for name in ("instance", "account") if name not in kept | set_to)
    for name in re.findall(r"__data\.fields\.(\w+)", url):
        if name not in columns:
            yield f"{panel['title']}: no column {name}"
