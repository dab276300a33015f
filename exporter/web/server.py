"""Listen and serve: sockets, TLS handshakes, uvicorn's HTTP/1.1 protocol, and an end that comes in time.

uvicorn's own server is not used: it installs signal handlers, polls for its end ten times a second, and hands a
connection over only after the TLS handshake, so that handshakes could be neither counted nor cut. Its protocol on
top of h11 is, with deadlines added: connections.py.
"""

import asyncio
import contextlib
import errno
import logging
import os
import re
import socket
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate
from pathlib import Path

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from exporter.errors import ConfigError
from exporter.web.basic_auth import BasicAuth, PasswordChecker
from exporter.web.client_connections import Guard, GuardedProtocol, http_log
from exporter.web.limits import BodyLimit, Limits, RateLimit, SecureHeaders
from exporter.web.tls import LiveProtection

log = logging.getLogger("exporter.web")

_BACKLOG = 128
_ADDRESS = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
_HIGHEST_PORT = 65535
_NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_WHAT_TO_DO = {
    errno.EADDRINUSE: "stop what listens there, or choose another port",
    errno.EACCES: "choose a port above 1023",
}
_SWEEPS_PER_TIMEOUT = 8
_LONGEST_SWEEP = 1.0  # seconds; the Date header is renewed then too
_LAST_MOMENTS = 0.5  # seconds at shutdown for what was cut to end


async def serve(
    app: ASGIApp,
    listen: Sequence[str],
    web_config_path: Path | None,
    *,
    stop: asyncio.Event,
    limits: Limits | None = None,
    on_bound: Callable[[Sequence[str]], None] | None = None,
) -> None:
    """Serve until `stop` is set, then end within the grace; raise ConfigError before anything is served.

    `on_bound` is given the addresses as HOST:PORT once connections are accepted, in the order of `listen`.
    """
    loop = asyncio.get_running_loop()
    limits = limits or Limits()
    live = LiveProtection(web_config_path, clock=loop.time, interval=limits.reload_interval)
    sockets = bind(listen)
    for each in sockets:
        # Connections inherit it: head and body are sent one after the other, and one must not wait for the other's ack.
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    service = _Service(app, live, limits)
    servers = [await loop.create_server(service.connect, sock=each, backlog=_BACKLOG) for each in sockets]
    addresses = [_name(each) for each in sockets]
    log.info("listening on %s (%s)", ", ".join(addresses), "https" if live.current().context else "http")
    if on_bound:
        on_bound(addresses)
    # A group: if the sweeper failed, connections would have no deadlines any more, and that must not go unseen.
    async with asyncio.TaskGroup() as group:
        sweeper = group.create_task(service.sweep())
        try:
            await stop.wait()
        finally:
            for server in servers:
                server.close()
            await service.drain()
            sweeper.cancel()


def bind(addresses: Sequence[str]) -> list[socket.socket]:
    """Listen on every address; raise ConfigError with one line for each that cannot be had."""
    sockets: list[socket.socket] = []
    mistakes: list[str] = []
    for address in addresses:
        try:
            sockets.append(_bind(address))
        except ValueError as error:
            mistakes.append(f"--web.listen-address: {address!r} {error}")
        except OSError as error:
            what_to_do = _WHAT_TO_DO.get(error.errno or 0, "name an address of this machine")
            mistakes.append(f"--web.listen-address: cannot listen on {address}: {_reason(error)}; {what_to_do}")
    if mistakes:
        for listener in sockets:
            listener.close()
        raise ConfigError(mistakes)
    return sockets


def _bind(address: str) -> socket.socket:
    match = _ADDRESS.fullmatch(address)
    if not match:
        raise ValueError("is not HOST:PORT (an IPv6 address goes in square brackets)")
    port = int(match["port"])
    if port > _HIGHEST_PORT:
        raise ValueError("has a port above 65535; choose a lower one")
    host = match["ipv6"] or match["host"]
    if not host:
        return _bind_everywhere(port)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, target = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return socket.create_server(target, family=family, backlog=_BACKLOG)


def _bind_everywhere(port: int) -> socket.socket:
    # One socket for both, so that port 0 is one port. Where IPv6 is switched off, only binding tells.
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
    return socket.create_server(("", port), backlog=_BACKLOG)


def _reason(error: OSError) -> str:
    # socket.create_server adds the address in Python's notation to the system's words.
    number = error.errno or 0
    known = number in errno.errorcode and not isinstance(error, socket.gaierror)
    return (os.strerror(number) if known else str(error.strerror)).lower()


def _name(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Service:
    """What all connections share: the application with its protections, the limits, and their end."""

    def __init__(self, app: ASGIApp, live: LiveProtection, limits: Limits) -> None:
        self._live = live
        self._limits = limits
        self._clock = asyncio.get_running_loop().time
        self._guard = Guard(limits, self._clock)
        self._state = ServerState()
        self._config = Config(
            self._protect(app),
            http=GuardedProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            workers=1,  # else taken from the environment
            timeout_keep_alive=limits.keep_alive,
            h11_max_incomplete_event_size=limits.header_bytes,
        )
        self._config.load()
        # At lower levels a client could fill the log: uvicorn warns of every malformed request.
        http_log.setLevel(logging.ERROR)
        http_log.addFilter(_is_no_cancellation)
        self._renew_date()

    def _protect(self, app: ASGIApp) -> ASGIApp:
        current = self._live.current
        authenticated = BasicAuth(BodyLimit(app, self._limits), lambda: current().users, PasswordChecker(self._limits))
        limited = RateLimit(authenticated, lambda: current().config.rate_limit, self._clock)
        return SecureHeaders(limited, lambda: current().config.http_server_config.headers)

    def connect(self) -> asyncio.Protocol:
        """Make the protocol of a new connection."""
        return GuardedProtocol(self._config, self._state, guard=self._guard, live=self._live, limits=self._limits)

    async def sweep(self) -> None:
        """Cut slow clients, for ever."""
        limits = self._limits
        shortest = min(limits.header_timeout, limits.handshake_timeout, limits.write_timeout)
        while True:
            await asyncio.sleep(min(_LONGEST_SWEEP, shortest / _SWEEPS_PER_TIMEOUT))
            self._guard.sweep()
            self._renew_date()

    async def drain(self) -> None:
        """Let what is being answered end within the grace; then cut it off."""
        for member in self._guard.members:
            member.retire()
        if not await self._emptied(self._limits.shutdown_grace):
            log.warning("%d connections did not end in time and are cut", len(self._guard.members))
        for member in self._guard.members:
            member.cut()
        await self._emptied(_LAST_MOMENTS)
        tasks = set(self._state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_MOMENTS)

    async def _emptied(self, within: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._guard.empty.wait(), within)
        return self._guard.empty.is_set()

    def _renew_date(self) -> None:
        self._state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    # Requests cancelled at the end are said once, in words; uvicorn would show a traceback for each.
    return not (record.exc_info and record.exc_info[0] is asyncio.CancelledError)
