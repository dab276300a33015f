"""Every query of every dashboard returns data in a Prometheus that scrapes the demo and evaluates the rules."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from tests.e2e.processes import Prometheus, eventually, exporter, fetch, prometheus
from tests.grafana.linter import Json, queries
from tests.grafana.promql import ROOT, RULES, variable_expressions
from tests.programs import program

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FILES: Final = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
CONFIG: Final = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: avepoint
    static_configs: [{{targets: ["{target}"]}}]
"""
MAY_BE_EMPTY: Final = {
    ("Tokens and certificates", "B"): "no account requested a second token within the hour, and increase() needs two",
    ("Tokens and certificates", "D"): "the accounts of the demo authenticate with secrets",
    ("Collectors", "E"): "nothing is stale",
    ("Workloads", "B"): "perhaps no backup is overdue",
    ("Workloads", "C"): "perhaps no workload has another problem",
}
_RANGE: Final = 5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus server that has scraped the demo for a few seconds."""
    folder = tmp_path_factory.mktemp("dashboards")
    rules = _hurried_rules(folder)
    with exporter(folder, "demo", "--scenario", "varied", "--customers", "20", "--speed", "240") as running:
        eventually(lambda: fetch(f"{running.url}/-/ready").status == 200, what="ready")
        config = CONFIG.format(rules=rules, target=running.url.removeprefix("http://"))
        with prometheus(program("prometheus"), folder, config) as running_server:
            growth = f"avepoint_customer_protected_data_bytes offset {_RANGE}s"
            eventually(lambda: bool(running_server.query(growth)), what="history")
            yield running_server


def _hurried_rules(folder: Path) -> Path:
    """Write the rules with short intervals and short offsets. As a result, the test takes only seconds."""
    text = re.sub(r"(?m)^    interval: .+\n", "", RULES.read_text(encoding="utf-8"))
    hurried = folder / RULES.name
    hurried.write_text(text.replace("offset 10m", "offset 2s"), encoding="utf-8")
    return hurried


def _asked(text: str) -> str:
    """Return the query that Grafana sends if the user chooses "All" for each variable."""
    text = text.replace("$__rate_interval", f"{_RANGE}s").replace("$__range", f"{_RANGE}s")
    return re.sub(r"\$(job|instance|account|customer|workload)\b", ".+", text)


def _range(server: Prometheus, expr: str) -> list[dict[str, Any]]:
    now = int(time.time())
    asked = urlencode({"query": expr, "start": now - _RANGE, "end": now, "step": 1})
    answer = json.loads(fetch(f"{server.url}/api/v1/query_range?{asked}").body)
    assert answer["status"] == "success", answer
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


def _has_data(server: Prometheus, target: Json) -> bool:
    expr = _asked(target["expr"])
    return bool(server.query(expr) if target.get("instant") else _range(server, expr))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_query_returns_data(server: Prometheus, path: Path) -> None:
    board: Json = json.loads(path.read_text(encoding="utf-8"))
    empty = [
        (panel["title"], target["refId"])
        for panel, target in queries(board)
        if (panel["title"], target["refId"]) not in MAY_BE_EMPTY and not _has_data(server, target)
    ]
    # Wait for rules that Prometheus has not evaluated yet.
    eventually(lambda: not [one for one in _again(board, empty) if not _has_data(server, one)], what=f"{empty}")


def _again(board: Json, wanted: list[tuple[str, str]]) -> list[Json]:
    return [target for panel, target in queries(board) if (panel["title"], target["refId"]) in wanted]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_variable_offers_something(server: Prometheus, path: Path) -> None:
    board: Json = json.loads(path.read_text(encoding="utf-8"))
    for variable in board["templating"]["list"][1:]:
        for expr, label in variable_expressions(variable["query"]["query"]):
            found = server.query(_asked(expr))
            assert found, variable["name"]
            assert not label or any(label in series["metric"] for series in found), variable["name"]


def test_customers_are_offered_by_name_and_asked_for_by_id(server: Prometheus) -> None:
    board: Json = json.loads((ROOT / "grafana" / "dashboards" / "customers.json").read_text(encoding="utf-8"))
    variable = next(one for one in board["templating"]["list"] if one["name"] == "customer")
    pattern = re.compile(variable["regex"].strip("/").replace("?<", "?P<"))
    ((expr, _),) = variable_expressions(variable["query"]["query"])
    for series in server.query(_asked(expr)):
        text = ",".join(f'{name}="{value}"' for name, value in sorted(series["metric"].items()))
        match = pattern.search(text)
        assert match is not None
        assert match.groupdict() == {"value": series["metric"]["customer_id"], "text": series["metric"]["organization"]}
    unnamed = pattern.search('{customer_id="1"}')
    assert unnamed is not None
    assert unnamed.groupdict() == {"value": "1", "text": None}


def test_what_may_be_empty_is_there() -> None:
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in FILES]
    titles = {(panel["title"], target["refId"]) for board in boards for panel, target in queries(board)}
    assert set(MAY_BE_EMPTY) <= titles


def test_the_status_page_the_metrics_and_the_overview_have_the_same_numbers(server: Prometheus) -> None:
    board: Json = json.loads((ROOT / "grafana" / "dashboards" / "overview.json").read_text(encoding="utf-8"))
    critical = next(panel for panel, _ in queries(board) if panel["title"] == "Customers with a critical problem")
    wrong = next(panel for panel, _ in queries(board) if panel["title"] == "All problems")["targets"][1]
    page = server.targets()[0]["scrapeUrl"].replace("/metrics", "/")

    def say_the_same() -> bool:
        headline = re.search(r"([\d,]+) of ([\d,]+) customers with a critical problem", fetch(page).text)
        shown = [server.value(_asked(target["expr"])) for target in critical["targets"]]
        by_problem = {one["metric"]["problem"]: one["value"][1] for one in server.query(_asked(wrong["expr"]))}
        return (
            headline is not None
            and shown == [float(number.replace(",", "")) for number in headline.groups()]
            and shown[0] == server.value(f"count({_EACH} (avepoint_problem{{severity='critical'}}))")
            and by_problem == _by_problem(server, 'sum by (problem) (avepoint_verdict_customers{verdict="wrong"})')
            and {name: count for name, count in by_problem.items() if count != "0"}
            == _by_problem(server, f"count by (problem) ({_EACH[:-1]}, problem) (avepoint_problem))")
        )

    eventually(say_the_same, what="the same numbers")


_EACH: Final = "group by (job, account, customer_id)"


def _by_problem(server: Prometheus, expression: str) -> dict[str, str]:
    return {one["metric"]["problem"]: one["value"][1] for one in server.query(expression)}
