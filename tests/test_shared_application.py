"""Test the command line with persistent state in a PostgreSQL database."""

from pathlib import Path

import pytest

from avepoint_simulator import AppCredentials, Simulator, SimulatorServer
from exporter.cli import run
from tests.e2e.test_reloads import CONFIG
from tests.postgresql import PASSWORD, PostgresServer


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def test_once_continues_the_counters_of_the_last_time(
    postgres: PostgresServer, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVEPOINT_EXPORTER_STORAGE_URL", postgres.url)
    pages = []
    with SimulatorServer(Simulator(customers=3, seed=3)) as server:
        config.write_text(CONFIG.format(url=server.url, app=AppCredentials(), seconds=30))
        for _ in range(2):
            assert run(["--once", "--config.file", str(config)]) == 0
            pages.append(capsys.readouterr())
    assert all("avepoint_jobs_completed_total{" in page.out for page in pages)
    assert postgres.execute("SELECT max(epoch) FROM avepoint_exporter_lease") == [(2,)]
    assert all(PASSWORD not in page.out + page.err for page in pages)


def test_once_does_not_read_what_another_process_reads(
    postgres: PostgresServer, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVEPOINT_EXPORTER_STORAGE_URL", postgres.url)
    with SimulatorServer(Simulator(customers=3, seed=3)) as server:
        config.write_text(CONFIG.format(url=server.url, app=AppCredentials(), seconds=30))
        assert run(["--once", "--config.file", str(config)]) == 0
        capsys.readouterr()
        postgres.execute("UPDATE avepoint_exporter_lease SET holder = 'other', expires = now() + interval '1 hour'")
        assert run(["--once", "--config.file", str(config)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    expected = "another process holds the lease of this shard; scrape that process, or omit --storage.url"
    assert line == f"avepoint-exporter: --storage.url: {expected}"


def test_a_database_that_is_not_there_is_said_in_one_line_without_the_password(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVEPOINT_EXPORTER_STORAGE_URL", PostgresServer.url_at(1))
    config.write_text(CONFIG.format(url="http://127.0.0.1:1", app=AppCredentials(), seconds=30))
    assert run(["--once", "--config.file", str(config)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("avepoint-exporter: --storage.url: connection failed: ")
    assert line.endswith("start the database, or correct the URL")
    assert PASSWORD not in line


def test_a_wrong_password_is_said_in_one_line(
    postgres: PostgresServer, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVEPOINT_EXPORTER_STORAGE_URL", postgres.url.replace(PASSWORD, "wrong-one"))
    config.write_text(CONFIG.format(url="http://127.0.0.1:1", app=AppCredentials(), seconds=30))
    assert run(["--once", "--config.file", str(config)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "password authentication failed" in line
    assert "wrong-one" not in line
