"""An HTTP server that serves a simulator on 127.0.0.1."""

from __future__ import annotations

import asyncio
import logging
import socket
from threading import Event, Thread
from types import TracebackType
from typing import Any, Final, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from avepoint_simulator.application import Simulator

_STARTS_WITHIN_SECONDS: Final = 10.0
_STOPS_WITHIN_SECONDS: Final = 10.0


class SimulatorServer:
    """Serves a simulator in a thread. Use the server as a context manager, or call `start` and `stop`."""

    def __init__(self, simulator: Simulator, *, port: int = 0) -> None:
        self.simulator = simulator
        self._port = port
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """The base URL without a trailing slash. The token URL is the base URL followed by `/connect/token`."""
        if self._socket is None:
            raise RuntimeError("the simulator is not running")
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        """Start the server and wait until it is ready. Raise OSError if the port is in use."""
        self._socket = _listen(self._port)
        self._server = _Server(self.simulator)
        self._thread = Thread(target=self._server.run_on, args=(self._socket,), name="avepoint-simulator", daemon=True)
        self._thread.start()
        if not self._server.ready.wait(_STARTS_WITHIN_SECONDS):
            self.stop()
            raise RuntimeError("the simulator did not start in time")

    def stop(self) -> None:
        """Stop immediately and close all connections."""
        if self._server is None or self._thread is None or self._socket is None:
            return
        self._server.force_exit = self._server.should_exit = True
        self._thread.join(_STOPS_WITHIN_SECONDS)
        self._socket.close()
        self._server = self._thread = self._socket = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _QuietProtocol(H11Protocol):
    """An HTTP/1.1 protocol that logs no error if a fault closes the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own signature
        super().__init__(*args, **kwargs)
        self.logger = logging.Logger("simulator")  # noqa: LOG001 - a parent logger would print the errors
        self.logger.addHandler(logging.NullHandler())


class _Server(uvicorn.Server):
    """A uvicorn server that sets an event when it is ready."""

    def __init__(self, simulator: Simulator) -> None:
        config = uvicorn.Config(
            simulator.asgi,
            http=_QuietProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        super().__init__(config)
        self.ready = Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    def run_on(self, listening: socket.socket) -> None:
        asyncio.run(self.serve([listening]))


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind(("127.0.0.1", port))
    except OSError:
        listening.close()
        raise
    return listening
