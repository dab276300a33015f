"""If file descriptors run out, health checks still succeed, the log stays short, and the server recovers."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Exporter, eventually, exporter, fetch

pytestmark = [pytest.mark.e2e]

ACCOUNTS = """
  - name: tenant{number}
    type: tenant
    base_url: http://127.0.0.1:{port}
    token_url: http://127.0.0.1:{port}/connect/token
    auth: {{client_id: app, client_secret: x}}
    requests: {{timeout: 60s, retries: 0}}
"""


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """Run a server that queues connections in its backlog and never responds. Return its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        yield listener.getsockname()[1]


@contextlib.contextmanager
def limited(folder: Path, files: int, accounts: int, port: int) -> Iterator[Exporter]:
    """Run an exporter that can open at most `files` files."""
    text = "".join(ACCOUNTS.format(number=number, port=port) for number in range(accounts))
    (folder / "config.yaml").write_text(f"accounts:{text}")
    arguments = ("--config.file", "config.yaml", "--storage.path", "state")
    with exporter(folder, *arguments, env=dict(os.environ), open_files=files) as running:
        yield running


async def _flood(running: Exporter, connections: int, seconds: float) -> list[float]:
    """Open idle connections, and return the durations of health checks while these connections are open."""
    host, port = running.url.removeprefix("http://").split(":")
    writers, durations, ends = [], list[float](), time.monotonic() + seconds
    for _ in range(connections):
        with contextlib.suppress(OSError):
            writers.append((await asyncio.open_connection(host, int(port)))[1])
    while time.monotonic() < ends:
        began = time.monotonic()
        answer = await asyncio.to_thread(fetch, f"{running.url}/-/healthy")
        assert answer.status == 200
        durations.append(time.monotonic() - began)
        await asyncio.sleep(0.2)
    for writer in writers:
        writer.close()
    return durations


def test_idle_connections_do_not_prevent_health_checks(tmp_path: Path, soak: bool) -> None:
    with silent_server() as port, limited(tmp_path, files=256, accounts=1, port=port) as running:
        durations = asyncio.run(_flood(running, 300, 30 if soak else 3))
        print(f"{len(durations)} health checks, longest {max(durations):.3f} s")  # noqa: T201 - figures
        assert fetch(f"{running.url}/metrics").status == 200
        assert running.stop() == 0
        log = running.log.read_text()
        assert len(log.splitlines()) < 200
        assert "Traceback" not in log


def test_requests_to_avepoint_that_take_all_descriptors_do_not_prevent_health_checks(
    tmp_path: Path, soak: bool
) -> None:
    with silent_server() as port, limited(tmp_path, files=56, accounts=20, port=port) as running:
        eventually(lambda: "oo many open files" in running.log.read_text(), what="no descriptors are left")
        durations = asyncio.run(_flood(running, 20, 30 if soak else 3))
        print(f"{len(durations)} health checks, longest {max(durations):.3f} s")  # noqa: T201 - figures
        assert running.stop() == 0
        log = running.log.read_text()
        # On a busy machine, the first retry of the 7 collectors of 20 accounts also fails.
        assert len(log.splitlines()) < 2 * 7 * 20 + 20
        assert "Traceback" not in log
