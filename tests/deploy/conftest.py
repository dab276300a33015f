"""Build a release once for all tests in this directory."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Release:
    """The files that scripts/build_release.py has built. `installed` is the directory of the installed programs."""

    dist: Path
    installed: Path
    version: str

    def file(self, pattern: str) -> Path:
        """Return the only file that matches a pattern."""
        [path] = self.dist.glob(pattern)
        return path


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("release")
    script = ROOT / "scripts" / "build_release.py"
    command = [sys.executable, str(script), str(folder / "dist"), "--work", str(folder / "work")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    installed = folder / "work" / "installed" / "bin"
    command = [str(installed / "avepoint-exporter"), "--version"]
    version = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[1]
    return Release(folder / "dist", installed, version)
