"""The report of `avepoint-exporter check`: every collector of every account, in words."""

from collections.abc import Sequence
from typing import Final

from exporter.collectors.registry import COLLECTORS
from exporter.logs import scrub
from exporter.snapshot import View

_HEADS: Final = ("ACCOUNT", "COLLECTOR", "RESULT", "API", "TOOK", "SAMPLES", "CUSTOMERS", "PERMISSION")


def report(views: Sequence[View]) -> str:
    """Give a table of what was tried, and under it what is wrong and what to do about it."""
    if not views:
        return "Nothing was tried: no collector is on, or all accounts are of other shards."
    rows = [_HEADS, *(_row(view) for view in views)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    problems = [
        f"{view.account}/{view.collector}: {_line(view.status.error)}"
        + (f"\n  {_line(view.status.hint)}" if view.status.hint else "")
        for view in views
        if view.status.error
    ]
    return "\n".join([*table, *([""] if problems else []), *problems])


def _line(text: str) -> str:
    """Keep what an answer said from moving about on the terminal."""
    return scrub(text).replace("\n", " ")


def _row(view: View) -> tuple[str, ...]:
    status, counts = view.status, list(view.customer_up.values())
    return (
        view.account,
        view.collector,
        "ok" if status.up else "off" if status.off else "failed",
        status.generation or "-",
        f"{status.duration or 0:.1f}s",
        str(sum(len(known.samples) for known in view.known.values())),
        f"{sum(counts)}/{len(counts)}" if counts else "-",
        _permission(view),
    )


def _permission(view: View) -> str:
    permissions = next(kind.permissions for kind in COLLECTORS if kind.name == view.collector)
    generation = view.status.generation
    return permissions["legacy"] if generation == "legacy" else permissions["modern"]
