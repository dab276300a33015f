"""Listen and serve: sockets, TLS handshakes, uvicorn's HTTP/1.1 protocol, and a shutdown within a deadline.

uvicorn's own server is not used: it installs signal handlers, polls for its end ten times per second, and passes on a
connection only after the TLS handshake, so that handshakes could be neither counted nor closed. Its protocol on top of
h11 is used, with deadlines: client_connections.py.
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
from exporter.web.protection import LiveProtection

log = logging.getLogger("exporter.web")

_BACKLOG = 128
_ADDRESS = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
_HIGHEST_PORT = 65535
_NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_WHAT_TO_DO = {
    errno.EADDRINUSE: "stop the other process, or use another port",
    errno.EACCES: "use a port above 1023",
}
_SWEEPS_PER_TIMEOUT = 8
_LONGEST_SWEEP = 1.0  # seconds; also the age of the Date header
_CLOSE_SECONDS = 0.5  # seconds at shutdown for closed connections to end


async def serve(
    app: ASGIApp,
    listen: Sequence[str],
    web_config_path: Path | None,
    *,
    stop: asyncio.Event,
    limits: Limits | None = None,
    on_bound: Callable[[Sequence[str]], None] | None = None,
) -> None:
    """Serve until `stop` is set, then shut down within the grace period; raise ConfigError if it cannot start.

    `on_bound` is called with the addresses as HOST:PORT, in the order of `listen`, when connections are accepted.
    """
    loop = asyncio.get_running_loop()
    limits = limits or Limits()
    live = LiveProtection(web_config_path, clock=loop.time, interval=limits.reload_interval)
    sockets = bind(listen)
    for listener in sockets:
        # Connections inherit the option: the body is sent right after the header, without waiting for its ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    service = _Service(app, live, limits)
    servers = [await loop.create_server(service.connect, sock=listener, backlog=_BACKLOG) for listener in sockets]
    addresses = [_name(listener) for listener in sockets]
    log.info("listening on %s (%s)", ", ".join(addresses), "https" if live.current().context else "http")
    if on_bound:
        on_bound(addresses)
    # In a group, a failure of the sweeper stops the server: connections without deadlines would go unnoticed.
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
    """Listen on every address; raise ConfigError with one line per address that fails."""
    sockets: list[socket.socket] = []
    errors: list[str] = []
    for address in addresses:
        try:
            sockets.append(_bind(address))
        except ValueError as error:
            errors.append(f"--web.listen-address: {address!r} {error}")
        except OSError as error:
            what_to_do = _WHAT_TO_DO.get(error.errno or 0, "use an address of this machine")
            errors.append(f"--web.listen-address: cannot listen on {address}: {_reason(error)}; {what_to_do}")
    if errors:
        for listener in sockets:
            listener.close()
        raise ConfigError(errors)
    return sockets


def _bind(address: str) -> socket.socket:
    match = _ADDRESS.fullmatch(address)
    if not match:
        raise ValueError("must be HOST:PORT, with an IPv6 address in square brackets")
    port = int(match["port"])
    if port > _HIGHEST_PORT:
        raise ValueError("has a port above 65535; use a lower port")
    host = match["ipv6"] or match["host"]
    if not host:
        return _bind_everywhere(port)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, target = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return socket.create_server(target, family=family, backlog=_BACKLOG)


def _bind_everywhere(port: int) -> socket.socket:
    # One socket for both, so that port 0 is one port. Only binding shows whether IPv6 is disabled.
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
    return socket.create_server(("", port), backlog=_BACKLOG)


def _reason(error: OSError) -> str:
    # socket.create_server adds the address in Python's notation to the message of the system.
    number = error.errno or 0
    known = number in errno.errorcode and not isinstance(error, socket.gaierror)
    return (os.strerror(number) if known else str(error.strerror)).lower()


def _name(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Service:
    """The application with its protections, and the connections that use it."""

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
            workers=1,  # otherwise taken from the environment
            timeout_keep_alive=limits.keep_alive,
            h11_max_incomplete_event_size=limits.header_bytes,
        )
        self._config.load()
        # Below this level, a client could fill the log: uvicorn logs each malformed request.
        http_log.setLevel(logging.ERROR)
        http_log.addFilter(_is_no_cancellation)
        self._update_date()

    def _protect(self, app: ASGIApp) -> ASGIApp:
        current = self._live.current
        authenticated = BasicAuth(BodyLimit(app, self._limits), lambda: current().users, PasswordChecker(self._limits))
        limited = RateLimit(authenticated, lambda: current().config.rate_limit, self._clock)
        return SecureHeaders(limited, lambda: current().config.http_server_config.headers)

    def connect(self) -> asyncio.Protocol:
        """Return the protocol for a new connection."""
        return GuardedProtocol(self._config, self._state, guard=self._guard, live=self._live, limits=self._limits)

    async def sweep(self) -> None:
        """Close the connections of slow clients, until cancelled."""
        limits = self._limits
        shortest = min(limits.header_timeout, limits.handshake_timeout, limits.write_timeout)
        while True:
            await asyncio.sleep(min(_LONGEST_SWEEP, shortest / _SWEEPS_PER_TIMEOUT))
            self._guard.sweep()
            self._update_date()

    async def drain(self) -> None:
        """Wait for the requests within the grace period, then close their connections."""
        for member in self._guard.members:
            member.retire()
        if not await self._emptied(self._limits.shutdown_grace):
            log.warning("closed %d connections at the end of the grace period", len(self._guard.members))
        for member in self._guard.members:
            member.cut()
        await self._emptied(_CLOSE_SECONDS)
        tasks = set(self._state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_SECONDS)

    async def _emptied(self, within: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._guard.empty.wait(), within)
        return self._guard.empty.is_set()

    def _update_date(self) -> None:
        self._state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    # Requests that shutdown cancels are logged once; uvicorn would log a traceback for each.
    return not (record.exc_info and record.exc_info[0] is asyncio.CancelledError)
