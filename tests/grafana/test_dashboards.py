"""The linter finds nothing in the committed dashboards, and the dashboards are equal to the generator's output."""

import json
from pathlib import Path

import pytest

from exporter.avepoint.reading import vocabulary
from exporter.health import registry as health
from grafana import generate
from grafana.dashboards_src.thresholds import alert_threshold, stale_after
from grafana.dashboards_src.vocabulary import CUSTOMER_STATUSES, OF_SEVERITY, PROBLEMS, STATES
from tests.grafana.linter import Json, lint, lint_together, panels
from tests.grafana.promql import ROOT

FILES = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))


def load(path: Path) -> Json:
    board: Json = json.loads(path.read_text(encoding="utf-8"))
    return board


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_linter_finds_nothing(path: Path) -> None:
    assert lint(load(path)) == []


def test_together_they_hold() -> None:
    assert lint_together([load(path) for path in FILES]) == []


def test_committed_files_are_what_the_generator_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(generate.rendered()) == set(FILES)
    assert generate.main(["--check"]) == 0, capsys.readouterr().out


def test_the_generator_says_what_is_not_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "FOLDER", tmp_path / "dashboards")
    assert generate.main(["--check"]) == 1
    assert "overview.json is outdated" in capsys.readouterr().out
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_tables_and_numbers_are_right_in_grafana_12_and_13(path: Path) -> None:
    for panel in panels(load(path)):
        narrow = panel["type"] == "stat" and panel["gridPos"]["w"] == 3
        assert not narrow or len(panel["title"]) <= 14, panel["title"]
        assert "footer" not in panel["options"], panel["title"]
        for override in panel["fieldConfig"].get("overrides", []):
            names = {item["id"] for item in override["properties"]}
            assert ("custom.hidden" in names) == ("custom.hideFrom.viz" in names), panel["title"]


def test_thresholds_are_those_of_the_alerts() -> None:
    assert alert_threshold("AvePointThrottled") == 0.5
    assert alert_threshold("AvePointCertificateExpiresSoon") == 21 * 86_400
    limits = [seconds for _, seconds in stale_after()]
    assert limits == sorted({3 * 3600, 18 * 3600, 3 * 86_400, *limits})
    assert stale_after()[0][0].startswith('collector!~"app_consent|')
    assert stale_after()[-1][0] == ""


def test_every_word_of_the_exporter_and_of_avepoint_has_a_colour() -> None:
    problems = {problem.name: problem.severity for problem in health.PROBLEMS}
    assert {name: severity for severity, names in OF_SEVERITY.items() for name in names} == problems
    assert set(PROBLEMS) == set(problems)
    assert set(STATES) == vocabulary.NOT_OVER | set(vocabulary.OVER)
    assert set(CUSTOMER_STATUSES) == set(vocabulary.CUSTOMER_STATUSES.values())
