"""Test the systemd unit."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.programs import program

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "systemd" / "avepoint-exporter.service"


def test_systemd_rates_it_below_two() -> None:
    analyze = program("systemd-analyze")
    command = [analyze, "security", "--offline=true", "--no-pager", str(UNIT)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze is older than 250")
    rated = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)

    assert rated is not None, done.stderr
    assert float(rated[1]) < 2.0, done.stdout


def test_systemd_accepts_every_line() -> None:
    command = [program("systemd-analyze"), "verify", "--man=no", str(UNIT)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    warnings = [line for line in done.stderr.splitlines() if UNIT.name in line and "is not executable" not in line]

    assert warnings == []


def test_secrets_are_files_and_the_user_is_temporary() -> None:
    text = UNIT.read_text("utf-8")

    assert re.search(r"^LoadCredential=secret:/etc/avepoint-exporter/secrets$", text, re.MULTILINE)
    assert re.search(r"^DynamicUser=yes$", text, re.MULTILINE)
    assert re.search(r"^ProtectSystem=strict$", text, re.MULTILINE)
    assert re.search(r"^StateDirectory=avepoint-exporter$", text, re.MULTILINE)
    assert not re.search(r"^Environment=.*(SECRET|PASSWORD)", text, re.MULTILINE)
