"""Create tables. Each row combines the results of several queries with the same labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BarGaugeValueMode,
    FieldTextAlignment,
    TableAutoCellOptions,
    TableCellHeight,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ValueMapping,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.dashboards_src.panels import NONE, Words, absent, by_threshold, instant, steps_of, words
from grafana.dashboards_src.thresholds import GREY, plain
from grafana.dashboards_src.variables import DATASOURCE

NOT_THERE: Final = "-"
FILLED: Final[Mapping[str, object]] = {"type": "color-background", "mode": "basic"}
COLORED: Final[Mapping[str, object]] = {"type": "color-text"}
GAUGE: Final[Mapping[str, object]] = {
    "type": "gauge",
    "mode": BarGaugeDisplayMode.BASIC,
    "valueDisplayMode": BarGaugeValueMode.TEXT,
}
_PLAIN: Final[Mapping[str, object]] = {"type": "auto"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    `source` is a label or the letter of a query. A column without a title is hidden. Only links use its values.
    """

    source: str
    title: str = ""
    width: int | None = None
    unit: str = ""
    steps: Sequence[Threshold] = ()
    meanings: Words = field(default_factory=lambda: NONE)
    mappings: Sequence[ValueMapping] = ()
    cell: Mapping[str, object] = field(default_factory=lambda: _PLAIN)
    decimals: int | None = None
    none: str = NOT_THERE
    least: float | None = None
    most: float | None = None
    align: str = ""
    link: tuple[str, str] | None = None


def rows(
    title: str,
    about: str,
    queries: Sequence[tuple[str, str]],
    columns: Sequence[Column],
    *,
    sort: str,
    empty: str,
    descending: bool = True,
    then: str = "",
) -> table.Panel:
    """Return a table, sorted by the column with the title `sort`.

    `queries` contains pairs of a letter and an expression. Rows with equal values are sorted by the column `then`, the
    largest value first.
    """
    several = len(queries) > 1
    panel = (
        table.Panel()
        .title(title)
        .description(about)
        .datasource(DATASOURCE)
        .unit("short")
        .no_value(empty)
        .thresholds(steps_of(plain("text")))
        .color_scheme(by_threshold())
        .align(FieldTextAlignment.AUTO)
        .cell_options(TableAutoCellOptions())
        .inspect(False)
        .show_header(True)
        .cell_height(TableCellHeight.SM)
        .sort_by([_sorted(sort, descending=descending), *([_sorted(then, descending=True)] if then else [])])
    )
    for letter, expr in queries:
        panel.with_target(_table_query(expr, letter, _legend(columns, letter)))
    if several:
        panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    for transformation in _arrangement(columns, several=several):
        panel.with_transformation(transformation)
    for column in columns:
        panel.override_by_name(column.title or column.source, _properties(column))
    return panel


def _sorted(title: str, *, descending: bool) -> common.TableSortByFieldState:
    return common.TableSortByFieldState().display_name(title).desc(descending)


def _table_query(expr: str, letter: str, legend: str) -> Dataquery:
    return instant(expr, legend, letter).format(PromQueryFormat.TABLE)


def _legend(columns: Sequence[Column], letter: str) -> str:
    return next((column.title for column in columns if column.source == letter), letter)


def _arrangement(columns: Sequence[Column], *, several: bool) -> tuple[DataTransformerConfig, DataTransformerConfig]:
    names = [_field(column, several=several) for column in columns]
    return (
        DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": names}}),
        DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {},
                "indexByName": {name: index for index, name in enumerate(names)},
                "renameByName": {
                    name: column.title for name, column in zip(names, columns, strict=True) if column.title
                },
            },
        ),
    )


def _field(column: Column, *, several: bool) -> str:
    if len(column.source) > 1:
        return column.source
    return f"Value #{column.source}" if several else "Value"


def _mappings(column: Column) -> list[ValueMapping]:
    """Return the mappings from values to texts, including the text for missing values."""
    if not (column.steps or column.meanings or column.mappings):
        return []
    return [
        *column.mappings,
        *words(column.meanings),
        absent(column.none, "transparent" if column.cell is FILLED else GREY),
    ]


def _properties(column: Column) -> list[DynamicConfigValue]:
    given: dict[str, object] = {
        "noValue": column.none,
        "custom.hidden": True if not column.title else None,
        "custom.hideFrom.viz": True if not column.title else None,
        "custom.width": column.width,
        "unit": column.unit or None,
        "decimals": column.decimals,
        "min": column.least,
        "max": column.most,
        "mappings": _mappings(column) or None,
        "thresholds": steps_of(column.steps).build() if column.steps else None,
        "custom.cellOptions": dict(column.cell) if column.cell is not _PLAIN else None,
        "custom.align": column.align or ("right" if column.cell is GAUGE else None),
        "links": [{"title": column.link[0], "url": column.link[1]}] if column.link else None,
    }
    return [DynamicConfigValue(id_val=name, value=value) for name, value in given.items() if value is not None]
