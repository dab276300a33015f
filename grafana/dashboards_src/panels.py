"""Create panels. Each panel has a title, a description, a unit, a legend and a text for missing data."""

from collections.abc import Mapping, Sequence
from typing import Final

from grafana_foundation_sdk.builders import common, stat, timeseries
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    DynamicConfigValue,
    FieldColorModeId,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from grafana.dashboards_src.thresholds import DARK_GREY, plain
from grafana.dashboards_src.variables import DATASOURCE

Words = Mapping[str, tuple[str, str]]
"""Maps each value (as a string) to a text and to the color of the text."""

NONE: Final[Words] = {}
ALL_CUSTOMERS: Final = "All customers"
DENOMINATOR: Final = "of"
"""Name of the query whose value is shown as the denominator."""


def words(meanings: Words) -> list[ValueMapping]:
    """Return mappings that replace values with texts."""
    results = {value: ValueMappingResult(text=text, color=color) for value, (text, color) in meanings.items()}
    return [ValueMap(options=results)] if results else []


def absent(text: str, color: str) -> ValueMapping:
    """Return a mapping that replaces missing values with a colored text."""
    result = ValueMappingResult(text=text, color=color)
    return SpecialValueMap(options=DashboardSpecialValueMapOptions(match=SpecialValueMatch.NULL_AND_NAN, result=result))


def steps_of(steps: Sequence[Threshold]) -> ThresholdsConfig:
    """Return absolute thresholds."""
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(list(steps))


def by_threshold() -> FieldColor:
    """Return the color mode that takes the color of a value from the thresholds."""
    return FieldColor().mode(FieldColorModeId.THRESHOLDS)


def instant(expr: str, legend: str, ref: str = "A") -> Dataquery:
    """Return a query for the current value."""
    return Dataquery().expr(expr).instant().legend_format(legend).ref_id(ref).datasource(DATASOURCE)


def ranged(expr: str, legend: str, ref: str = "A") -> Dataquery:
    """Return a query for the time range."""
    return Dataquery().expr(expr).range().legend_format(legend).ref_id(ref).datasource(DATASOURCE)


def number(
    title: str,
    about: str,
    expr: str,
    *,
    unit: str,
    steps: Sequence[Threshold],
    empty: str,
    meanings: Words = NONE,
    decimals: int | None = None,
    of: str = "",
    of_unit: str = "prefix:of\N{NO-BREAK SPACE}",
) -> stat.Panel:
    """Return a panel with one number on a colored background. `of` is the expression for the denominator."""
    panel = (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(DATASOURCE)
        .with_target(instant(expr, title))
        .unit(unit)
        .no_value(empty)
        .thresholds(steps_of(steps))
        .color_scheme(by_threshold())
        .mappings([*words(meanings), absent(empty, DARK_GREY)])
        .color_mode(BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.VALUE)
        .wide_layout(True)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    )
    if of:
        panel.with_target(instant(of, DENOMINATOR, "B")).override_by_name(DENOMINATOR, _denominator(of_unit))
    return panel if decimals is None else panel.decimals(decimals)


def _denominator(unit: str) -> list[DynamicConfigValue]:
    return [
        DynamicConfigValue(id_val="unit", value=unit),
        DynamicConfigValue(id_val="thresholds", value=steps_of(plain(DARK_GREY)).build()),
        DynamicConfigValue(id_val="mappings", value=[absent("of\N{NO-BREAK SPACE}?", DARK_GREY)]),
    ]


def lines(
    title: str,
    about: str,
    queries: Sequence[tuple[str, str]],
    *,
    unit: str,
    empty: str,
    steps: Sequence[Threshold] = (),
    stacked: bool = False,
    least: float | None = 0,
    calcs: Sequence[str] = ("lastNotNull",),
    dashed: Sequence[str] = (),
) -> timeseries.Panel:
    """Return a graph with values over time. Draw the thresholds `steps` as lines."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(DATASOURCE)
        .unit(unit)
        .no_value(empty)
        .color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .draw_style(GraphDrawStyle.LINE)
        .fill_opacity(30 if stacked else 6)
        .line_width(1 if stacked else 2)
        .show_points(VisibilityMode.NEVER)
        .span_nulls(300_000)
        .legend(_legend(calcs))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    for index, (expr, legend) in enumerate(queries):
        panel.with_target(ranged(expr, legend, chr(ord("A") + index)))
    if least is not None:
        panel.min(least)
    if stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    panel.thresholds(steps_of(steps or plain()))
    if steps:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
    for name in dashed:
        style = {"fill": "dash", "dash": [8, 8]}
        panel.override_by_regexp(name, [DynamicConfigValue(id_val="custom.lineStyle", value=style)])
    return panel


def renamed(panel: timeseries.Panel, names: Words) -> timeseries.Panel:
    """Set the name and the color of each series, and return the panel."""
    for name, (text, color) in names.items():
        panel.override_by_name(name, [DynamicConfigValue(id_val="displayName", value=text), _fixed(color)])
    return panel


def on_its_own(color: str) -> list[DynamicConfigValue]:
    """Return overrides that draw a series as an unstacked line."""
    return [
        DynamicConfigValue(id_val="custom.stacking", value={"mode": "none", "group": "A"}),
        DynamicConfigValue(id_val="custom.fillOpacity", value=0),
        DynamicConfigValue(id_val="custom.lineWidth", value=2),
        _fixed(color),
    ]


def with_all_customers(panel: timeseries.Panel) -> timeseries.Panel:
    """Draw the number of all customers as a line in the text color. No severity has this color."""
    return panel.override_by_name(ALL_CUSTOMERS, on_its_own("text"))


def _legend(calcs: Sequence[str]) -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(LegendDisplayMode.TABLE)
        .placement(LegendPlacement.RIGHT)
        .calcs(list(calcs))
    )


def _fixed(color: str) -> DynamicConfigValue:
    return DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": color})
