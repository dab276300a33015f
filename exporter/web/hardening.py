"""Limits on what clients may do, and headers on everything that they get.

The middlewares are pure ASGI, to be stacked as `SecureHeaders(RateLimit(BasicAuth(BodyLimit(app))))`: headers
outermost, so that refusals carry them too; bodies innermost, so that one is read only for those who may.
"""

import asyncio
import ipaddress
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.toolkit import RateLimitConfig

log = logging.getLogger("exporter.web")

_Header = tuple[bytes, bytes]
_CLOSE: _Header = (b"connection", b"close")
_WARN_EVERY = 60.0
_LENGTH_DIGITS = 18

# The status page has its style inline and nothing else: no script, no image, no form.
_SECURE: Mapping[bytes, bytes] = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": (
        b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a client may take; times in seconds, sizes in bytes."""

    header_timeout: float = 10.0  # from connecting, or from a later request's first byte, to its whole header
    handshake_timeout: float = 10.0
    body_timeout: float = 10.0
    write_timeout: float = 30.0  # without any progress
    keep_alive: int = 30
    shutdown_grace: float = 3.0
    connections: int = 512
    connections_per_address: int = 128
    header_bytes: int = 16 * 1024
    body_bytes: int = 8 * 1024
    password_checks: int = 2  # bcrypt at the same time
    password_queue: int = 16  # waiting for it
    reload_interval: float = 1.0


def client_network(host: str) -> str:
    """Give what one client can be assumed to own: an IPv4 address, or an IPv6 network of 64 bits."""
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
    """Complete a response's headers: the configured ones win, then the response's own, then the defaults."""
    own = [(name.lower(), value) for name, value in given if name.lower() != b"server"]
    chosen = {name.lower().encode(): value.encode() for name, value in configured.items()}
    present = {name for name, _ in own} | set(chosen)
    return [
        *((name, value) for name, value in own if name not in chosen),
        *((name, value) for name, value in chosen.items() if value),  # an empty one is unset, as in the toolkit
        *((name, value) for name, value in _SECURE.items() if name not in present),
    ]


async def answer(send: Send, status: int, text: str, headers: Iterable[_Header] = ()) -> None:
    """Send a whole plain-text response."""
    body = f"{text}\n".encode()
    size = str(len(body)).encode()
    fixed = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", size)]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})


class SecureHeaders:
    """Put the security headers on every answer, also on that to a request whose handling failed."""

    def __init__(self, app: ASGIApp, configured: Callable[[], Mapping[str, str]]) -> None:
        self._app = app
        self._configured = configured

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve HTTP; let lifespan through and nothing else: no other protocol is authenticated."""
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
            log.error("a request could not be answered: %s", type(error).__name__, exc_info=True)
            if not started:
                await answer(secured, 500, "Internal Server Error")


class RateLimit:
    """The toolkit's `rate_limit`: one token bucket over all requests; 429 when it is empty."""

    def __init__(self, app: ASGIApp, settings: Callable[[], RateLimitConfig], clock: Callable[[], float]) -> None:
        self._app = app
        self._settings = settings
        self._clock = clock
        self._config = RateLimitConfig()
        self._tokens = 0.0
        self._filled = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if there is a token."""
        if scope["type"] == "http" and not self._take():
            await answer(send, 429, "Too Many Requests", [(b"retry-after", b"1")])
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
    """Ignore the body of a GET or HEAD; read any other first, and refuse it if it is too long or too slow."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a body that is complete."""
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
            await answer(send, 408, "Request Timeout", [_CLOSE])
            return
        if body is None:
            await answer(send, 413, "Content Too Large", [_CLOSE])
        else:
            await self._app(scope, _replaying(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """Give the body (what came of it, if the client has gone), or None if it is too long."""
        length = dict(scope["headers"]).get(b"content-length", b"0")
        # The length of the number first: int() itself refuses thousands of digits.
        if not length.isdigit() or len(length) > _LENGTH_DIGITS or int(length) > self._limits.body_bytes:
            return None
        body, more = b"", True
        while more and len(body) <= self._limits.body_bytes:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return body if len(body) <= self._limits.body_bytes else None


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Give the body as one message; after it, only the client's going is of interest."""
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
    """Close the connection after the response: what is left of the body is not to be waited for."""

    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), _CLOSE]}
        await send(message)

    return closing


class Connection(Protocol):
    """What the guard needs to know of a connection."""

    network: str
    quiet_since: float | None  # None while a request is being answered

    def check(self, now: float) -> None:
        """Cut the connection if its client is too slow."""
        ...

    def cut(self) -> None:
        """Close at once; what is not sent yet is lost."""
        ...

    def retire(self) -> None:
        """Close after the response under way; at once if there is none."""
        ...


class Guard:
    """Cap the open connections, in all and for one address, and sweep out those that are too slow."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._members: dict[Connection, None] = {}
        self._counts: Counter[str] = Counter()
        self._warned = -_WARN_EVERY
        self.empty = asyncio.Event()
        self.empty.set()

    @property
    def members(self) -> list[Connection]:
        """Give the open connections, oldest first."""
        return list(self._members)

    def admit(self, new: Connection) -> bool:
        """Take a connection in if there is room.

        At the cap, the one that has said nothing for longest goes: a crowd that only holds connections open
        cannot lock out a client that has something to ask.
        """
        crowded = self._counts[new.network] >= self._limits.connections_per_address
        if crowded or len(self._members) >= self._limits.connections:
            self._warn()
            rivals = [m for m in self._members if not crowded or m.network == new.network]
            quiet = [(m.quiet_since, i) for i, m in enumerate(rivals) if m.quiet_since is not None]
            if not quiet:
                return False
            victim = rivals[min(quiet)[1]]
            victim.cut()
            self.leave(victim)
        self._members[new] = None
        self._counts[new.network] += 1
        self.empty.clear()
        return True

    def leave(self, member: Connection) -> None:
        """Forget a connection that has ended; one that was never admitted does no harm."""
        if member not in self._members:
            return
        del self._members[member]
        self._counts -= Counter([member.network])  # drops what reaches 0
        if not self._members:
            self.empty.set()

    def sweep(self) -> None:
        """Check every connection."""
        now = self._clock()
        for member in self.members:
            member.check(now)

    def _warn(self) -> None:
        now = self._clock()
        if now - self._warned >= _WARN_EVERY:
            self._warned = now
            log.warning("at the limit of open connections (%d): the idle ones make room", len(self._members))
