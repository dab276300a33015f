"""Programs that are not Python packages; where one is missing a test skips, but never in CI."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest


def program(*names: str) -> str:
    """Give the path of the first of the names that is installed; else skip with the reason, or fail where CI=true."""
    for name in names:
        if (path := shutil.which(name)) is not None:
            return path
    return _missing(f"{' or '.join(names)} is not installed")


def from_npm(folder: Path, *packages: str) -> Path:
    """Install npm packages (NAME@VERSION) into a folder unless they are there; gives their node_modules."""
    modules, done = folder / "node_modules", folder / "installed"
    if not done.exists() or done.read_text() != " ".join(packages):
        command = [program("npm"), "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(folder)]
        result = subprocess.run([*command, *packages], check=False, capture_output=True, text=True, timeout=110)
        if result.returncode != 0:
            _missing(f"npm cannot install {' '.join(packages)}: {result.stderr.strip()[-300:]}")
        done.write_text(" ".join(packages))
    return modules


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI must not skip it")
    pytest.skip(reason)
