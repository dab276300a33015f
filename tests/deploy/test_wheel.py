"""The wheel alone is enough: no file of the checkout is needed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import eventually, fetch, free_port

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and an environment that holds it and what it asks for, nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist", cwd=ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    run(sys.executable, "-m", "venv", folder / "venv")
    pip = folder / "venv" / "bin" / "pip"
    run(pip, "install", "--quiet", "--require-hashes", "-r", ROOT / "requirements" / "runtime.txt")
    run(pip, "install", "--quiet", "--no-deps", "--no-index", wheel)
    return folder


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_what_is_locked_is_what_it_asks_for(folder: Path) -> None:
    assert "No broken requirements found." in run(folder / "venv" / "bin" / "pip", "check")


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_the_demo_runs_from_it(folder: Path, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV", "AVEPOINT"))}
    port = free_port()
    program = str(folder / "venv" / "bin" / "avepoint-exporter")
    command = [program, "demo", "--web.listen-address", f"127.0.0.1:{port}"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            eventually(lambda: fetch(url + "/-/ready").status == 200, within=60, what="ready")
            page, status = fetch(url + "/metrics").text, fetch(url + "/").text
        finally:
            process.terminate()
            output, _ = process.communicate(timeout=10)

    assert process.returncode == 0, output
    assert re.search(r"^avepoint_protected_objects\{", page, re.MULTILINE)
    assert "<html" in status
    assert str(ROOT) not in output


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_it_is_imported_from_the_environment(folder: Path, tmp_path: Path) -> None:
    python = folder / "venv" / "bin" / "python"
    where = run(python, "-c", "import exporter; print(exporter.__file__)", cwd=tmp_path)

    assert where.startswith(str(folder))
    assert "avepoint-exporter " in run(folder / "venv" / "bin" / "avepoint-exporter", "--version", cwd=tmp_path)
