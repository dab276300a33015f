"""`make run` and `make test` install the right packages. A fake pip records the packages to install."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
RUNTIME, DEV, PACKAGE = "requirements/runtime.txt", "requirements/dev.txt", "--editable"
PYTHON: Final = """#!/bin/sh
case "$*" in
*"-m venv"*) mkdir -p "$3/bin" && echo venv >>installed && cp pip "$3/bin/pip" && cp python "$3/bin/python" ;;
*"-m exporter"*) echo "$*" >>ran ;;
esac
"""
PIP: Final = """#!/bin/sh
echo "$*" >>installed
[ ! -e offline ]
"""
RUNS, IS_READY = ".venv/.runs", ".venv/.ready"


class Checkout:
    """Copy the files that create virtual environments. A fake `python` records its arguments and does nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("Makefile", "pyproject.toml", "scripts/make-venv", RUNTIME, DEV):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
            self.age(name)
        for name, text in (("python", PYTHON), ("pip", PIP)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def age(self, name: str, seconds: int = 100) -> None:
        """Move the modification time of a file into the past."""
        at = (self.folder / name).stat().st_mtime - seconds
        os.utime(self.folder / name, (at, at))

    def make(self, target: str, *, code: int = 0) -> list[str]:
        """Run make for a target, and return the recorded installations."""
        (self.folder / "installed").write_text("")
        command = ["make", "PYTHON=./python", target]
        # Omit the variables that an outer `make test` has set.
        environment = {
            key: os.environ[key] for key in os.environ.keys() - {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES"}
        }
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return re.findall(rf"venv|{RUNTIME}|{DEV}|{PACKAGE}", (self.folder / "installed").read_text())


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_run_installs_runtime_requirements_and_test_adds_the_others(checkout: Checkout) -> None:
    assert checkout.make("run") == ["venv", RUNTIME]
    assert checkout.make("run") == []
    assert checkout.make(IS_READY) == [DEV, PACKAGE]
    assert checkout.make("run") == []
    assert (checkout.folder / "ran").read_text() == "-m exporter demo\n" * 3


def test_run_uses_an_environment_of_developers(checkout: Checkout) -> None:
    assert checkout.make(IS_READY) == ["venv", DEV, PACKAGE]
    assert checkout.make("run") == []


@pytest.mark.parametrize(("changed", "for_run", "for_test"), [
    ("pyproject.toml", ["venv", RUNTIME], ["venv", DEV, PACKAGE]),
    ("scripts/make-venv", ["venv", RUNTIME], ["venv", DEV, PACKAGE]),
    (RUNTIME, ["venv", RUNTIME], []),
    (DEV, [], ["venv", DEV, PACKAGE]),
])  # fmt: skip
def test_an_environment_older_than_its_requirements_is_made_again(
    changed: str, for_run: list[str], for_test: list[str], checkout: Checkout
) -> None:
    checkout.make("run")
    checkout.age(RUNS, 50)
    (checkout.folder / changed).touch()
    assert checkout.make("run") == for_run
    checkout.make(IS_READY)
    checkout.age(IS_READY, 50)
    (checkout.folder / changed).touch()
    assert checkout.make(IS_READY) == for_test


def test_nothing_is_added_to_an_old_environment(checkout: Checkout) -> None:
    checkout.make("run")
    checkout.age(RUNS, 50)
    (checkout.folder / "pyproject.toml").touch()
    assert checkout.make(IS_READY) == ["venv", DEV, PACKAGE]


@pytest.mark.parametrize("target", ["run", IS_READY])
def test_an_interrupted_environment_is_made_again(target: str, checkout: Checkout) -> None:
    for before in ("run", IS_READY):
        (checkout.folder / "offline").touch()
        checkout.make(before, code=2)
        (checkout.folder / "offline").unlink()
        assert checkout.make(target)[0] == "venv"
        shutil.rmtree(checkout.folder / ".venv")


def test_an_environment_with_an_interrupted_addition_is_made_again(checkout: Checkout) -> None:
    checkout.make("run")
    (checkout.folder / "offline").touch()
    checkout.make(IS_READY, code=2)
    (checkout.folder / "offline").unlink()
    assert checkout.make("run") == ["venv", RUNTIME]
