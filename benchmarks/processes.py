"""Run the exporter and a simulated AvePoint as separate processes, and measure their resource usage."""

import contextlib
import http.client
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from avepoint_simulator.tokens import AppCredentials
from exporter.collectors.registry import catalogue
from tests.e2e.processes import Exporter, exporter, fetch

_CONFIG = """
accounts:
  - name: msp
    type: partner
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {app.client_id}, client_secret: {app.client_secret}}}
    requests: {{per_second: 1000, concurrency: {concurrency}}}
    collectors:
      customers: {{interval: 1d}}  # listed by each refresh of protected data
      protected_data: {{interval: {interval}}}
"""
_MEASURED = ("customers", "protected_data")
"""The collectors that the benchmark measures.

Other collectors are disabled, so that results of different versions are comparable.
"""


@dataclass(slots=True)
class AvePoint:
    """A simulated AvePoint. The counts are set after the process has ended."""

    url: str
    calls: int = 0
    tokens: int = 0
    most_at_once: int = 0


@contextlib.contextmanager
def avepoint(customers: int, latency: float) -> Iterator[AvePoint]:
    """Run a simulated AvePoint."""
    command = [sys.executable, "-m", "benchmarks.portfolio", "--customers", str(customers), "--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        service = AvePoint(process.stdout.readline().strip())
        try:
            yield service
        finally:
            process.terminate()
            service.calls, service.tokens, service.most_at_once = map(int, process.stdout.read().split())


@contextlib.contextmanager
def serving(
    folder: Path, url: str, *, concurrency: int, interval: str, ready_within: float | None = 60.0
) -> Iterator[Exporter]:
    """Run an exporter that reads a simulated AvePoint.

    Wait until the exporter is ready, unless `ready_within` is None.
    """
    text = _CONFIG.format(url=url, app=AppCredentials(), concurrency=concurrency, interval=interval)
    (folder / "config.yaml").write_text(text + "".join(f"      {name}: {{enabled: false}}\n" for name in _unmeasured()))
    with exporter(
        folder,
        "--config.file",
        "config.yaml",
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])},
    ) as running:
        if ready_within is not None:
            _wait_until_ready(running, ready_within)
        yield running
        assert running.stop() == 0


def _unmeasured() -> Iterator[str]:
    yield from (name for name in catalogue()["partner"] if name not in _MEASURED)


def _wait_until_ready(running: Exporter, within: float) -> None:
    """Wait for the first refreshes.

    Raise AssertionError with the log if the refreshes take longer than `within` seconds.
    """
    deadline = time.monotonic() + within
    while (answer := fetch(f"{running.url}/-/ready")).status != 200:
        assert running.process.poll() is None, f"the exporter ended:\n{running.log.read_text()}"
        assert time.monotonic() < deadline, f"after {within:.0f} s {answer.text}{running.log.read_text()}"
        time.sleep(0.1)


def cpu_seconds(running: Exporter) -> float:
    """Return the CPU time of a process."""
    fields = Path(f"/proc/{running.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def mebibytes(running: Exporter) -> float:
    """Return the resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{running.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def value(running: Exporter, name: str, collector: str = "protected_data") -> float:
    """Return the value of a status metric of a collector."""
    page = fetch(f"{running.url}/metrics?name[]={name}").text
    return float(next(line for line in page.splitlines() if f'collector="{collector}"' in line).split()[-1])


class Client:
    """A scraper with a persistent connection, like Prometheus. `seconds` contains the response times."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.seconds: list[float] = []
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def get(self, path: str, *, gzip: bool = False) -> int:
        """Send a request, and return the size of the response."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers={"Accept-Encoding": "gzip" if gzip else "identity"})
        response = self._connection.getresponse()
        size, buffer = 0, bytearray(2**20)
        while count := response.readinto(buffer):
            size += count
        assert response.status == 200
        self.seconds.append(time.perf_counter() - began)
        return size

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
