"""The installed wheel works without the checkout."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.conftest import Release
from tests.e2e.processes import eventually, fetch, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_demo_runs_from_it(release: Release, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV", "AVEPOINT"))}
    port = free_port()
    program = str(release.installed / "avepoint-exporter")
    command = [program, "demo", "--web.listen-address", f"127.0.0.1:{port}"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            eventually(lambda: fetch(url + "/-/ready").status == 200, what="ready")
            page, status = fetch(url + "/metrics").text, fetch(url + "/").text
        finally:
            process.terminate()
            output, _ = process.communicate()

    assert process.returncode == 0, output
    assert re.search(r"^avepoint_protected_objects\{", page, re.MULTILINE)
    assert "<html" in status
    assert str(ROOT) not in output


def test_it_is_imported_from_the_environment(release: Release, tmp_path: Path) -> None:
    where = run(release.installed / "python", "-c", "import exporter; print(exporter.__file__)", cwd=tmp_path)

    assert where.startswith(str(release.installed.parent))
    assert "avepoint-exporter " in run(release.installed / "avepoint-exporter", "--version", cwd=tmp_path)
