"""Test a transport with one connection: when it connects again, and which errors it raises."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress

import httpx
import pytest

from exporter.avepoint.single_connection import SingleConnection

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Counts its connections, and answers each request with `answer`."""

    def __init__(self, answer: bytes = OK, after: Answer | None = None) -> None:
        self.connections = 0
        self.url = ""
        self.answer = answer
        self._after = after
        self._ended = asyncio.Semaphore(0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError):
            while await reader.readline():
                while (await reader.readline()).strip():
                    pass
                writer.write(self.answer)
                if self._after is not None:
                    await self._after(writer)
            await closed(writer)
        self._ended.release()

    async def end(self) -> None:
        """Wait until all connections have ended."""
        for _ in range(self.connections):
            await self._ended.acquire()


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[SingleConnection]:
    transport = SingleConnection(ssl.create_default_context())
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening, asyncio.timeout(10):
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        yield transport
        await transport.aclose()
        await server.end()


async def body(transport: SingleConnection, url: str) -> bytes:
    async with aclosing(await transport.handle_async_request(httpx.Request("GET", url))) as response:
        return await response.aread()


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def unsolicited(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


async def test_a_connection_is_used_for_many_requests() -> None:
    server = Server()
    async with running(server) as transport:
        assert [await body(transport, server.url) for _ in range(3)] == [b"{}"] * 3
    assert server.connections == 1


async def test_a_connection_whose_response_was_not_closed_is_not_used_again() -> None:
    server = Server()
    async with running(server) as transport:
        for _ in range(2):  # as after a cancellation while the response was being closed
            await transport.handle_async_request(httpx.Request("GET", server.url))
        assert await body(transport, server.url) == b"{}"
    assert server.connections == 3


@pytest.mark.parametrize("after", [closed, unsolicited])
async def test_a_connection_that_the_server_closed_or_disturbed_is_not_used_again(after: Answer) -> None:
    received, ended = asyncio.Event(), asyncio.Event()

    async def then(writer: asyncio.StreamWriter) -> None:
        await received.wait()
        await after(writer)
        ended.set()

    server = Server(after=then)
    async with running(server) as transport:
        for _ in range(3):
            received.clear()
            ended.clear()
            assert await body(transport, server.url) == b"{}"
            received.set()
            await ended.wait()
    assert server.connections == 3


async def test_another_origin_gets_another_connection() -> None:
    one, other = Server(), Server(answer=OK.replace(b"{}", b"[]"))
    async with running(one) as transport, running(other):
        assert [await body(transport, url) for url in (one.url, other.url, one.url)] == [b"{}", b"[]", b"{}"]
    assert (one.connections, other.connections) == (2, 1)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (OK.replace(b"Length: 2", b"Length: 3"), httpx.RemoteProtocolError), (b"", httpx.RemoteProtocolError),
        (b"nonsense\r\n\r\n", httpx.RemoteProtocolError),
    ],
)  # fmt: skip
async def test_a_broken_response_raises_the_error_of_httpx(answer: bytes, kind: type[Exception]) -> None:
    server = Server(answer, after=closed)
    async with running(server) as transport:
        for _ in range(2):
            with pytest.raises(kind):
                await body(transport, server.url)
    assert server.connections == 2


async def test_a_canceled_request_does_not_disturb_the_next() -> None:
    received, may_go_on = asyncio.Event(), asyncio.Event()

    async def hang(_: asyncio.StreamWriter) -> None:
        received.set()
        await may_go_on.wait()

    server = Server(answer=b"", after=hang)
    async with running(server) as transport:
        request = asyncio.create_task(body(transport, server.url))
        await received.wait()
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        may_go_on.set()
        server.answer = OK
        assert await body(transport, server.url) == b"{}"
    assert server.connections == 2
