"""The memory usage of a process does not grow if its configuration changes often."""

import re
import signal
from functools import partial
from pathlib import Path

import pytest

from avepoint_simulator import AppCredentials, Simulator, SimulatorServer
from tests.e2e.processes import Exporter, eventually, exporter

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.soak]

CONFIG = """
accounts:
  - name: tenant
    type: tenant
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {app.client_id}, client_secret: {app.client_secret}}}
    requests: {{per_second: 1000, timeout: {seconds}s}}
  - name: partner
    type: partner
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {app.client_id}, client_secret: {app.client_secret}}}
    requests: {{per_second: 1000, timeout: {seconds}s}}
"""


def resident(running: Exporter) -> float:
    """Return the current memory usage in MiB, not the peak. A process may inherit the peak from its parent."""
    text = Path(f"/proc/{running.process.pid}/status").read_text()
    match = re.search(r"VmRSS:\s*(\d+) kB", text)
    assert match is not None
    return int(match[1]) / 1024


def test_changed_reloads_leave_nothing_behind(tmp_path: Path, soak: bool) -> None:
    warmup, reloads = (100, 600) if soak else (40, 40)
    file = tmp_path / "config.yaml"
    with SimulatorServer(Simulator(customers=30 if soak else 10, seed=3)) as server:

        def write(number: int) -> None:
            file.write_text(CONFIG.format(url=server.url, app=AppCredentials(), seconds=30 + number % 2))

        write(0)
        with exporter(tmp_path, "--config.file", "config.yaml", "--storage.path", "state") as running:
            before = 0.0
            for number in range(1, warmup + reloads + 1):
                write(number)
                done = _reload_times(running)
                running.process.send_signal(signal.SIGHUP)
                eventually(partial(_is_later, running, done), what="reloaded")
                if number == warmup:
                    before = resident(running)
            after = resident(running)
            print(f"{before:.1f} MiB, after {reloads} reloads {after:.1f} MiB")  # noqa: T201 - shows the result
            assert after < before * (1.05 if soak else 1.25)
            assert running.stop() == 0


def _reload_times(running: Exporter) -> float:
    """Return the time of the last successful reload."""
    page = running.metrics("/metrics?name[]=avepoint_exporter_config_last_reload_success_timestamp_seconds")
    match = re.search(r"^avepoint_exporter_config_last_reload_success_timestamp_seconds (\S+)$", page, re.MULTILINE)
    assert match is not None, page
    return float(match[1])


def _is_later(running: Exporter, done: float) -> bool:
    return _reload_times(running) > done
