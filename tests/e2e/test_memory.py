"""The memory usage of a process does not grow, even if AvePoint's responses contain faults for hours."""

import json
import re
import resource
import time
from pathlib import Path

import pytest

from avepoint_simulator.application import Simulator
from avepoint_simulator.faults import FAULTS, Faults
from avepoint_simulator.requests import FaultOptions
from avepoint_simulator.server import SimulatorServer
from avepoint_simulator.tokens import AppCredentials
from exporter.collectors.registry import catalogue
from tests.e2e.processes import Exporter, eventually, exporter, fetch

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CONFIG = """
accounts:
  - name: tenant
    type: tenant
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {app.client_id}, client_secret: {app.client_secret}}}
    requests: {{per_second: 1000, timeout: 3s, retries: 1}}
    collectors: {tenant}
  - name: partner
    type: partner
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {app.client_id}, client_secret: {app.client_secret}}}
    requests: {{per_second: 1000, timeout: 3s, retries: 1}}
    collectors: {partner}
"""
# The test omits faults that make the exporter wait. Waiting would only slow down the test.
_WAITING = ("too_many_requests_date", "too_many_requests_bare", "unavailable")


def _config(url: str) -> str:
    """Return a configuration that makes every collector refresh continuously."""
    collectors = {kind: {name: {"interval": "1s"} for name in names} for kind, names in catalogue().items()}
    return CONFIG.format(url=url, app=AppCredentials(), **{kind: json.dumps(each) for kind, each in collectors.items()})


def _mebibytes(running: Exporter) -> float:
    pages = int(Path(f"/proc/{running.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _attempts(running: Exporter) -> float:
    page = running.metrics("/metrics?name[]=avepoint_api_requests_total")
    return sum(float(value) for value in re.findall(r"^avepoint_api_requests_total\{.* (\S+)$", page, re.MULTILINE))


def _is_well(running: Exporter) -> bool:
    states = re.findall(r"^avepoint_(?:customer_)?up\{.* (\S+)$", running.metrics(), re.MULTILINE)
    return len(states) > 15 and set(states) == {"1.0"}


def test_faults_leave_nothing_behind(tmp_path: Path, soak: bool) -> None:
    settling, watched = (120, 480) if soak else (8, 12)
    faults = Faults(
        probability=0.2,
        kinds=[kind for kind in FAULTS if kind not in _WAITING],
        options=FaultOptions(retry_after_seconds=0, timeout_seconds=3.5, text_bytes=300_000, bomb_bytes=20_000_000),
    )
    with SimulatorServer(Simulator(customers=15, seed=3, faults=faults)) as server:
        (tmp_path / "config.yaml").write_text(_config(server.url))
        with exporter(tmp_path, "--config.file", "config.yaml") as running:
            time.sleep(settling)
            before, began = _mebibytes(running), _attempts(running)
            deadline = time.monotonic() + watched
            while time.monotonic() < deadline:
                assert fetch(f"{running.url}/metrics").status == 200
                time.sleep(1)
            after, calls = _mebibytes(running), _attempts(running) - began
            print(f"{before:.1f} MiB, {after:.1f} MiB after {calls:.0f} more requests")  # noqa: T201 - shows the result
            assert after < before * (1.05 if soak else 1.4)
            faults.probability = 0.0
            eventually(lambda: _is_well(running), what="all collectors are up again")
            assert running.stop() == 0
            assert "unexpectedly" not in running.log.read_text()
