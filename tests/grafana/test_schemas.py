"""The dashboards match the schemas in tests/grafana/schemas. The schemas are derived from Grafana's types."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft7Validator

from tests.grafana.linter import Json, panels
from tests.grafana.promql import ROOT

SCHEMAS: Final = Path(__file__).parent / "schemas"
FILES: Final = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
_ONLY_NEW: Final = "custom.hideFrom.viz"
"""An option of tables since Grafana 12. Grafana 11.6 ignores this option and uses `custom.hidden`."""
_TRANSFORMATIONS: Final = {"filterFieldsByName", "merge", "organize"}
_OPTIONS: Final = {
    "color", "decimals", "displayName", "links", "mappings", "max", "min", "noValue", "thresholds", "unit",
}  # fmt: skip


def _wrong(name: str, value: Any) -> Iterator[str]:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    for error in Draft7Validator(schema).iter_errors(value):
        yield f"{name}: {error.json_path}: {error.message[:300]}"


def _findings(board: Json) -> list[str]:
    found = list(_wrong("dashboard", board))
    for panel in panels(board):
        kind = panel["type"].replace("-", "")
        found += [f"{panel['title']}: {wrong}" for wrong in _wrong(f"{kind}-options", panel["options"])]
        if (SCHEMAS / f"{kind}-custom.json").is_file():
            customs = [panel["fieldConfig"]["defaults"].get("custom", {}), *_overridden(panel)]
            found += [f"{panel['title']}: {wrong}" for custom in customs for wrong in _wrong(f"{kind}-custom", custom)]
    return found


def _overridden(panel: Json) -> Iterator[Json]:
    """For each override, yield its custom options together with the default options of the panel."""
    for override in panel["fieldConfig"].get("overrides", []):
        custom = copy.deepcopy(panel["fieldConfig"]["defaults"].get("custom", {}))
        for item in override["properties"]:
            path = item["id"].split(".")
            if path[0] == "custom" and item["id"] != _ONLY_NEW:
                custom[".".join(path[1:])] = item["value"]
        yield custom


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_grafanas_types_hold(path: Path) -> None:
    assert _findings(json.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_transformations_and_overrides_exist_in_grafana_11(path: Path) -> None:
    for panel in panels(json.loads(path.read_text(encoding="utf-8"))):
        assert {one["id"] for one in panel.get("transformations", [])} <= _TRANSFORMATIONS, panel["title"]
        for override in panel["fieldConfig"].get("overrides", []):
            assert override["matcher"]["id"] in ("byName", "byRegexp"), panel["title"]
            names = {item["id"] for item in override["properties"] if not item["id"].startswith("custom.")}
            assert names <= _OPTIONS, panel["title"]


def test_what_grafana_does_not_know_is_found() -> None:
    board = json.loads(FILES[0].read_text(encoding="utf-8"))
    spoilt = copy.deepcopy(board)
    spoilt["editable"] = "no"
    next(panel for panel in panels(spoilt) if panel["type"] == "stat")["options"]["colour"] = "red"
    assert any("editable" in wrong for wrong in _findings(spoilt))
    assert any("colour" in wrong for wrong in _findings(spoilt))


def test_an_override_that_grafana_does_not_know_is_found() -> None:
    spoilt = json.loads(FILES[0].read_text(encoding="utf-8"))
    table = next(panel for panel in panels(spoilt) if panel["type"] == "table")
    table["fieldConfig"]["overrides"][0]["properties"].append({"id": "custom.wrapText", "value": True})
    assert any("wrapText" in wrong for wrong in _findings(spoilt))
