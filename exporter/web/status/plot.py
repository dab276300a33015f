"""A small bar chart of the durations of recent refreshes, with a text description."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exporter.engine.snapshot import RefreshOutcome
from exporter.web.status.formatting import count, precise_time

HEIGHT: Final = 24
_STEP: Final = 4
_LEAST: Final = 3.0
_OUTLINE: Final = 1.0


@dataclass(frozen=True, slots=True)
class PlotBar:
    """The position and size of the bar for one refresh. The bar of a failed refresh is an outline."""

    x: float
    y: float
    width: float
    height: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Plot:
    """The chart of the refreshes. The bars begin with the oldest refresh. `text` describes the chart."""

    bars: tuple[PlotBar, ...]
    width: int
    height: int
    text: str


def plot(refreshes: Sequence[RefreshOutcome]) -> Plot | None:
    """Return a chart of the refreshes, or None if there are no refreshes."""
    if not refreshes:
        return None
    slowest = max(one.seconds for one in refreshes)
    bars = tuple(
        _bar(number * _STEP, HEIGHT * one.seconds / slowest if slowest > 0 else 0.0, failed=one.up is False)
        for number, one in enumerate(refreshes)
    )
    return Plot(bars, len(bars) * _STEP - 1, HEIGHT, _description(refreshes, slowest))


def _bar(x: int, height: float, *, failed: bool) -> PlotBar:
    inset = _OUTLINE / 2 if failed else 0.0  # SVG draws half of the outline outside the bar
    height = max(_LEAST, height)
    y, tall = HEIGHT - height + inset, height - 2 * inset
    return PlotBar(x + inset, round(y, 1), _STEP - 1 - 2 * inset, round(tall, 1), failed)


def _description(refreshes: Sequence[RefreshOutcome], slowest: float) -> str:
    fastest, failed = min(one.seconds for one in refreshes), sum(one.up is False for one in refreshes)
    low, high = precise_time(fastest), precise_time(slowest)
    spread = low if low == high else f"{low} to {high}"
    outcome = f"{failed:,} failed" if failed else "none failed"
    return f"Last {count(len(refreshes), 'refresh', 'refreshes')}: {spread}, {outcome}"
