"""`avepoint-exporter completion` prints scripts for three shells. The test runs the script for Bash."""

import subprocess
import sys
from pathlib import Path

import pytest

from exporter.cli import run
from tests.programs import program

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_AVEPOINT_EXPORTER_COMPLETE={shell}_complete" in script
    assert "avepoint-exporter" in script


def test_another_shell_is_refused_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "tcsh"]) == 1
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err


@pytest.fixture(scope="module")
def bash_script() -> str:
    """The script for Bash, as a real process prints it."""
    command = [sys.executable, "-m", "exporter", "completion", "bash"]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["avepoint-exporter", "ch"], {"check"}),
        (["avepoint-exporter", "check", "--qu"], {"--quick"}),
        (["avepoint-exporter", "--log.level", "w"], {"warn"}),
        (["avepoint-exporter", "init", "--type", "p"], {"partner"}),
        (["avepoint-exporter", "init", "--data-center", "gcp-"], {"gcp-us", "gcp-au", "gcp-jp", "gcp-kr", "gcp-we"}),
        (["avepoint-exporter", "check", "--account", "con"], {"contoso"}),
        (["avepoint-exporter", "check", "--config.file", "my-config.yaml", "--account", ""], {"fabrikam", "msp"}),
        (["avepoint-exporter", "--config.f"], {"--config.file"}),
        (["avepoint-exporter", "--config.file", "my-"], {"compopt", "-o", "default"}),  # file names
    ],
)
def test_bash_completes(typed: list[str], expected: set[str], bash_script: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("accounts: [{name: contoso, auth: {client_secret_env: UNSET}}]")
    (tmp_path / "my-config.yaml").write_text("accounts: [{name: fabrikam}, {name: msp}]")
    command = tmp_path / "avepoint-exporter"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m exporter "$@"\n')
    command.chmod(0o755)
    script = (
        f"PATH={tmp_path}:$PATH\n{bash_script}\n"
        f"COMP_WORDS=({' '.join(typed)}); COMP_CWORD={len(typed) - 1}; COMPREPLY=()\n"
        'compopt() { echo "compopt $*"; }\n'
        '_avepoint_exporter_completion avepoint-exporter; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        [program("bash"), "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False
    )
    assert done.stderr == ""
    assert expected <= set(done.stdout.split())
