"""Two replicas share a PostgreSQL database. The log of the simulator shows which replica sends requests."""

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from avepoint_simulator import AppCredentials, Simulator, SimulatorServer
from tests.e2e.processes import Exporter, eventually, exporter, fetch
from tests.helpers import parsed
from tests.postgresql import PASSWORD, PostgresServer, pgbouncer
from tests.relay import relay

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.soak]

# The page size of each replica identifies the replica in the log. Both replicas read the same account.
CONFIG = """
accounts:
  - name: tenant
    type: tenant
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {app.client_id}, client_secret: {app.client_secret}}}
    requests: {{per_second: 1000}}
    collectors:
      jobs: {{interval: 1s, page_size: {page_size}}}
"""
COUNTERS = ("avepoint_jobs_completed_total", "avepoint_last_success_timestamp_seconds")
LONGEST_TAKEOVER = 30.0


@dataclass(slots=True)
class Replica:
    """A replica that sends its requests with its own page size. The page size identifies the replica in the log."""

    folder: Path
    simulator: Simulator
    page_size: int
    url: str

    @contextlib.contextmanager
    def run(self) -> Iterator[Exporter]:
        with exporter(self.folder, "--config.file", f"{self.page_size}.yaml", env=self._environment()) as running:
            yield running

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "AVEPOINT_EXPORTER_STORAGE_URL": self.url}

    def requests(self) -> list[float]:
        """Return the start times of this replica's requests."""
        mark = f"PageSize={self.page_size}"
        return [one.started for one in self.simulator.requests if mark in one.query.split("&")]

    def asks_after(self, moment: float) -> Callable[[], bool]:
        return lambda: any(started > moment for started in self.requests())


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(customers=3, seed=3, speed=600)


@pytest.fixture
def replicas(tmp_path: Path, simulator: Simulator, postgres: PostgresServer) -> Iterator[tuple[Replica, Replica]]:
    with SimulatorServer(simulator) as server:
        for size in (47, 49):
            text = CONFIG.format(url=server.url, app=AppCredentials(), page_size=size)
            (tmp_path / f"{size}.yaml").write_text(text)
        yield Replica(tmp_path, simulator, 47, postgres.url), Replica(tmp_path, simulator, 49, postgres.url)


def counters(running: Exporter) -> dict[object, float]:
    """Return counters and times of last successes. Exclude jobs whose workload is still unknown."""
    found = parsed(running.metrics()).items()
    return {key: value for key, value in found if key[0] in COUNTERS and "workload" in dict(key[1])}


def falls(before: dict[object, float], after: dict[object, float]) -> list[object]:
    return [key for key, value in before.items() if after.get(key, 0.0) < value]


def test_a_replica_takes_over_from_one_that_is_killed(
    replicas: tuple[Replica, Replica], postgres: PostgresServer, soak: bool
) -> None:
    slowest, tries = 0.0, 20 if soak else 2
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(pgbouncer(postgres))
        holder, standby = replicas
        holder.url = pool
        first = stack.enter_context(holder.run())
        eventually(holder.asks_after(0.0), what="the first replica asks")
        eventually(lambda: counters(first), what="counters")
        for _ in range(tries):
            second = stack.enter_context(standby.run())
            eventually(lambda: counters(second), what="the standby replica shows the counters")  # noqa: B023
            page = fetch(second.url + "/")
            assert page.status == 200
            assert PASSWORD not in page.text
            asked, before = len(standby.requests()), counters(first)
            time.sleep(1)
            assert len(standby.requests()) == asked
            killed = time.time()
            first.process.kill()
            eventually(standby.asks_after(killed), what="the standby replica asks")
            slowest = max(slowest, min(at for at in standby.requests() if at > killed) - killed)
            assert max(holder.requests()) < killed + 0.5
            assert falls(before, counters(second)) == []
            first, holder, standby = second, standby, holder
    print(f"{tries} failovers, the slowest in {slowest:.1f} s")  # noqa: T201 - figures
    assert not soak or slowest <= LONGEST_TAKEOVER


def test_a_replica_that_was_stopped_asks_nothing_when_it_continues(replicas: tuple[Replica, Replica]) -> None:
    holder, standby = replicas
    with holder.run() as first, standby.run() as second:
        eventually(lambda: counters(first) and counters(second), what="both replicas show counters")
        first.process.send_signal(signal.SIGSTOP)
        stopped = time.time()
        eventually(standby.asks_after(stopped), what="the standby replica asks")
        continued = time.time()
        before = counters(second)
        first.process.send_signal(signal.SIGCONT)
        eventually(lambda: "another process holds the lease" in first.log.read_text(), what="the first replica waits")
        time.sleep(3)
        assert [at for at in holder.requests() if at > continued] == []
        eventually(lambda: falls(before, counters(first)) == [], what="the first replica exposes the stored data")
        assert first.stop() == second.stop() == 0


def test_two_replicas_ask_only_while_the_holder_cannot_reach_the_database(
    replicas: tuple[Replica, Replica], postgres: PostgresServer
) -> None:
    holder, standby = replicas
    with relay(postgres.port) as path:
        holder.url = postgres.url_at(path.port)
        with holder.run() as first, standby.run() as second:
            eventually(lambda: counters(first) and counters(second), what="both replicas show counters")
            path.freeze()
            cut = time.time()
            eventually(standby.asks_after(cut), what="the standby replica asks")
            assert any(at > cut + 15 for at in holder.requests()), "the last holder continues to read"
            path.restore()
            eventually(lambda: "another process holds the lease" in first.log.read_text(), what="the holder waits")
            seen = time.time()
            time.sleep(3)
            assert [at for at in holder.requests() if at > seen + 0.5] == []
            assert PASSWORD not in first.log.read_text() + second.log.read_text()


def test_a_database_that_restarts_changes_nothing(
    replicas: tuple[Replica, Replica], postgres: PostgresServer, soak: bool
) -> None:
    holder, standby = replicas
    with holder.run() as first, standby.run() as second:
        eventually(lambda: counters(first) and counters(second), what="both replicas show counters")
        for _ in range(5 if soak else 1):
            before, asked = counters(first), len(standby.requests())
            postgres.control("restart", "--mode=immediate")
            restarted = time.time()
            eventually(holder.asks_after(restarted + 20), what="the holder reads on")
            assert len(standby.requests()) == asked
            assert falls(before, counters(first)) == []
        assert first.log.read_text().count("this process holds the lease") == 1
        assert not re.search(r"level=error.*Traceback", first.log.read_text() + second.log.read_text())


def test_sigterm_ends_a_process_whose_database_hangs(
    replicas: tuple[Replica, Replica], postgres: PostgresServer
) -> None:
    holder, _ = replicas
    with relay(postgres.port) as path:
        holder.url = postgres.url_at(path.port)
        with holder.run() as running:
            eventually(lambda: counters(running), what="counters")
            path.freeze()
            asked = time.time()
            assert running.stop() == 0
            seconds = time.time() - asked
    print(f"ended in {seconds:.1f} s")  # noqa: T201 - figures


def test_a_process_whose_database_hangs_listens_before_the_database_responds(
    replicas: tuple[Replica, Replica], postgres: PostgresServer
) -> None:
    holder, _ = replicas
    with relay(postgres.port) as path:
        holder.url = postgres.url_at(path.port)
        path.freeze()
        with holder.run() as running:
            log = running.log.read_text()
            assert "listening on" in log.partition("the database for persistent state is unreachable")[0]
            assert fetch(running.url + "/-/healthy").status == 200
            assert fetch(running.url + "/-/ready").status == 503
            assert fetch(running.url + "/metrics").status == 200
            assert fetch(running.url + "/").status == 200
            assert holder.requests() == []
            path.restore()
            eventually(lambda: fetch(running.url + "/-/ready").status == 200, what="the process is ready")
            eventually(lambda: counters(running), what="counters")
            assert fetch(running.url + "/probe?account=tenant").status == 200
            assert running.stop() == 0
