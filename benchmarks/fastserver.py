"""An HTTP server that returns prepared responses after a fixed latency."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

Answerer = Callable[[str], bytes | None]
"""Return the body for a path and a query. If the path does not exist, return None."""
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 %s\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: %d\r\n\r\n"


@dataclass(slots=True)
class Asked:
    """Counts the requests per path (without the query) and the concurrent requests."""

    count: Counter[str] = field(default_factory=Counter)
    now: int = 0
    most: int = 0

    def begin(self, path: str) -> None:
        """Count a new request."""
        self.count[path.partition("?")[0]] += 1
        self.now += 1
        self.most = max(self.most, self.now)

    def end(self) -> None:
        """Count a completed request."""
        self.now -= 1


class Protocol(asyncio.Protocol):
    """A connection that responds to requests in order. Each response follows `latency` seconds after the request."""

    def __init__(self, answer: Answerer, asked: Asked, latency: float) -> None:
        self._answer = answer
        self._asked = asked
        self._latency = latency
        self._received = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_END)
        length = _LENGTH.search(head)
        if end and len(body) >= int(length[1] if length else 0):
            self._received = b""
            path = head.split(b" ", 2)[1].decode()
            self._asked.begin(path)
            self._loop.call_later(self._latency, self._send, path)

    def _send(self, path: str) -> None:
        self._asked.end()
        body = self._answer(path)
        head = _HEAD % (b"404 Not Found" if body is None else b"200 OK", len(body or b""))
        self._transport.write(head + (body or b""))


async def serve(answer: Answerer, asked: Asked, latency: float) -> str:
    """Listen on the loopback address, and return the URL."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Protocol(answer, asked, latency), "127.0.0.1", 0)
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
