"""The HTTP server opens the sockets, accepts connections, and shuts down within a deadline.

This server uses uvicorn's h11 protocol with the deadlines in client_connections.py, but not uvicorn's server. uvicorn's
server installs signal handlers, and checks for shutdown ten times per second. It also reports connections only after
the TLS handshake. This server can count and close connections during the handshake.
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
from exporter.web.accepting import BACKLOG, Acceptor
from exporter.web.basic_auth import BasicAuth, PasswordChecker
from exporter.web.client_connections import Guard, GuardedProtocol, http_log
from exporter.web.descriptors import open_files
from exporter.web.limits import BodyLimit, ClientLimits, RateLimit, SecureHeaders
from exporter.web.protection import LiveProtection

log = logging.getLogger("exporter.web")

_ADDRESS = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,9})")
_HIGHEST_PORT = 65535
_NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_WHAT_TO_DO = {
    errno.EADDRINUSE: "stop the other process, or use another port",
    errno.EACCES: "use a port above 1023",
}
_SWEEPS_PER_TIMEOUT = 8
_LONGEST_SWEEP = 1.0  # maximum seconds between two sweeps, and between two updates of the Date header
_CLOSE_SECONDS = 0.5  # maximum seconds to wait at shutdown until aborted connections are closed


async def serve(
    app: ASGIApp,
    listen: Sequence[str],
    web_config_path: Path | None,
    *,
    stop: asyncio.Event,
    limits: ClientLimits | None = None,
    on_bound: Callable[[Sequence[str]], None] | None = None,
) -> None:
    """Serve requests until `stop` is set, and then shut down within the grace period.

    When the server accepts connections, call `on_bound` with the addresses as HOST:PORT, in the order of `listen`.
    Raise ConfigError if an address is unavailable or the web configuration is invalid.
    """
    loop = asyncio.get_running_loop()
    limits = limits or ClientLimits.for_open_files(open_files())
    live = LiveProtection(web_config_path, clock=loop.time, interval=limits.reload_interval)
    sockets = bind(listen)
    for listener in sockets:
        # Accepted connections inherit TCP_NODELAY. With this option, the server sends a body without waiting for the
        # ACK of the header.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    service = _Service(app, live, limits)
    acceptor = Acceptor(sockets, service.connect, service.close_idle)
    acceptor.start()
    addresses = [_name(listener) for listener in sockets]
    log.info("listening on %s (%s)", ", ".join(addresses), "https" if live.current().context else "http")
    if on_bound:
        on_bound(addresses)
    # If the sweeper fails, the task group stops the server. Without the sweeper, the server would never close the
    # connections of slow clients.
    async with asyncio.TaskGroup() as group:
        sweeper = group.create_task(service.sweep())
        try:
            await stop.wait()
        finally:
            acceptor.close()
            await service.drain()
            sweeper.cancel()


def bind(addresses: Sequence[str]) -> list[socket.socket]:
    """Listen on all addresses. Raise ConfigError with one line per unavailable address."""
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


def check_addresses(addresses: Sequence[str]) -> None:
    """Raise ConfigError with one line per invalid or duplicate address. Do not listen."""
    errors: list[str] = []
    for index, address in enumerate(addresses):
        try:
            _parse(address)
            if address in addresses[:index]:
                raise ValueError("is a duplicate; remove one")
        except ValueError as error:
            errors.append(f"--web.listen-address: {address!r} {error}")
    if errors:
        raise ConfigError(errors)


def _parse(address: str) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(address)
    if not match:
        raise ValueError(f"is not HOST:PORT; {_advice(address)}")
    port = int(match["port"])
    if port > _HIGHEST_PORT:
        raise ValueError("has a port above 65535; use a lower port")
    return match["ipv6"] or match["host"], port


def _advice(address: str) -> str:
    if "://" in address:
        return f"remove {address.partition('://')[0]}://"
    if address.count(":") > 1 or set(address) & set("[]"):
        return "write an IPv6 address in square brackets, such as [::1]:10087"
    if address.isdecimal():
        return f"write :{address}"
    return "write the port as a number, such as :10087" if ":" in address else f"add a port, such as {address}:10087"


def _bind(address: str) -> socket.socket:
    host, port = _parse(address)
    if not host:
        return _bind_everywhere(port)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, target = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return socket.create_server(target, family=family, backlog=BACKLOG)


def _bind_everywhere(port: int) -> socket.socket:
    # If one socket serves IPv4 and IPv6, port 0 selects the same port for both protocols. Only an attempt to bind can
    # detect whether IPv6 is disabled.
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
    return socket.create_server(("", port), backlog=BACKLOG)


def _reason(error: OSError) -> str:
    # Unlike the message of socket.create_server, the message of the operating system does not contain the address.
    number = error.errno or 0
    known = number in errno.errorcode and not isinstance(error, socket.gaierror)
    return (os.strerror(number) if known else str(error.strerror)).lower()


def _name(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Service:
    """Runs the application and its middlewares, and manages the client connections."""

    def __init__(self, app: ASGIApp, live: LiveProtection, limits: ClientLimits) -> None:
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
            workers=1,  # by default, uvicorn reads this number from WEB_CONCURRENCY
            timeout_keep_alive=limits.keep_alive,
            h11_max_incomplete_event_size=limits.header_bytes,
        )
        self._config.load()
        # uvicorn logs a warning per malformed request. Without this log level, clients could fill the log.
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

    def close_idle(self) -> None:
        """If there are idle connections, close the connection with the longest idle time."""
        self._guard.close_idle()

    async def sweep(self) -> None:
        """Close the connections of slow clients at regular intervals until the task is canceled."""
        limits = self._limits
        shortest = min(limits.header_timeout, limits.handshake_timeout, limits.write_timeout)
        while True:
            await asyncio.sleep(min(_LONGEST_SWEEP, shortest / _SWEEPS_PER_TIMEOUT))
            self._guard.sweep()
            self._update_date()

    async def drain(self) -> None:
        """Wait for running requests until the end of the grace period, and then close all connections."""
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
    # If a shutdown cancels requests, the server logs one warning. Without this filter, uvicorn adds a traceback per
    # request.
    return not (record.exc_info and record.exc_info[0] is asyncio.CancelledError)
