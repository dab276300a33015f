"""Write the age limits of the collectors into the rule AvePointDataStale and into its runbook."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from exporter.collectors.base import Collector

_AGE: Final = "account:avepoint_data_age_seconds:max"
_SHORTEST: Final = 3 * 3600
_UNITS: Final = ((86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))
_EXPRESSION: Final = re.compile(r"(?ms)(?<=- alert: AvePointDataStale\n        expr: \|\n).*?(?=^        for:)")
_TABLE: Final = re.compile(r"(?ms)(?<=<!-- age limits; written by `make docs` -->\n\n).*?(?=^<!-- end -->$)")

Collectors = Iterable[type[Collector[Any, Any]]]
_Group = tuple[int, Sequence[str]]


def with_age_limits(text: str, collectors: Collectors) -> str:
    """Return the text of the rules or of the runbook with the age limits of the collectors."""
    groups = _groups(collectors)
    text = _EXPRESSION.sub(lambda _: _expression(groups), text)
    return _TABLE.sub(lambda _: _table(groups), text)


def _groups(collectors: Collectors) -> list[_Group]:
    """Return the age limits in ascending order, each with the names of its collectors."""
    limits = {kind.name: max(_SHORTEST, round(3 * kind.options_type().interval)) for kind in collectors}
    return [(limit, sorted(name for name in limits if limits[name] == limit)) for limit in sorted({*limits.values()})]


def _expression(groups: Sequence[_Group]) -> str:
    """Return the expression. The longest limit has no matcher, because it applies to all collectors."""
    (shortest, _), *longer = groups
    matchers = [f'{{collector=~"{"|".join(names)}"}}' for _, names in longer[:-1]]
    if longer:
        others = sorted(name for _, names in longer for name in names)
        matchers.insert(0, f'{{collector!~"{"|".join(others)}"}}')
    limits = [shortest, *(limit for limit, _ in longer)]
    terms = [f"{_AGE}{matcher} > {_product(limit)}" for matcher, limit in zip([*matchers, ""], limits, strict=True)]
    return "".join(f"          {line}\n" for line in "\nor\n".join(terms).split("\n"))


def _table(groups: Sequence[_Group]) -> str:
    (shortest, _), *longer = groups
    rows = [(", ".join(f"`{name}`" for name in names), limit) for limit, names in reversed(longer)]
    lines = ["| collectors | limit |", "| --- | --- |"]
    lines += [f"| {names} | {_duration(limit)} |" for names, limit in (*rows, ("all other collectors", shortest))]
    return "".join(f"{line}\n" for line in (*lines, ""))


def _unit(seconds: int) -> tuple[int, str]:
    return next((length, name) for length, name in _UNITS if seconds % length == 0)


def _product(seconds: int) -> str:
    length, _ = _unit(seconds)
    return f"{seconds // length} * {length}"


def _duration(seconds: int) -> str:
    length, name = _unit(seconds)
    return f"{seconds // length} {name}"
