from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from avepoint_simulator import FaultOptions, Faults, Simulator, SimulatorServer, StaticPortfolio, Switches
from avepoint_simulator import __main__ as program

SCOPE = "partner.customers.read.all microsoft365backup.jobInfo.read.all"
FORM = {
    "grant_type": "client_credentials", "client_id": "simulator", "client_secret": "open-sesame", "scope": SCOPE,
}  # fmt: skip


@pytest.fixture
def server(static: StaticPortfolio) -> Iterator[SimulatorServer]:
    with SimulatorServer(Simulator(static)) as server:
        yield server


def sign_in(client: httpx.Client) -> None:
    token = client.post("/connect/token", data=FORM).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"


def test_it_serves_over_a_real_connection(server: SimulatorServer) -> None:
    with httpx.Client(base_url=server.url) as client:
        sign_in(client)
        response = client.get("/cloudbackup/jobs?PageSize=1")
        assert response.json()["NextLink"].startswith(server.url)
        assert "server" not in response.headers
    assert [record.path for record in server.simulator.requests] == ["/connect/token", "/cloudbackup/jobs"]


def test_the_log_tells_what_was_asked(server: SimulatorServer) -> None:
    with httpx.Client(base_url=server.url) as client:
        client.get("/cloudbackup/jobs?JobType=1")
    (record,) = server.simulator.requests
    assert (record.method, record.query, record.authorized, record.status, record.fault) == (
        "GET", "JobType=1", False, 401, None,
    )  # fmt: skip
    assert record.started <= record.ended


def test_a_cut_connection_reaches_the_client(server: SimulatorServer, caplog: pytest.LogCaptureFixture) -> None:
    server.simulator.faults.script("jobs_legacy", "cut")
    with httpx.Client(base_url=server.url) as client:
        sign_in(client)
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/cloudbackup/jobs")
        assert client.get("/cloudbackup/jobs").status_code == 200
    assert not caplog.records


async def test_concurrent_requests_are_counted(server: SimulatorServer) -> None:
    server.simulator.switches = Switches(latency_seconds=0.2)
    async with httpx.AsyncClient(base_url=server.url) as client:
        await asyncio.gather(*(client.get("/cloudbackup/jobs") for _ in range(5)))
        await client.post("/connect/token", data=FORM)
    assert server.simulator.max_in_flight == 5
    server.simulator.reset_log()
    assert (server.simulator.max_in_flight, server.simulator.requests) == (0, ())


def test_it_stops_without_waiting_for_a_response(static: StaticPortfolio, caplog: pytest.LogCaptureFixture) -> None:
    faults = Faults(always={"*": "timeout"}, options=FaultOptions(timeout_seconds=300))
    simulator = Simulator(static, faults=faults)
    with (
        SimulatorServer(simulator) as server,
        httpx.Client(base_url=server.url, timeout=0.2) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.get("/cloudbackup/jobs")
    assert simulator.requests[-1].status == 0
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_start_and_stop_more_than_once(static: StaticPortfolio) -> None:
    server = SimulatorServer(Simulator(static))
    server.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.url
    for _ in range(2):
        server.start()
        assert httpx.get(f"{server.url}/cloudbackup/jobs").status_code == 401
        server.stop()


def test_a_taken_port_is_an_error(server: SimulatorServer, static: StaticPortfolio) -> None:
    with pytest.raises(OSError, match="in use"):
        SimulatorServer(Simulator(static), port=int(server.url.rpartition(":")[2])).start()


def test_a_server_that_does_not_start_is_an_error(static: StaticPortfolio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avepoint_simulator.server._STARTS_WITHIN_SECONDS", 0.01)
    monkeypatch.setattr("avepoint_simulator.server._Server.startup", uvicorn.Server.startup)
    server = SimulatorServer(Simulator(static))
    with pytest.raises(RuntimeError, match="in time"):
        server.start()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.url


def test_the_program_prints_its_url_and_serves(capsys: pytest.CaptureFixture[str]) -> None:
    stop = threading.Event()
    codes: list[int] = []
    arguments = ["--customers", "3", "--seed", "4", "--speed", "60", "--api-versions", "legacy"]
    arguments += ["--granted", *SCOPE.split()]
    thread = threading.Thread(target=lambda: codes.append(program.main(arguments, stop)))
    thread.start()
    url = ""
    while not url:
        time.sleep(0.02)
        url = capsys.readouterr().out.strip()
    with httpx.Client(base_url=url) as client:
        refused = client.post("/connect/token", data=FORM | {"scope": "partner.jobs.read.all"})
        assert refused.json() == {"error": "invalid_scope"}
        sign_in(client)
        assert len(client.get("/partner/customers").json()["value"]) == 3
        assert client.get("/backup/m365/cloudbackupjobs").status_code == 404
    stop.set()
    thread.join(5)
    assert codes == [0]


def test_the_program_knows_what_can_be_granted(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["--granted", "partner.jobs.write.all"], threading.Event())
    assert "partner.jobs.read.all" in capsys.readouterr().err


def test_signals_stop_the_program() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        stop = program._stop_on_signals()
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_the_default_simulator_is_generated() -> None:
    simulator = Simulator(now=lambda: 1_780_000_000.0)
    customers: Any = simulator.portfolio.customers(1_780_000_000.0)
    assert (simulator.start, len(customers), simulator.returned_values) == (1_780_000_000.0, 25, None)
