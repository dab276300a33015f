"""`avepoint-exporter assets` writes files that are identical to the files in a checkout."""

from pathlib import Path

import pytest

from exporter.cli import run
from exporter.cli.assets import asset_files


def test_every_file_is_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "new" / "out"

    assert run(["assets", "--output", str(output)]) == 0
    assert capsys.readouterr().out == f"Wrote {len(asset_files())} files to {output}.\n"
    assert (output / "prometheus/rules/avepoint.rules.yaml").read_bytes()
    assert (output / "grafana/dashboards/overview.json").read_bytes()
    assert (output / "deploy/systemd/avepoint-exporter.service").read_bytes()
    assert (output / "config.example.yaml").read_bytes()
    assert run(["assets", "--output", str(output)]) == 0


def test_a_changed_file_is_overwritten_only_with_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "config.example.yaml"
    mine.write_text("mine", "utf-8")

    assert run(["assets", "--output", str(tmp_path)]) == 1
    assert f"these files differ; use --force to overwrite them:\n  {mine}" in capsys.readouterr().err
    assert mine.read_text("utf-8") == "mine"
    assert list(tmp_path.iterdir()) == [mine]

    assert run(["assets", "--output", str(tmp_path), "--force"]) == 0
    assert mine.read_bytes() == asset_files()["config.example.yaml"].read_bytes()


def test_a_directory_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", "utf-8")

    assert run(["assets", "--output", str(tmp_path / "file" / "out")]) == 1
    assert "cannot write to" in capsys.readouterr().err
