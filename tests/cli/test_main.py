"""Test the command line: flags, environment variables of flags, messages, and exit codes."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import click
import pytest

from exporter import __version__
from exporter.cli import command, run
from tests.cli.support import TENANT, ended, free_port, simulated
from tests.e2e.processes import eventually, exporter, fetch, process
from tests.programs import program

# Help and version


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], *([name, "--help"] for name in command.commands)])
def test_help_fits_80_columns(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    shown = capsys.readouterr()
    assert all(len(line) <= 80 for line in shown.out.splitlines())
    assert "RANGE" not in shown.out
    assert "…" not in shown.out
    assert "..." not in re.sub(r"\[(OPTIONS|COMMAND|ARGS)\]\.\.\.", "", shown.out)
    assert shown.err == ""


def test_every_flag_of_the_contract_is_there_with_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for flag in (
        "--config.file", "--config.check", "--config.watch", "--web.listen-address", "--web.config.file",
        "--web.enable-lifecycle", "--storage.path", "--storage.url", "--log.level", "--log.format", "--once",
    ):  # fmt: skip
        assert f" {flag} " in text
    assert "AVEPOINT_EXPORTER_CONFIG_FILE sets --config.file" in text
    assert "Exit codes: 0 for success, 1 for " in text


def test_every_option_of_every_command_has_a_variable_and_a_help() -> None:
    commands: list[click.Command] = [command, *command.commands.values()]
    for each in commands:
        for parameter in each.params:
            if isinstance(parameter, click.Argument):
                continue  # the argument of `completion` is the name of a shell
            assert isinstance(parameter, click.Option)
            assert parameter.help
            if parameter.name != "version":
                assert parameter.envvar == f"AVEPOINT_EXPORTER_{(parameter.name or '').upper()}"


def test_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVEPOINT_EXPORTER_LOG_LEVEL", "nonsense")
    assert run(["--version"]) == 0
    number = ".".join(map(str, sys.version_info[:3]))
    assert capsys.readouterr().out == f"avepoint-exporter {__version__} (Python {number})\n"


def test_a_process_of_its_own() -> None:
    done = ended("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("avepoint-exporter ")


def test_a_password_check_that_runs_at_the_end_does_not_abort_the_process() -> None:
    script = """
import sys, threading
import bcrypt
from exporter.cli import entry_point
stored = bcrypt.hashpw(b"x", bcrypt.gensalt(4))
def check():
    while True:
        bcrypt.checkpw(b"x", stored)
for _ in range(4):
    threading.Thread(target=check, daemon=True).start()
sys.argv[1:] = ["--version"]
entry_point()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("avepoint-exporter ")


def test_the_console_script_ends_with_the_exit_code() -> None:
    done = subprocess.run([sys.executable, "-m", "exporter", "--nonsense"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


# Each error prints one line and returns exit code 1.


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nonsense"], "no flag is named --nonsense (help: avepoint-exporter --help)"),
        (["--log.levle", "info"], "no flag is named --log.levle; did you mean --log.level?"),
        (["-config.file=x"], "no flag is named -config.file; did you mean --config.file?"),
        (["--config-file", "x"], "no flag is named --config-file; did you mean --config.file?"),
        (["--customers", "5"], "no flag is named --customers; use this flag with avepoint-exporter demo"),
        (["-x"], "no flag is named -x"),
        (["--log.level", "verbose"], "'debug', 'info', 'warn', 'error'"),
        (["--log.format", "xml"], "'logfmt', 'json'"),
        (["--config.file"], "requires an argument"),
        (["nonsense"], "no command is named 'nonsense' (help"),
        (["chek"], "no command is named 'chek'; did you mean check?"),
        (["check", "more"], "unexpected extra argument"),
        (
            ["check", "--web.listen-address", ":1"],
            "use this flag with avepoint-exporter without a command, avepoint-exporter demo",
        ),
        (["demo", "--customers", "-1"], "--customers"),
        (["demo", "--customers", "many"], "invalid value for '--customers': 'many' is not an integer"),
        (["demo", "--speed", "0"], "--speed"),
        (["--total-shards", "0"], "--total-shards"),
        (["--once", "check"], "--once cannot be used with check"),
        (["--config.check", "demo"], "--config.check cannot be used with demo"),
        (["--total-shards", "2", "init"], "--total-shards cannot be used with init"),
        (["init", "--shard", "1"], "no flag is named --shard; use this flag with "),
        (
            ["--once"],
            "create it, or correct the path (`avepoint-exporter init` ",
        ),
        (["--config.check", "--config.file", "absent"], "cannot read absent: no such file or directory"),
        (["check", "--config.file", "."], ".: is a directory"),
        ([], "cannot read config.yaml: no such file or directory"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_1(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    assert shown.err.startswith("avepoint-exporter: ")
    assert words in shown.err


@pytest.mark.parametrize(
    "flag", ["--log.level", "--log.format", "--total-shards", "--web.enable-lifecycle", "--once", "--config.check"]
)
def test_a_wrong_variable_is_one_line_and_1(
    flag: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVEPOINT_EXPORTER_" + flag[2:].upper().replace(".", "_").replace("-", "_"), "nonsense")
    assert run([]) == 1
    shown = capsys.readouterr()
    assert flag in shown.err
    assert len(shown.err.splitlines()) == 1


def test_a_wrong_configuration_in_a_real_process(config: Path) -> None:
    config.write_text(TENANT.replace("hunter2", "31415926") + "    nmae: x\n")
    for arguments in ([], ["--config.check"]):
        done = ended(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines() == [
            (
                "avepoint-exporter: accounts[0].auth.client_secret: must be a string; put the value in quotes"
                " (config.yaml:6, account contoso)"
            ),
            "avepoint-exporter: accounts[0].nmae: unknown key; did you mean name? (config.yaml:7, account contoso)",
        ]


# --config.check


@pytest.mark.parametrize(("accounts", "words"), [(1, "1 account"), (2, "2 accounts")])
def test_a_configuration_that_is_fine(
    accounts: int, words: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = TENANT.replace("accounts:", "").replace("contoso", "fabrikam")
    config.write_text(TENANT + second * (accounts - 1))
    assert run(["--config.check"]) == 0
    assert capsys.readouterr() == (f"config.yaml: valid, {words}\n", "")


def test_the_check_calls_nothing(config: Path, silent: tuple[str, socket.socket]) -> None:
    url, listener = silent
    config.write_text("accounts:\n" + simulated(url))
    assert run(["--config.check"]) == 0
    listener.settimeout(0.3)
    with pytest.raises(TimeoutError):
        listener.accept()


def test_the_check_tells_everything_at_once(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(TENANT + "    api: v9\n")
    (tmp_path / "web.yaml").write_text("nonsense: 1\n")
    arguments = ["--config.check", "--web.config.file", "web.yaml", "--shard", "3", "--total-shards", "3"]
    assert run(arguments) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("avepoint-exporter: accounts[0].api: must be one of auto, modern, legacy (config.yaml:")
    assert "nonsense" in lines[1]
    assert "--shard: 3 must be less than --total-shards" in lines[2]


def test_the_check_looks_into_certificates(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "app.pem").write_text("no certificate")
    (tmp_path / "app.pem").chmod(0o600)
    certificate = TENANT.replace("client_secret: hunter2", "certificate_file: app.pem")
    config.write_text(certificate + "    tls: {ca_file: app.pem}\n")
    assert run(["--config.check"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("avepoint-exporter: accounts[0].auth.certificate_file: ")
    what = "contains no PEM certificates; use certificates in PEM format (account contoso)"
    assert lines[1] == f"avepoint-exporter: accounts[0].tls.ca_file: {tmp_path / 'app.pem'}: {what}"


OPEN = (
    "avepoint-exporter: warning: accounts[0].auth.client_secret_file: other users can read the file; chmod g-w,o-rwx "
)


def test_the_check_warns_of_secrets_that_others_can_read(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text("hunter2")
    (tmp_path / "secret").chmod(0o644)
    config.write_text(TENANT.replace("client_secret: hunter2", "client_secret_file: secret"))
    assert run(["--config.check"]) == 0
    assert capsys.readouterr() == ("config.yaml: valid, 1 account\n", f"{OPEN}{tmp_path / 'secret'}\n")
    (tmp_path / "secret").chmod(0o640)
    assert run(["--config.check"]) == 0
    assert capsys.readouterr().err == ""


# Environment variables, and flags before and after a command


def test_the_configuration_by_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.yaml").write_text(TENANT)
    monkeypatch.setenv("AVEPOINT_EXPORTER_CONFIG_FILE", "other.yaml")
    monkeypatch.setenv("AVEPOINT_EXPORTER_CONFIG_CHECK", "true")
    assert run([]) == 0
    assert "other.yaml: valid" in capsys.readouterr().out
    assert run(["--config.file", "absent.yaml"]) == 1
    monkeypatch.setenv("AVEPOINT_EXPORTER_CONFIG_FILE", "")
    assert run([]) == 1
    assert "config.yaml: no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "variable", "file"),
    [
        (["check"], None, "config.yaml"),
        (["check"], "variable", "variable"),
        (["--config.file", "before", "check"], None, "before"),
        (["--config.file", "before", "check"], "variable", "before"),
        (["check", "--config.file", "after"], "variable", "after"),
        (["--config.file", "before", "check", "--config.file", "after"], "variable", "after"),
    ],
)
def test_which_of_several_settings_is_heeded(
    arguments: list[str],
    variable: str | None,
    file: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if variable is not None:
        monkeypatch.setenv("AVEPOINT_EXPORTER_CONFIG_FILE", variable)
    assert run(arguments) == 1
    assert capsys.readouterr().err.startswith(f"avepoint-exporter: --config.file: cannot read {file}: no such file")


@pytest.mark.parametrize(
    "value", ["127.0.0.1:70000 nowhere", "127.0.0.1:70000,nowhere", " 127.0.0.1:70000 ,\tnowhere,"]
)
def test_several_addresses_in_one_variable(
    value: str, config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVEPOINT_EXPORTER_WEB_LISTEN_ADDRESS", value)
    assert run([]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("avepoint-exporter: ")]
    assert len(lines) == 2
    assert "'127.0.0.1:70000'" in lines[0]
    assert "'nowhere'" in lines[1]


# Commands against a simulator


def test_once(avepoint: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("accounts:\n" + simulated(avepoint) + simulated(avepoint, name="msp", kind="partner"))
    assert run(["--once", "--log.level", "error"]) == 0
    shown = capsys.readouterr()
    assert 'avepoint_up{account="contoso",collector="license"} 1.0\n' in shown.out
    assert 'avepoint_up{account="msp",collector="protected_data"} 1.0\n' in shown.out
    assert shown.err == ""


def test_once_without_the_right_secret(avepoint: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("accounts:\n" + simulated(avepoint) + simulated(avepoint, name="wrong", secret="hunter2"))
    assert run(["--once", "--log.format", "json"]) == 2
    shown = capsys.readouterr()
    assert 'avepoint_up{account="contoso",collector="license"} 1.0\n' in shown.out
    assert 'avepoint_up{account="wrong",collector="license"} 0.0\n' in shown.out
    assert "hunter2" not in shown.out + shown.err
    assert all(line.startswith("{") for line in shown.err.splitlines())


def stop_once_it_listens(port: int) -> threading.Thread:
    """When the port accepts connections, send SIGTERM to this process. At this time, the signal handlers are set."""

    def wait() -> None:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_it_serves_until_sigterm(avepoint: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("accounts:\n" + simulated(avepoint))
    port = free_port()
    thread = stop_once_it_listens(port)
    assert run(["--web.listen-address", f"127.0.0.1:{port}", "--web.enable-lifecycle", "--storage.path", "state"]) == 0
    thread.join()
    assert "listening" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", ""])
def test_the_demo_says_what_to_open(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    thread = stop_once_it_listens(port)
    assert run(["--log.level", "error", "demo", "--customers", "1", "--web.listen-address", f"{host}:{port}"]) == 0
    thread.join()
    shown = capsys.readouterr().out
    assert f"http://{host or 'localhost'}:{port}/metrics" in shown


def test_a_number_of_the_demo_can_be_followed_by_hand(tmp_path: Path) -> None:
    assert program("curl")
    with exporter(tmp_path, "demo", "--customers", "1") as demo:
        eventually(lambda: fetch(f"{demo.url}/-/ready").status == 200, what="ready")
        shown = demo.out.read_text()
        page = fetch(f"{demo.url}/metrics").text
        done = subprocess.run(
            [program("bash"), "-c", shown[shown.index("  TOKEN=") : shown.index("Press Ctrl-C")]],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    seats = json.loads(done.stdout)["data"]["assignedUserSeats"]
    assert f'avepoint_license_assigned_seats{{account="contoso"}} {seats:.1f}' in page
    for line in ("/connect/token", "client id      simulator", "These credentials are valid only for the simulator."):
        assert line in shown
    assert all(len(line) <= 80 for line in shown.splitlines() if not line.startswith("ts="))


@pytest.mark.parametrize("arguments", [["--once"], ["check"]])
def test_an_interrupted_refresh_has_not_read_avepoint(
    arguments: list[str], config: Path, silent: tuple[str, socket.socket]
) -> None:
    url, listener = silent
    config.write_text("accounts:\n" + simulated(url))
    command = [sys.executable, "-m", "exporter", *arguments]
    with process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        connection, _ = listener.accept()
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=30)
        connection.close()
    assert started.returncode == 2, err
    assert out == ""
    assert "Traceback" not in err


def test_an_interruption_before_serving_is_an_end() -> None:
    @command.command("interrupted", hidden=True)
    def interrupted() -> None:
        raise KeyboardInterrupt

    try:
        assert run(["interrupted"]) == 0
    finally:
        del command.commands["interrupted"]


CHECK = [sys.executable, "-m", "exporter", "--config.check"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_disk_is_one_line_without_a_traceback(config: Path) -> None:
    config.write_text(TENANT)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "exporter", "--config.check"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "avepoint-exporter: cannot write to standard output: no space left on device\n"


@pytest.mark.parametrize("flag", ["--config.check", "--help", "--version"])
def test_a_reader_that_closes_the_pipe_gets_no_traceback(flag: str, config: Path) -> None:
    config.write_text(TENANT)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "exporter", flag],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, ""), "a shell reports this code for programs that SIGPIPE ends"


def test_the_variable_of_multi_process_applications_is_ignored(tmp_path: Path) -> None:
    code = "import exporter.exposition.exporter_metrics; from prometheus_client.values import ValueClass as c; print(c)"
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "missing")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert "Mutex" in done.stdout
