"""The environment of the command-line tests."""

import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from avepoint_simulator.application import Simulator
from avepoint_simulator.server import SimulatorServer
from tests.cli.support import TENANT


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use an empty working directory, unset the variables of flags, and restore the log configuration afterwards."""
    for name in os.environ:
        if name.startswith("AVEPOINT_EXPORTER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(TENANT)
    return path


@pytest.fixture
def avepoint() -> Iterator[str]:
    with SimulatorServer(Simulator(customers=2, seed=1, speed=60, now=time.time)) as server:
        yield server.url


@pytest.fixture
def silent() -> Iterator[tuple[str, socket.socket]]:
    """A server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", listener


@pytest.fixture(autouse=True)
def _found_by_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
