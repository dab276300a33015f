"""`avepoint-exporter check` against a simulator: what it prints where, and how it ends."""

import io
import json
import os
import pty
import re
import subprocess
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

APP = AppCredentials()


def test_every_account_is_tried(avepoint: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("accounts:\n" + simulated(avepoint) + simulated(avepoint, name="msp", kind="partner"))
    assert run(["check"]) == 0
    shown = capsys.readouterr()
    assert re.search(r"^  jobs +ok +modern ", shown.out, re.MULTILINE)
    assert re.search(r"^  protected_data +ok +modern +2 ", shown.out, re.MULTILINE)
    assert re.search(r"^ +\d+  avepoint_license_purchased_seats$", shown.out, re.MULTILINE)
    assert re.search(r"^(\d+) of \1 collectors work\.$", shown.out, re.MULTILINE)
    assert shown.err == ""
    assert "\x1b" not in shown.out


def test_what_is_wrong(avepoint: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("accounts:\n" + simulated(avepoint, secret="hunter2"))
    assert run(["check"]) == 2
    shown = capsys.readouterr()
    words = " ".join(shown.out.split())
    assert "contoso/license" in words
    assert "not tried: token: no token for microsoft365backup.jobInfo.read.all: invalid_client" in words
    assert "check auth.client_id and the secret or certificate; secrets expire" in words
    assert "hunter2" not in shown.out + shown.err
    assert shown.err == ""


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_secret_that_others_can_read_is_warned_of(
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
        "avepoint-exporter: warning: accounts[0].auth.client_secret_file: the file is open to others"
    )
    assert "warning" not in shown.out


def test_logs_are_shown_where_they_are_asked_for(
    avepoint: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text("accounts:\n" + simulated(avepoint))
    assert run(["--log.level", "info", "check"]) == 0
    assert "msg=refreshed" in capsys.readouterr().err


def test_chosen_accounts_quickly_as_json(avepoint: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("accounts:\n" + simulated(avepoint) + simulated(avepoint, name="msp", kind="partner"))
    assert run(["check", "--account", "msp", "--quick", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [account["name"] for account in document["accounts"]] == ["msp"]
    assert (document["customers_at_most"], document["ok"]) == (3, True)


def test_an_account_that_is_not_there(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert config.exists()
    assert run(["check", "--account", "contosso", "--account", "x"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "avepoint-exporter: --account: there is no account 'contosso'; there are contoso",
        "avepoint-exporter: --account: there is no account 'x'; there are contoso",
    ]


def test_a_shard_that_owns_nothing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert config.exists()
    codes = [run(["check", "--shard", f"pod-{index}", "--total-shards", "1000"]) for index in (1, 2)]
    assert codes == [0, 0]
    assert capsys.readouterr().out.count("Nothing was tried") == 2


@pytest.fixture
def slow() -> Iterator[str]:
    simulator = Simulator(customers=30, seed=1, speed=60, now=time.time)
    simulator.switches = type(simulator.switches)(latency_seconds=0.02)
    with SimulatorServer(simulator) as server:
        yield server.url


def on_a_terminal(arguments: list[str], env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a process whose standard streams are a terminal; give its exit code and what the terminal got."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "exporter", *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm", **(env or {})},
    ) as process:  # fmt: skip
        os.close(theirs)
        got = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # Linux says so that the other end is closed
                break
            if not piece:
                break
            got += piece
        code = process.wait(timeout=60)
    os.close(ours)
    return code, got.decode()


def test_a_terminal_gets_a_bar_and_colours(slow: str, config: Path) -> None:
    config.write_text("accounts:\n" + simulated(slow, name="msp", kind="partner"))
    code, shown = on_a_terminal(["check"])
    assert code == 0, shown
    assert "Checking" in shown
    assert re.search(r"\[#{24}\]  (\d+)/\1 ", shown)
    assert "\x1b[32mok" in shown
    report = click.unstyle(shown).replace("\r\n", "\n")
    assert all(len(line) <= 80 or "/" in line.split()[-1] for line in report.partition("msp: partner")[2].splitlines())


def test_the_bar_grows_with_what_turns_out_to_be_to_do() -> None:
    seen = io.StringIO()
    with click.progressbar(length=0, file=seen) as shown:
        bar = ProgressBar(shown)
        bar.expect(2)
        bar.advance(2, "msp")
        assert (shown.pos, shown.length, shown.finished) == (2, 2, True)
        bar.expect(3)
        assert not shown.finished
        bar.advance(5, "msp/" + "x" * 80)
        assert (shown.pos, shown.length) == (5, 5)


def test_no_colours_where_none_are_wanted(avepoint: str, config: Path) -> None:
    config.write_text("accounts:\n" + simulated(avepoint))
    code, shown = on_a_terminal(["check"], env={"NO_COLOR": "1"})
    assert code == 0
    assert "\x1b[32m" not in shown
