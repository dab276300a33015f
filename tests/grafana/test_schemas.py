"""The dashboards match schemas that are derived from Grafana's types (tests/grafana/schemas)."""

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
            custom = panel["fieldConfig"]["defaults"].get("custom", {})
            found += [f"{panel['title']}: {wrong}" for wrong in _wrong(f"{kind}-custom", custom)]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_grafanas_types_hold(path: Path) -> None:
    assert _findings(json.loads(path.read_text(encoding="utf-8"))) == []


def test_what_grafana_does_not_know_is_found() -> None:
    board = json.loads(FILES[0].read_text(encoding="utf-8"))
    spoilt = copy.deepcopy(board)
    spoilt["editable"] = "no"
    next(panel for panel in panels(spoilt) if panel["type"] == "stat")["options"]["colour"] = "red"
    assert any("editable" in wrong for wrong in _findings(spoilt))
    assert any("colour" in wrong for wrong in _findings(spoilt))
