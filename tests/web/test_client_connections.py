"""The deadlines for slow clients and the limits on connections, with times that the tests pass in."""

import asyncio
from typing import cast

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from exporter.web.client_connections import Guard, GuardedProtocol
from exporter.web.limits import ClientLimits, send_text
from exporter.web.protection import LiveProtection

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LIMITS = ClientLimits(header_timeout=10, write_timeout=30, keep_alive=3600)


async def hello(_: Scope, __: Receive, send: Send) -> None:
    await send_text(send, 200, "hello")


class FakeTransport(asyncio.Transport):
    """A transport that sends nothing. `unsent` is the number of bytes that the client has not read."""

    def __init__(self, host: str = "192.0.2.1") -> None:
        super().__init__({"peername": (host, 4711)})
        self.unsent, self.is_aborted, self.responded = 0, False, asyncio.Event()

    def write(self, data: object) -> None:
        if b"hello" in cast("bytes", data):
            self.responded.set()

    def close(self) -> None:
        pass

    def abort(self) -> None:
        self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_aborted

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Client:
    """A client that opens a connection."""

    def __init__(self, guard: Guard, limits: ClientLimits = LIMITS, host: str = "192.0.2.1") -> None:
        config = Config(
            hello, http=GuardedProtocol, lifespan="off", log_config=None, timeout_keep_alive=limits.keep_alive
        )
        config.load()
        live = LiveProtection(None, clock=asyncio.get_running_loop().time, interval=1)
        self.transport = FakeTransport(host)
        self.protocol = GuardedProtocol(config, ServerState(), guard=guard, live=live, limits=limits)
        self.protocol.connection_made(self.transport)

    def is_open_after(self, seconds: float) -> bool:
        """Return whether a check in so many seconds leaves the connection open."""
        self.protocol.check(asyncio.get_running_loop().time() + seconds)
        return not self.transport.is_aborted

    async def request(self) -> None:
        """Send a request, and wait for the whole response."""
        self.protocol.data_received(REQUEST)
        await self.transport.responded.wait()

    def close(self) -> None:
        self.protocol.connection_lost(None)


@pytest.fixture
async def guard() -> Guard:
    return Guard(LIMITS, lambda: 0.0)


async def test_the_first_header_has_a_deadline(guard: Guard) -> None:
    client = Client(guard)
    client.protocol.data_received(b"GET / HT")
    assert client.is_open_after(9)
    assert not client.is_open_after(11)


async def test_an_idle_connection_has_no_deadline_but_its_next_header_has(guard: Guard) -> None:
    client = Client(guard)
    await client.request()
    assert client.is_open_after(1000)
    client.protocol.data_received(b"GET / HT")
    client.protocol.data_received(b"TP/1.1\r\n")
    assert client.is_open_after(9)
    assert not client.is_open_after(11)
    client.close()


async def test_a_client_that_reads_slowly_is_served_and_one_that_does_not_read_is_not(guard: Guard) -> None:
    client = Client(guard)
    await client.request()
    for seconds, unsent in ((0, 500), (29, 400), (58, 300), (87, 300), (87.5, 300)):
        client.transport.unsent = unsent
        assert client.is_open_after(seconds), (seconds, unsent)
    assert not client.is_open_after(89)
    client.close()


async def test_a_network_may_open_connections_again_after_it_closed_some() -> None:
    limits = ClientLimits(connections=3, connections_per_address=1)
    guard = Guard(limits, lambda: 0.0)
    for _ in range(5):
        client = Client(guard, limits)
        assert not client.transport.is_aborted
        client.close()
    assert guard.empty.is_set()
    client, other = Client(guard, limits), Client(guard, limits, "192.0.2.2")
    assert guard.members == [client.protocol, other.protocol]
    second = Client(guard, limits)
    assert client.transport.is_aborted, "the oldest idle connection of the network is closed"
    assert guard.members == [other.protocol, second.protocol]
