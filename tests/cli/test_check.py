"""Test `avepoint-exporter check` against a simulator: its output and its exit codes."""

import io
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from avepoint_simulator.application import Simulator
from avepoint_simulator.server import SimulatorServer
from avepoint_simulator.tokens import AppCredentials
from exporter.cli import run
from exporter.cli.check import ProgressBar
from tests.cli.support import simulated
from tests.e2e.processes import on_a_terminal

APP = AppCredentials()


def test_every_account_is_tested(avepoint: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("accounts:\n" + simulated(avepoint) + simulated(avepoint, name="msp", kind="partner"))
    assert run(["check"]) == 0
    shown = capsys.readouterr()
    assert re.search(r"^  jobs +ok +modern ", shown.out, re.MULTILINE)
    assert re.search(r"^  protected_data +ok +modern +2 ", shown.out, re.MULTILINE)
    assert re.search(r"^ +\d+  avepoint_license_purchased_seats$", shown.out, re.MULTILINE)
    assert re.search(r"^All \d+ collectors work\.$", shown.out, re.MULTILINE)
    assert shown.err == ""
    assert "\x1b" not in shown.out


def test_a_wrong_secret(avepoint: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("accounts:\n" + simulated(avepoint, secret="hunter2"))
    assert run(["check"]) == 2
    shown = capsys.readouterr()
    words = " ".join(shown.out.split())
    assert "contoso/license" in words
    assert "not tested: token: no token for microsoft365backup.jobInfo.read.all: invalid_client" in words
    assert "check auth.client_id and the secret or certificate; the secret may have expired" in words
    assert "hunter2" not in shown.out + shown.err
    assert shown.err == ""


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_warning_for_a_secret_that_others_can_read(
    flags: list[str], avepoint: str, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text(APP.client_secret)
    (tmp_path / "secret").chmod(0o644)
    inline = f"client_secret: {APP.client_secret}"
    config.write_text("accounts:\n" + simulated(avepoint).replace(inline, "client_secret_file: secret"))
    assert run(["check", *flags]) == 0
    shown = capsys.readouterr()
    (line,) = shown.err.splitlines()
    assert line.startswith(
        "avepoint-exporter: warning: accounts[0].auth.client_secret_file: other users can read the file"
    )
    assert "warning" not in shown.out


def test_log_lines_are_shown_with_a_log_level(avepoint: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("accounts:\n" + simulated(avepoint))
    assert run(["--log.level", "info", "check"]) == 0
    assert "msg=refreshed" in capsys.readouterr().err


def test_one_account_with_quick_as_json(avepoint: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("accounts:\n" + simulated(avepoint) + simulated(avepoint, name="msp", kind="partner"))
    assert run(["check", "--account", "msp", "--quick", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [account["name"] for account in document["accounts"]] == ["msp"]
    assert (document["customers_at_most"], document["ok"]) == (3, True)


def test_report_prints_only_the_block_for_a_bug_report(
    avepoint: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text("accounts:\n" + simulated(avepoint) + simulated(avepoint, name="msp", kind="partner"))
    assert run(["check", "--quick", "--report"]) == 0
    block = capsys.readouterr().out
    assert block.startswith("avepoint-exporter ")
    assert "account 2: partner, api auto\n" in block
    assert not [name for name in ("contoso", "msp", avepoint, APP.client_secret) if name in block]
    assert run(["check", "--json", "--report"]) == 1
    assert "--json cannot be combined with --report" in capsys.readouterr().err


def test_unknown_accounts(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert config.exists()
    assert run(["check", "--account", "contosso", "--account", "x"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "avepoint-exporter: --account: no account is named 'contosso'; configured: contoso",
        "avepoint-exporter: --account: no account is named 'x'; configured: contoso",
    ]


def test_a_shard_without_accounts(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert config.exists()
    codes = [run(["check", "--shard", f"pod-{index}", "--total-shards", "1000"]) for index in (1, 2)]
    assert codes == [0, 0]
    assert capsys.readouterr().out.count("Nothing was tested") == 2


@pytest.fixture
def slow() -> Iterator[str]:
    simulator = Simulator(customers=30, seed=1, speed=60, now=time.time)
    simulator.switches = type(simulator.switches)(latency_seconds=0.02)
    with SimulatorServer(simulator) as server:
        yield server.url


def shown_on_a_terminal(arguments: list[str], env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a process on a terminal, and return its exit code and output."""
    command = [sys.executable, "-m", "exporter", *arguments]
    got = b""
    with on_a_terminal(command, env={**os.environ, "TERM": "xterm", **(env or {})}) as (process, ours):
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # on Linux, this error means that the other end of the terminal is closed
                break
            if not piece:
                break
            got += piece
        code = process.wait(timeout=60)
    return code, got.decode()


def test_a_terminal_gets_a_bar_and_colors(slow: str, config: Path) -> None:
    config.write_text("accounts:\n" + simulated(slow, name="msp", kind="partner"))
    code, shown = shown_on_a_terminal(["check"])
    assert code == 0, shown
    assert "Checking" in shown
    assert re.search(r"\[#{24}\]  100%", shown)
    assert "\x1b[32mok" in shown
    report = click.unstyle(shown).replace("\r\n", "\n")
    assert all(len(line) <= 80 or "/" in line.split()[-1] for line in report.partition("msp: partner")[2].splitlines())


def test_the_bar_only_moves_forward() -> None:
    with click.progressbar(length=1000, file=io.StringIO()) as shown:
        bar = ProgressBar(shown)
        bar.begin(4)
        positions = []
        for steps in (1, 0.5, 0.5, 1.9999, 0.0002):
            bar.advance(steps, "msp/" + "x" * 80)
            positions.append(shown.pos)
    assert positions == [250, 375, 500, 1000, 1000]
    assert shown.finished


def test_no_color(avepoint: str, config: Path) -> None:
    config.write_text("accounts:\n" + simulated(avepoint))
    code, shown = shown_on_a_terminal(["check"], env={"NO_COLOR": "1"})
    assert code == 0
    assert "\x1b[32m" not in shown
