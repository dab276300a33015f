"""Infer the labels of an expression's series, and report unknown metric names."""

from collections.abc import Callable, Mapping
from typing import Final

import promql_parser as promql
from prometheus_client.metrics import MetricWrapperBase

from exporter.collectors.registry import families
from exporter.exposition.exporter_metrics import OwnMetrics
from exporter.exposition.page import STATUS_FAMILIES
from exporter.health.families import FAMILIES as VERDICT_FAMILIES

Labels = frozenset[str]
_TARGET: Final = frozenset({"job", "instance"})
_SETS: Final = ("and", "or", "unless")
_REMOVED_IN_3: Final = ("holt_winters",)


def exposed() -> Mapping[str, Labels]:
    """Return the labels of `up` and of each metric of the exporter. Include the labels that a scrape adds."""
    names = {family.name: frozenset(family.labels) for family in (*families(), *VERDICT_FAMILIES, *STATUS_FAMILIES)}
    for metric in OwnMetrics(with_process=False)._registry._collector_to_names:
        if isinstance(metric, MetricWrapperBase):
            names.update(_own_series(metric))
    names["avepoint_exporter_build_info"] = frozenset({"version", "python_version"})
    names["process_start_time_seconds"] = frozenset()
    names["up"] = frozenset()
    return {name: labels | _TARGET for name, labels in names.items()}


def _own_series(metric: MetricWrapperBase) -> Mapping[str, Labels]:
    labels = frozenset(metric._labelnames)
    match metric._type:
        case "counter":
            return {f"{metric._name}_total": labels}
        case "histogram":
            bucket = {f"{metric._name}_bucket": labels | {"le"}}
            return {**bucket, f"{metric._name}_sum": labels, f"{metric._name}_count": labels}
        case _:
            return {metric._name: labels}


class Walk:
    """Infers the labels of expressions from the labels of all known series, and collects errors."""

    def __init__(self, known: Mapping[str, Labels]) -> None:
        self.known = known
        self.findings: list[str] = []
        self.comparisons = 0

    def labels(self, expression: promql.Expr) -> Labels:
        """Return the labels that the expression's series can have."""
        handlers: tuple[tuple[type, Callable[..., Labels]], ...] = (
            (promql.VectorSelector, self._selector),
            (promql.MatrixSelector, self._matrix),
            (promql.AggregateExpr, self._aggregate),
            (promql.BinaryExpr, self._binary),
            (promql.Call, self._call),
            (promql.ParenExpr, self._inner),
            (promql.UnaryExpr, self._inner),
            (promql.SubqueryExpr, self._inner),
        )
        for kind, handler in handlers:
            if isinstance(expression, kind):
                return handler(expression)
        return frozenset()

    def _inner(self, expression: promql.ParenExpr) -> Labels:
        return self.labels(expression.expr)

    def _matrix(self, expression: promql.MatrixSelector) -> Labels:
        # Prometheus 3 ignores a sample at the start of a range, so a range must contain enough later samples.
        self._note(expression.range.total_seconds() >= 300, f"range {expression.range} is below five scrapes")
        return self.labels(expression.vector_selector)

    def _selector(self, expression: promql.VectorSelector) -> Labels:
        name = expression.name or ""
        self._note(name in self.known, f"{name!r} is neither exposed nor recorded")
        labels = self.known.get(name, frozenset())
        self._note(not expression.matchers.or_matchers, f"{name}: Prometheus does not support `or` between matchers")
        for matcher in expression.matchers.matchers:
            self._note(matcher.name in labels, f"{name} has no label {matcher.name}")
            if matcher.op in (promql.MatchOp.Re, promql.MatchOp.NotRe):
                # In Prometheus 3, a dot also matches a line break.
                self._note("." not in matcher.value, f"{name}: a dot in the pattern of {matcher.name}")
            if matcher.op == promql.MatchOp.Equal and matcher.value == "":
                labels -= {matcher.name}
        return labels

    def _call(self, expression: promql.Call) -> Labels:
        function = expression.func.name
        self._note(function not in _REMOVED_IN_3, f"{function}() is not there in Prometheus 3")
        inner: Labels = frozenset().union(*(self.labels(argument) for argument in expression.args))
        if function == "label_replace":
            inner |= {expression.args[1].val}
        return frozenset() if function in ("absent", "scalar", "vector", "time") else inner

    def _aggregate(self, expression: promql.AggregateExpr) -> Labels:
        inner = self.labels(expression.expr)
        modifier = expression.modifier
        named = frozenset(modifier.labels) if modifier else frozenset()
        self._note(named <= inner, f"aggregates by labels that are not there: {sorted(named - inner)}")
        if str(expression.op) in ("topk", "bottomk"):
            return inner
        if modifier is not None and modifier.type == promql.AggModifierType.Without:
            return inner - named
        if str(expression.op) == "count_values":
            return named | ({expression.param.val} if expression.param else frozenset())
        return named

    def _binary(self, expression: promql.BinaryExpr) -> Labels:
        left, right = self.labels(expression.lhs), self.labels(expression.rhs)
        operator, modifier = str(expression.op), expression.modifier
        self.comparisons += operator in (">", "<", ">=", "<=", "==", "!=")
        matching = modifier.matching if modifier else None
        if matching is not None:
            named = frozenset(matching.labels)
            either = left | right if matching.type == promql.LabelModifierType.Exclude else left & right
            self._note(named <= either, f"matches on labels that are not there: {sorted(named - either)}")
        named_by_group = modifier.group_labels if modifier else None
        group = frozenset(named_by_group or ())
        self._note(group <= right, f"group_left of labels that are not there: {sorted(group - right)}")
        if operator == "or":
            return left | right
        if operator in _SETS or named_by_group is not None or not left or not right:
            return (left or right) | group if operator not in _SETS else left
        if matching is not None and matching.type == promql.LabelModifierType.Include:
            return frozenset(matching.labels)
        return left | right

    def _note(self, is_fine: bool, finding: str) -> None:
        if not is_fine:
            self.findings.append(finding)
