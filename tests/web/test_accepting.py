"""The server accepts connections even if the process has no free file descriptors."""

import asyncio
import errno
import logging
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.web.accepting import Acceptor
from exporter.web.descriptors import Reserve
from exporter.web.limits import ClientLimits

NO_DESCRIPTORS = OSError(errno.EMFILE, "Too many open files")


class Listener:
    """A fake listening socket. The socket raises `errors` before it accepts a connection."""

    def __init__(self, *errors: OSError) -> None:
        self._errors = list(errors)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = self._socket.getsockname()

    def accept(self) -> tuple[socket.socket, object]:
        if self._errors:
            raise self._errors.pop(0)
        return self._socket.accept()

    def __getattr__(self, name: str) -> object:
        return getattr(self._socket, name)


def descriptors() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())


class Hello(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")
        transport.close()


async def hello(listener: Listener) -> bytes:
    reader, writer = await asyncio.open_connection(*listener.address)
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_the_reserve_serves_clients_and_is_filled_again(caplog: pytest.LogCaptureFixture) -> None:
    listener, closed, reserve = Listener(NO_DESCRIPTORS, NO_DESCRIPTORS), list[None](), Reserve(2)
    acceptor = Acceptor([listener], Hello, lambda: closed.append(None), reserve, 0.01)  # type: ignore[list-item] # a double
    acceptor.start()
    assert await hello(listener) == b"hello"
    assert len(closed) == 2
    assert not reserve.release()
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert {record.getMessage() for record in caplog.records} == {"cannot accept a connection: Too many open files"}
    while not reserve.release():  # noqa: ASYNC110 - no event reports this change
        await asyncio.sleep(0.01)
    acceptor.close()


@pytest.mark.parametrize("error", [NO_DESCRIPTORS, OSError(errno.EPERM, "Operation not permitted")])
async def test_without_a_reserve_the_next_attempt_comes_later(error: OSError) -> None:
    listener = Listener(error)
    acceptor = Acceptor([listener], Hello, lambda: None, Reserve(0))  # type: ignore[list-item] # a double
    acceptor.start()
    assert await hello(listener) == b"hello"
    acceptor.close()


async def test_an_aborted_connection_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    listener = Listener(ConnectionAbortedError(errno.ECONNABORTED, "x"))
    acceptor = Acceptor([listener], Hello, lambda: None, Reserve(0))  # type: ignore[list-item] # a double
    acceptor.start()
    assert await hello(listener) == b"hello"
    assert not caplog.records
    acceptor.close()


async def test_a_closed_acceptor_neither_listens_nor_holds_descriptors() -> None:
    before = descriptors()
    listener = Listener(NO_DESCRIPTORS)
    acceptor = Acceptor([listener], Hello, lambda: None, Reserve(3), 0)  # type: ignore[list-item] # a double
    acceptor.start()
    acceptor.accept(listener)  # type: ignore[arg-type] # a double
    acceptor.close()
    for _ in range(5):
        await asyncio.sleep(0)  # an acceptor that is still open fills the reserve
    assert descriptors() == before
    with pytest.raises(ConnectionRefusedError):
        await hello(listener)


@pytest.mark.parametrize(
    ("files", "connections", "per_address"), [(70, 8, 5), (256, 96, 64), (1024, 480, 320), (4096, 768, 512)]
)
def test_the_limits_of_connections_follow_the_limit_of_open_files(
    files: int, connections: int, per_address: int
) -> None:
    limits = ClientLimits.for_open_files(files)
    assert (limits.connections, limits.connections_per_address) == (connections, per_address)


def test_the_soft_limit_is_raised_to_the_hard_limit() -> None:
    code = "from exporter.web.descriptors import *; raise_limit(); print(open_files())"
    command = f"ulimit -Sn 200 && ulimit -Hn 300 && exec {sys.executable} -c '{code}'"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert result.stdout == "300\n"
