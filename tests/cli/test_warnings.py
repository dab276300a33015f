"""The warnings of `--config.check` are also logged when the exporter starts."""

import json
from pathlib import Path

import pytest

from exporter.cli import run

CONFIG = """
accounts:
  - name: contoso
    type: tenant
    base_url: http://127.0.0.1:1
    token_url: http://127.0.0.1:1
    auth: {client_id: app, client_secret_env: AVEPOINT_EXPORTER_SECRET}
    requests: {retries: 0}
expectations:
  exceptions:
    - workloads: [Exchange]
      backup_age: 8d
"""
WARNINGS = [
    (
        "expectations.exceptions[0].workloads[0]: no known workload has this name; did you mean Exchange Online?"
        " (config.yaml:11)"
    ),
    "AVEPOINT_EXPORTER_ONCEE: does not set any flag; did you mean AVEPOINT_EXPORTER_ONCE?",
]


@pytest.fixture(autouse=True)
def _configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.setenv("AVEPOINT_EXPORTER_SECRET", "hunter2")
    monkeypatch.setenv("AVEPOINT_EXPORTER_ONCEE", "1")


@pytest.mark.parametrize("arguments", [["--config.check"], ["check", "--quick"]])
def test_a_check_prints_the_warnings(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) in (0, 2)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"avepoint-exporter: warning: {warning}" for warning in WARNINGS]


def test_a_start_logs_the_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--once", "--log.format", "json"]) == 2
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    found = [line for line in lines if line["msg"] == "a setting may have no effect"]
    assert [line["setting"] for line in found] == WARNINGS
    assert {line["level"] for line in found} == {"warn"}
