"""Find programs that are not Python packages.

If a program is missing, tests that need it are skipped. In CI, skipped tests fail (see tests/conftest.py).
"""

import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

UNAVAILABLE: Final = "unavailable on this machine: "
"""Prefix of skip reasons that CI accepts, because the program cannot be installed with Python and make."""


_BUILD: Final = Path(__file__).resolve().parents[1] / "scripts" / "build-prometheus"
_GO: Final = f"{os.environ.get('PATH', '')}:/usr/local/go/bin"


@dataclass(frozen=True, slots=True)
class Monitoring:
    """A release of Prometheus and Alertmanager, installed by Debian or scripts/build-prometheus."""

    name: str

    @property
    def is_current(self) -> bool:
        return self.name == "current"

    def program(self, *names: str) -> str:
        """Return the path of the first program in `names` that is installed.

        If none of the programs is installed, skip the test.
        """
        if not self.is_current:
            return program(*names)
        where = subprocess.run([_BUILD, "--where"], capture_output=True, text=True, check=True).stdout.strip()
        for name in names:
            if (path := Path(where) / name).exists():
                return str(path)
        if shutil.which("go", path=_GO) is None:
            pytest.skip(f"{UNAVAILABLE}Go, which builds current Prometheus and Alertmanager")
        pytest.skip("current Prometheus and Alertmanager are not built; run `make prometheus`")


def program(*names: str) -> str:
    """Return the path of the first program in `names` that is installed.

    If none of the programs is installed, skip the test.
    """
    for name in names:
        if (path := shutil.which(name)) is not None:
            return path
    pytest.skip(f"{' or '.join(names)} is not installed")


def from_npm(folder: Path, *packages: str) -> Path:
    """Install npm packages (NAME@VERSION) into a directory if necessary, and return its node_modules."""
    modules, done = folder / "node_modules", folder / "installed"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # parallel tests use the same directory
        if not done.exists() or done.read_text() != " ".join(packages):
            command = [program("npm"), "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(folder)]
            result = subprocess.run([*command, *packages], check=False, capture_output=True, text=True)
            if result.returncode != 0:
                pytest.skip(f"npm cannot install {' '.join(packages)}: {result.stderr.strip()[-300:]}")
            done.write_text(" ".join(packages))
    return modules
