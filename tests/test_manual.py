"""The documents about the command line are up to date, and the manual page is valid."""

import re
import subprocess
from pathlib import Path

import click
import pytest

from exporter.cli import command
from scripts.generate_manual import main, manual, page
from tests.programs import program

ROOT = Path(__file__).parents[1]
COMMANDS: list[click.Command] = [command, *command.commands.values()]
FLAGS = {name for each in COMMANDS for parameter in each.params for name in parameter.opts} | {"--help"}


def test_the_documents_are_what_the_code_says() -> None:
    assert main(["--check"]) == 0


def test_stale_documents_are_told_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], tmp_path) == 1
    assert "is outdated; run `make docs`" in capsys.readouterr().err
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    assert main(["--nonsense"], tmp_path) == 1


@pytest.mark.parametrize("file", ["README.md", "docs/command-line.md"])
def test_every_flag_that_is_listed_exists(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    rows = [row for row in re.findall(r"(?m)^(?:\||- ).*$", text) if not row.startswith("| ---")]
    listed = [flag for row in rows for flag in re.findall(r"(?<!\w)--[a-z][\w.-]+\w", row)]
    assert listed
    assert set(listed) <= FLAGS


def test_every_flag_and_command_is_listed() -> None:
    for text in (page(), manual().replace("\\-", "-")):
        for flag in FLAGS - {"--help"}:
            assert flag in text
        for name in command.commands:
            assert f"avepoint-exporter {name}" in text


def test_every_command_has_an_example_or_needs_none() -> None:
    for name, each in command.commands.items():
        assert f"avepoint-exporter {name}" in str(each.help)


def test_the_manual_page_is_one() -> None:
    done = subprocess.run(
        [program("groff"), "-man", "-Tutf8", "-ww", "-rLL=80n"], input=manual(), capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    shown = re.sub(r"\x1b\[[\d;]*m|.\x08", "", done.stdout)
    assert "series, but no secrets" in " ".join(shown.split())
    assert "--config.file" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
