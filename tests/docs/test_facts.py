"""Statements in the documents agree with the code."""

import re
from pathlib import Path

import pytest

from exporter.collectors.registry import COLLECTORS
from exporter.config.clouds import DATA_CENTERS, ENVIRONMENTS
from tests.config.test_load import generator
from tests.docs.markdown import ROOT

PERMISSION = re.compile(r"\b(?:microsoft365backup|elements|partner|gsuite|salesforce)(?:\.\w+)+\.all\b")
PAGES = {"tenant": "docs/getting-started-tenant.md", "partner": "docs/getting-started-partner.md"}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("account_type", "name"), PAGES.items())
def test_a_page_names_the_permissions_of_its_collectors_and_no_others(account_type: str, name: str) -> None:
    kinds = [kind for kind in COLLECTORS if kind.account_type == account_type]
    assert set(PERMISSION.findall(text(name))) == {one for kind in kinds for one in kind.endpoints.permissions.values()}
    for kind in kinds:
        verdict = "off" if kind.optional else "fails"
        assert re.search(rf"^\| `{kind.name}` \|.*\| {verdict} \|$", text(name), re.MULTILINE)


def test_every_permission_only_reads() -> None:
    assert all(one.endswith(".read.all") for kind in COLLECTORS for one in kind.endpoints.permissions.values())


def test_a_table_of_permissions_that_is_old_is_told_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = generator().main
    docs, page = tmp_path / "docs", tmp_path / "docs" / "getting-started-tenant.md"
    docs.mkdir()
    page.write_text(re.sub(r"\| `jobs`.*\n", "", text(PAGES["tenant"])))
    assert main([], docs) == 0
    assert page.read_text() == text(PAGES["tenant"])
    page.write_text(page.read_text().replace("| fails |", "| off |"))
    assert main(["--check"], docs) == 1
    assert capsys.readouterr().err == f"{page} is outdated; run `make docs`\n"


def test_data_centers_are_those_of_the_code() -> None:
    (sentence,) = re.findall(r"codes are (.*?)\.\s", text(PAGES["tenant"]), re.DOTALL)
    own = {environment.data_center for environment in ENVIRONMENTS.values()}
    named = {code for code in DATA_CENTERS - own if not code.startswith("gcp-")}
    assert set(re.findall(r"`(\w+)`", sentence)) == named


def test_the_longest_of_the_hours_are_those_of_the_collectors() -> None:
    """The page contains the interval of `jobs`, and the shortest and longest intervals of all other collectors."""
    intervals = {kind.name: kind.options_type().interval for kind in COLLECTORS}
    assert "5 min for `jobs`, 15 min to 1 day for other collectors" in text("docs/reading-the-numbers.md")
    assert intervals.pop("jobs") == 300
    assert min(intervals.values()) == 900
    assert max(intervals.values()) == 86_400


def test_what_programs_and_templates_point_at_is_there() -> None:
    """Links in code, rules, dashboards, chart and systemd unit lead to existing files of the project on GitHub."""
    pointing = [
        path
        for place in ("exporter", "prometheus", "helm", "deploy", "grafana")
        for path in (ROOT / place).rglob("*")
        if path.suffix in (".html", ".py", ".yaml", ".txt", ".service", ".json", ".md")
    ]
    found = {
        target.rstrip(".)")
        for path in pointing
        for target in re.findall(r"/(?:blob|tree)/main/([\w./-]*[\w/-])", path.read_text(encoding="utf-8"))
    }
    assert "docs" in found
    assert [target for target in sorted(found) if not (ROOT / target).exists()] == []
