"""`make run` and `make test`: which of them installs what, and when it installs it again; pip is a stand-in."""

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
    """A copy of what makes environments, with a Python that only notes what it is asked for."""

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
        """Make a file so much older than it is."""
        at = (self.folder / name).stat().st_mtime - seconds
        os.utime(self.folder / name, (at, at))

    def make(self, target: str, *, code: int = 0) -> list[str]:
        """Make a target; return what was installed for it: a new environment, requirements, the package."""
        (self.folder / "installed").write_text("")
        command = ["make", "PYTHON=./python", target]
        # The variables of a `make test` that runs this test stay out.
        environment = {
            key: os.environ[key] for key in os.environ.keys() - {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES"}
        }
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return re.findall(rf"venv|{RUNTIME}|{DEV}|{PACKAGE}", (self.folder / "installed").read_text())


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_run_installs_what_running_needs_and_a_test_the_rest(checkout: Checkout) -> None:
    assert checkout.make("run") == ["venv", RUNTIME]
    assert checkout.make("run") == []
    assert checkout.make(IS_READY) == [DEV, PACKAGE]
    assert checkout.make("run") == []
    assert (checkout.folder / "ran").read_text() == "-m exporter demo\n" * 3


def test_a_run_uses_the_environment_of_developers(checkout: Checkout) -> None:
    assert checkout.make(IS_READY) == ["venv", DEV, PACKAGE]
    assert checkout.make("run") == []


@pytest.mark.parametrize(("changed", "for_run", "for_test"), [
    ("pyproject.toml", ["venv", RUNTIME], ["venv", DEV, PACKAGE]),
    ("scripts/make-venv", ["venv", RUNTIME], ["venv", DEV, PACKAGE]),
    (RUNTIME, ["venv", RUNTIME], []),
    (DEV, [], ["venv", DEV, PACKAGE]),
])  # fmt: skip
def test_what_is_older_than_its_requirements_is_made_anew(
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


def test_what_runs_but_is_old_is_not_added_to(checkout: Checkout) -> None:
    checkout.make("run")
    checkout.age(RUNS, 50)
    (checkout.folder / "pyproject.toml").touch()
    assert checkout.make(IS_READY) == ["venv", DEV, PACKAGE]


@pytest.mark.parametrize("target", ["run", IS_READY])
def test_what_was_interrupted_is_made_anew(target: str, checkout: Checkout) -> None:
    for before in ("run", IS_READY):
        (checkout.folder / "offline").touch()
        checkout.make(before, code=2)
        (checkout.folder / "offline").unlink()
        assert checkout.make(target)[0] == "venv"
        shutil.rmtree(checkout.folder / ".venv")


def test_what_was_interrupted_while_it_was_added_to_is_made_anew(checkout: Checkout) -> None:
    checkout.make("run")
    (checkout.folder / "offline").touch()
    checkout.make(IS_READY, code=2)
    (checkout.folder / "offline").unlink()
    assert checkout.make("run") == ["venv", RUNTIME]
