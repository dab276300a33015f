"""Read the thresholds of the alerts from the rules. Panels use these thresholds for their colors."""

import functools
import operator
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import yaml
from grafana_foundation_sdk.models.dashboard import Threshold

RULES: Final = Path(__file__).resolve().parents[2] / "prometheus" / "rules" / "avepoint.rules.yaml"
GREEN: Final = "green"
YELLOW: Final = "#EAB839"
ORANGE: Final = "orange"
RED: Final = "red"
BLUE: Final = "blue"
GREY: Final = "#8e8e8e"
DARK_GREY: Final = "#55595f"
_COMPARED: Final = re.compile(r"[<>] ([\d.]+(?: \* [\d.]+)*)\s*$")
_STALE: Final = re.compile(r"account:avepoint_data_age_seconds:max(?:\{(.+?)\})? > ([\d.]+(?: \* [\d.]+)*)")


@functools.cache
def thresholds_of_alerts() -> Mapping[str, float]:
    """Return the number at the end of each alert's expression, such as 10800 for `… > 3 * 3600`."""
    found = {name: _COMPARED.search(expression) for name, expression in _expressions().items()}
    return {name: _product(match[1]) for name, match in found.items() if match}


@functools.cache
def _expressions() -> Mapping[str, str]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"] if "alert" in rule}


def alert_threshold(alert: str) -> float:
    """Return the threshold of an alert."""
    return thresholds_of_alerts()[alert]


@functools.cache
def stale_after() -> Sequence[tuple[str, float]]:
    """Return pairs of a matcher and an age limit of AvePointDataStale, in seconds.

    The matcher selects the collectors with this limit. The matcher "" selects all collectors.
    """
    found = [(match[1] or "", _product(match[2])) for match in _STALE.finditer(_expressions()["AvePointDataStale"])]
    if not found:
        raise ValueError("AvePointDataStale has no limits")
    return found


def _product(text: str) -> float:
    return functools.reduce(operator.mul, map(float, text.split("*")))


def rising(*, warning: float | None = None, critical: float | None = None) -> list[Threshold]:
    """Return thresholds for values that should be low: green, orange from `warning`, red from `critical`."""
    steps = [Threshold(color=GREEN)]
    if warning is not None:
        steps.append(Threshold(value=warning, color=ORANGE))
    if critical is not None:
        steps.append(Threshold(value=critical, color=RED))
    return steps


def falling(*, warning: float | None = None, critical: float | None = None) -> list[Threshold]:
    """Return thresholds for values that should be high: red below `critical`, orange below `warning`, green above."""
    steps = []
    lowest = RED if critical is not None else ORANGE
    steps.append(Threshold(color=lowest))
    if critical is not None and warning is not None:
        steps.append(Threshold(value=critical, color=ORANGE))
    good_from = warning if warning is not None else critical
    steps.append(Threshold(value=good_from, color=GREEN))
    return steps


def plain(color: str = BLUE) -> list[Threshold]:
    """Return a single color, for values that are neither good nor bad."""
    return [Threshold(color=color)]
