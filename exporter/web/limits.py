"""ASGI middlewares that limit clients and add security headers to every response.

The middlewares are nested as `SecureHeaders(RateLimit(BasicAuth(BodyLimit(app))))`. `SecureHeaders` is outermost, so
error responses also contain the security headers. `BodyLimit` is innermost, so it reads only the bodies that
authenticated clients send.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.config.web_schema import RateLimitConfig
from exporter.web.descriptors import client_share

log = logging.getLogger("exporter.web")

_Header = tuple[bytes, bytes]
_CLOSE: _Header = (b"connection", b"close")
_LENGTH_DIGITS = 18

# The status page sets its own content security policy, because the page contains a style and a form.
_SECURE: Mapping[bytes, bytes] = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """Limits for clients. Times are in seconds, and sizes are in bytes."""

    header_timeout: float = 10.0  # starts when the connection opens, or at the first byte of a later request
    handshake_timeout: float = 10.0
    body_timeout: float = 10.0
    write_timeout: float = 30.0  # maximum seconds without progress while a response is sent
    keep_alive: int = 30
    shutdown_grace: float = 3.0
    connections: int = 768
    connections_per_address: int = 512
    header_bytes: int = 16 * 1024
    body_bytes: int = 8 * 1024
    password_checks: int = 2  # concurrent bcrypt checks
    password_queue: int = 16  # pending bcrypt checks
    reload_interval: float = 1.0

    @classmethod
    def for_open_files(cls, files: int) -> "ClientLimits":
        """Return the default limits. If the process can open only `files` files, reduce the number of connections."""
        usual = cls()
        connections = client_share(usual.connections, files)
        return replace(
            usual,
            connections=connections,
            connections_per_address=min(usual.connections_per_address, connections * 2 // 3),
        )


def client_network(host: str) -> str:
    """Return the network of a client: its IPv4 address, or the /64 network of its IPv6 address."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def secure_headers(given: Iterable[_Header], configured: Mapping[str, str]) -> list[_Header]:
    """Return the headers of a response, with security headers added.

    Configured headers replace the response's own headers. The default security headers do not replace headers that are
    already set.
    """
    own = [(name.lower(), value) for name, value in given if name.lower() != b"server"]
    chosen = {name.lower().encode(): value.encode() for name, value in configured.items()}
    present = {name for name, _ in own} | set(chosen)
    return [
        *((name, value) for name, value in own if name not in chosen),
        *((name, value) for name, value in chosen.items() if value),  # omit empty headers
        *((name, value) for name, value in _SECURE.items() if name not in present),
    ]


async def send_text(send: Send, status: int, text: str, headers: Iterable[_Header] = ()) -> None:
    """Send a complete plain-text response."""
    body = f"{text}\n".encode()
    size = str(len(body)).encode()
    fixed = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", size)]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})


class SecureHeaders:
    """Middleware that adds the security headers to every response, even after an exception."""

    def __init__(self, app: ASGIApp, configured: Callable[[], Mapping[str, str]]) -> None:
        self._app = app
        self._configured = configured

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve HTTP requests and lifespan events.

        Refuse WebSockets, because the other middlewares do not authenticate them.
        """
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def secured(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = secure_headers(message.get("headers", ()), self._configured())
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, secured)
        except Exception as error:
            log.error("request failed: %s", type(error).__name__, exc_info=True)
            if not started:
                await send_text(secured, 500, "Internal Server Error")


class RateLimit:
    """Middleware for the section `rate_limit`. As in the exporter-toolkit, all clients share one token bucket."""

    def __init__(self, app: ASGIApp, settings: Callable[[], RateLimitConfig], clock: Callable[[], float]) -> None:
        self._app = app
        self._settings = settings
        self._clock = clock
        self._config = RateLimitConfig()
        self._tokens = 0.0
        self._filled = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the application. If the token bucket is empty, respond with 429 instead."""
        if scope["type"] == "http" and not self._take():
            await send_text(send, 429, "Too Many Requests", [(b"retry-after", b"1")])
        else:
            await self._app(scope, receive, send)

    def _take(self) -> bool:
        config, now = self._settings(), self._clock()
        if config != self._config:
            self._config, self._tokens, self._filled = config, float(config.burst), now
        if not config.interval:
            return True
        self._tokens = min(config.burst, self._tokens + (now - self._filled) / config.interval)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class BodyLimit:
    """Middleware that limits the size and duration of request bodies. Bodies of GET and HEAD requests are ignored."""

    def __init__(self, app: ASGIApp, limits: ClientLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the complete body of a request, and then pass the request to the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] in {"GET", "HEAD"}:
            declared = any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])
            await self._app(scope, _replaying(b"", receive), _closing(send) if declared else send)
        else:
            await self._serve_with_body(scope, receive, send)

    async def _serve_with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._limits.body_timeout):
                body = await self._read(scope, receive)
        except TimeoutError:
            await send_text(send, 408, "Request Timeout", [_CLOSE])
            return
        if body is None:
            await send_text(send, 413, "Content Too Large", [_CLOSE])
        else:
            await self._app(scope, _replaying(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the body, or None if the body is too long.

        If the client disconnects, return the bytes received so far.
        """
        length = dict(scope["headers"]).get(b"content-length", b"0")
        # The number of digits is checked first, because int() raises ValueError for thousands of digits.
        if not length.isdigit() or len(length) > _LENGTH_DIGITS or int(length) > self._limits.body_bytes:
            return None
        body, more = b"", True
        while more and len(body) <= self._limits.body_bytes:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return body if len(body) <= self._limits.body_bytes else None


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Return a receive function that returns the body as one message, and then waits until the client disconnects."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        while (message := await receive())["type"] != "http.disconnect":
            pass
        return message

    return replay


def _closing(send: Send) -> Send:
    """Return a send function that closes the connection after the response, because the body was not read."""

    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), _CLOSE]}
        await send(message)

    return closing
