"""A start takes little CPU time, and does not load unnecessary modules."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import exporter, fetch

CONFIG = """
accounts:
  - name: msp
    type: partner
    base_url: http://127.0.0.1:9
    token_url: http://127.0.0.1:9/connect/token
    auth: {client_id: app, client_secret: x}
"""
NOT_LOADED = ("bcrypt", "cryptography", "avepoint_simulator", "exporter.web.status",
              "jinja2", "jwt", "multiprocessing.pool", "sqlite3", "unittest")  # fmt: skip


def test_nothing_is_loaded_that_a_run_does_not_use() -> None:
    code = f"import exporter.cli, sys; print([name for name in {NOT_LOADED!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@pytest.mark.e2e
def test_the_first_scrape_is_answered_after_little_work(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    with exporter(tmp_path, "--config.file", "config.yaml") as running:
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": "0.6"}
        assert fetch(f"{running.url}/metrics", headers=headers).status == 200
        fields = Path(f"/proc/{running.process.pid}/stat").read_text().rpartition(")")[2].split()
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        print(f"{seconds:.2f} s of CPU time until the first scrape")  # noqa: T201 - shows the result

        # The target is 0.6 s on an idle machine. On a busy machine, the same work may take twice the CPU time.
        assert seconds < 1.5
        assert running.stop() == 0
