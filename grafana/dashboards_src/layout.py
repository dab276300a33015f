"""The layout of panels on Grafana's grid of 24 columns, and the settings that all dashboards share."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, Row, TimePicker
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    Dashboard as Model,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    GridPos,
    Panel,
    RowPanel,
)

from grafana.dashboards_src import variables

TAG: Final = "avepoint"
COLUMNS: Final = 24
Line = tuple[int, Sequence[tuple[int, Builder[Panel]]]]
"""A line of panels. The line has a height, and each panel has a width. The widths add up to 24."""


def frame(*, uid: str, title: str, description: str, names: Sequence[str], since: str) -> Dashboard:
    """Return an empty dashboard with variables and links to the other dashboards."""
    board = (
        Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .time(since, "now")
        .timepicker(TimePicker().refresh_intervals(["30s", "1m", "5m", "15m", "1h"]))
        .refresh("1m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            DashboardLink("AvePoint")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .tooltip("The other AvePoint dashboards, with the same variables")
            .include_vars(True)
            .keep_time(True)
        )
        .with_variable(variables.datasource())
    )
    for name in names:
        board.with_variable(variables.query(name))
    return board


def place(board: Dashboard, *parts: str | Line) -> Model:
    """Add row titles and lines of panels to the dashboard, from top to bottom."""
    model = board.build()
    panels: list[Panel | RowPanel] = []
    y = 0
    for part in parts:
        if isinstance(part, str):
            row = Row(part).build()
            row.id_val, row.grid_pos = len(panels) + 1, GridPos(h=1, w=COLUMNS, x=0, y=y)
            panels.append(row)
            y += 1
            continue
        height, line = part
        if sum(width for width, _ in line) != COLUMNS:
            raise ValueError(f"the width of the line at {y} is not {COLUMNS}")
        x = 0
        for width, builder in line:
            panel = builder.build()
            panel.id_val, panel.grid_pos = len(panels) + 1, GridPos(h=height, w=width, x=x, y=y)
            panels.append(panel)
            x += width
        y += height
    model.panels = panels
    return model
