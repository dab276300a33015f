"""Replace Grafana's macros and variables in the queries of a dashboard, and check names and labels in the queries."""

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import promql_parser as promql
import yaml
from prometheus_client import ProcessCollector

from tests.prometheus.expressions import Labels, Walk, exposed

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "prometheus" / "rules" / "avepoint.rules.yaml"
OPTIONAL: Final = tuple(sorted((RULES.parent / "optional").glob("*.rules.yaml")))
_MACROS: Final = {"$__rate_interval": "5m", "$__range": "6h", "$__interval": "5m"}
_OF_ALERTS: Final = ("1h", "6h")
"""Windows of alerts, for panels that show what an alert compares."""
_TARGET: Final = frozenset({"job", "instance"})
_VARIABLE: Final = re.compile(r"\$(\w+)")
_CALL: Final = re.compile(r"(?P<function>label_values|query_result)\((?P<body>.+)\)", re.DOTALL)
_NAMES: Final = re.compile(r'__name__=~"([\w|]+)", ')
_COUNTER: Final = ("_total", "_bucket", "_count", "_sum")


def replaced(text: str) -> str:
    """Replace macros and variables with valid values."""
    for macro, value in _MACROS.items():
        text = text.replace(macro, value)
    return _VARIABLE.sub("x", text)


@functools.cache
def known() -> Mapping[str, Labels]:
    """Return the labels of every exposed or recorded series."""
    process = ProcessCollector(registry=None).collect()
    series = {sample.name: _TARGET for metric in process for sample in metric.samples} | dict(exposed())
    files = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in (RULES, *OPTIONAL)]
    groups = [group for file in files for group in file["groups"]]
    records = [rule for group in groups for rule in group["rules"] if "record" in rule]
    for _ in range(4):  # repeat, because a rule may read its own series or a later rule's series
        for rule in records:
            labels = Walk(series).labels(promql.parse(rule["expr"])) | frozenset(rule.get("labels", {}))
            series[rule["record"]] = series.get(rule["record"], frozenset()) | labels
    return series


class Lint(Walk):
    """Infers labels as `Walk` does. Also checks that rates read counters, and that job and instance are matched."""

    def __init__(self, series: Mapping[str, Labels]) -> None:
        super().__init__(series)
        self.matched: set[str] = set()

    def _matrix(self, expression: promql.MatrixSelector) -> Labels:
        return self.labels(expression.vector_selector)  # other checks test the window

    def _selector(self, expression: promql.VectorSelector) -> Labels:
        labels = super()._selector(expression)
        names = {matcher.name for matcher in expression.matchers.matchers}
        self.matched |= names
        for wanted in sorted((_TARGET & labels) - names):
            self._note(False, f"{expression.name} has no matcher of {wanted}")
        return labels

    def _call(self, expression: promql.Call) -> Labels:
        labels = super()._call(expression)
        function = expression.func.name
        if function == "label_replace":
            return labels | {_text(expression.args[1])}
        if function in ("rate", "irate", "increase"):
            name = expression.args[0].vector_selector.name or ""
            self._note(name.endswith(_COUNTER), f"{function}() of {name}, which is no counter")
        return labels - {"le"} if function == "histogram_quantile" else labels


def _text(argument: Any) -> str:
    return str(argument.val)


def findings(text: str, *, needs_instance: bool = True) -> list[str]:
    """Return the errors of an expression."""
    if wrong := _wrong_windows(text):
        return wrong
    try:
        expression = promql.parse(replaced(text))
    except ValueError as error:
        return [f"does not parse: {error}"]
    lint = Lint(known())
    lint.labels(expression)
    if needs_instance and not lint.matched >= _TARGET:
        lint.findings.append("lacks a matcher of job or instance")
    return lint.findings


def _wrong_windows(text: str) -> list[str]:
    rates = re.findall(r"\b(?:rate|irate)\([^\[\]]*\[([^\]]+)\]", text)
    increases = re.findall(r"\bincrease\([^\[\]]*\[([^\]]+)\]", text)
    wrong = {window for window in rates if window not in ("$__rate_interval", *_OF_ALERTS)}
    wrong |= {window for window in increases if window not in ("$__rate_interval", "$__range", *_OF_ALERTS)}
    return [f"rate over {window}, not over $__rate_interval" for window in sorted(wrong)]


def series_labels(text: str) -> Labels:
    """Return the labels of an expression's series."""
    return Lint(known()).labels(promql.parse(replaced(text)))


def keeps_name(expression: Any) -> bool:
    """Return whether the result of an expression has a metric name.

    Grafana cannot merge rows of series with different metric names.
    """
    match expression:
        case promql.VectorSelector():
            return True
        case promql.ParenExpr():
            return keeps_name(expression.expr)
        case promql.BinaryExpr():
            operator = str(expression.op)
            compares = operator in (">", "<", ">=", "<=", "==", "!=")
            either = operator == "or" and keeps_name(expression.rhs)
            return either or ((operator in ("and", "or", "unless") or compares) and keeps_name(expression.lhs))
        case promql.AggregateExpr():
            return str(expression.op) in ("topk", "bottomk") and keeps_name(expression.expr)
        case promql.Call():
            return expression.func.name in ("label_replace", "last_over_time", "sort", "sort_desc") and any(
                keeps_name(argument) for argument in expression.args
            )
        case _:
            return isinstance(expression, promql.MatrixSelector)


def variable_expressions(query: str) -> Iterator[tuple[str, str]]:
    """For each metric name in a variable's query, yield an expression and the label that the query selects."""
    call = _CALL.fullmatch(query)
    if call is None:
        raise ValueError(f"neither label_values nor query_result: {query}")
    body, label = call["body"], ""
    if call["function"] == "label_values":
        body, _, label = body.rpartition(", ")
    names = _NAMES.search(body)
    for name in names[1].split("|") if names else [""]:
        yield (f"{name}{_NAMES.sub('', body)}" if names else body), label
