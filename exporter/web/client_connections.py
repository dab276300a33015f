"""Limits on the number of client connections, and deadlines for slow clients.

uvicorn's h11 protocol receives requests and sends responses. This module adds the deadlines that uvicorn lacks.
"""

import asyncio
import contextlib
import logging
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from exporter.web.limits import ClientLimits, client_network, secure_headers
from exporter.web.protection import LiveProtection
from exporter.web.tls import is_allowed

log = logging.getLogger("exporter.web")
http_log = logging.getLogger("exporter.web.http")


class Connection(Protocol):
    """The interface that the guard uses to check and close a connection."""

    network: str
    quiet_since: float | None  # start of the idle time, or None while a request is running

    def check(self, now: float) -> None:
        """Close the connection if its client is too slow."""

    def cut(self) -> None:
        """Close the connection immediately, without sending the rest of the response."""

    def retire(self) -> None:
        """Close the connection after the current response, or immediately if no response is being sent."""


class Guard:
    """Limits the number of open connections in total and per client network.

    The guard also closes the connections of slow clients.
    """

    def __init__(self, limits: ClientLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._members: dict[Connection, None] = {}
        self._counts: Counter[str] = Counter()
        self.empty = asyncio.Event()
        self.empty.set()

    @property
    def members(self) -> list[Connection]:
        """Return the open connections, oldest first."""
        return list(self._members)

    def admit(self, new: Connection) -> bool:
        """Return whether to accept a new connection.

        If a limit is reached, close the connection with the longest idle time. Therefore, clients that keep idle
        connections open cannot lock out other clients. If no connection is idle, refuse the new connection.
        """
        crowded = self._counts[new.network] >= self._limits.connections_per_address
        if crowded or len(self._members) >= self._limits.connections:
            log.warning("limit of %d open connections reached; closing idle connections", len(self._members))
            if not self.close_idle(new.network if crowded else None):
                return False
        self._members[new] = None
        self._counts[new.network] += 1
        self.empty.clear()
        return True

    def close_idle(self, network: str | None = None) -> bool:
        """Close the connection with the longest idle time, and return whether a connection was closed.

        If `network` is set, consider only connections from this network.
        """
        candidates = [member for member in self._members if network in (None, member.network)]
        quiet = [(one.quiet_since, i) for i, one in enumerate(candidates) if one.quiet_since is not None]
        if not quiet:
            return False
        victim = candidates[min(quiet)[1]]
        victim.cut()
        self.leave(victim)
        return True

    def leave(self, member: Connection) -> None:
        """Remove a closed connection. Ignore connections that were not admitted."""
        if member not in self._members:
            return
        del self._members[member]
        self._counts -= Counter([member.network])  # unlike `subtract`, the operator -= removes counts that reach 0
        if not self._members:
            self.empty.set()

    def sweep(self) -> None:
        """Check all connections, and close the connections of slow clients."""
        now = self._clock()
        for member in self.members:
            member.check(now)


class GuardedProtocol(H11Protocol):
    """uvicorn's h11 protocol, extended with deadlines and a limit on the number of connections.

    uvicorn limits only the idle time between two requests. A client that sends half a header or reads half a response
    could keep its connection open forever. This class adds a deadline for the header of a request, and a deadline for
    responses that make no progress. Connections have no timers, because the guard checks all connections at regular
    intervals.
    """

    def __init__(
        self, config: Config, state: ServerState, *, guard: Guard, live: LiveProtection, limits: ClientLimits
    ) -> None:
        super().__init__(config, state, {})
        self.logger = http_log
        self.network = ""
        self.quiet_since: float | None = None
        self._guard = guard
        self._live = live
        self._limits = limits
        self._raw: asyncio.Transport
        self._opened = self._lost = False
        self._early = b""
        self._handshake: asyncio.Task[None] | None = None
        self._deadline: float | None = None
        self._unsent = 0
        self._progress = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Admit or abort a new TCP connection, and start the TLS handshake if TLS is enabled."""
        self._raw = transport
        self.quiet_since = self._progress = self.loop.time()
        self._deadline = self.quiet_since + self._limits.header_timeout
        peer = transport.get_extra_info("peername")
        self.network = client_network(peer[0]) if peer else ""
        if not self._guard.admit(self):
            transport.abort()
            return
        protection = self._live.current()
        if protection.context is None:
            self._open(transport)
        else:
            transport.pause_reading()
            allowed = protection.config.tls_server_config.client_allowed_sans
            self._handshake = self.loop.create_task(self._shake_hands(protection.context, allowed))

    async def _shake_hands(self, context: ssl.SSLContext, allowed: tuple[str, ...]) -> None:
        """Perform the TLS handshake.

        If the handshake fails, or if the client certificate is not allowed, close the connection.
        """
        transport: asyncio.Transport | None = None
        with contextlib.suppress(OSError):  # TLS errors and timeouts are also OSErrors
            transport = await self.loop.start_tls(
                self._raw,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=self._limits.handshake_timeout,
                ssl_shutdown_timeout=self._limits.write_timeout,
            )
        if transport and not self._lost and is_allowed(transport.get_extra_info("peercert"), allowed):
            self._open(transport)
            self.data_received(self._early)
        else:
            self.cut()
            self._guard.leave(self)

    def _open(self, transport: asyncio.Transport) -> None:
        self._opened = True
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection from the guard."""
        self._lost = True
        self._guard.leave(self)
        if self._opened:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Process received bytes. The first byte of a request starts the deadline for the request's header."""
        if not self._opened:
            self._early += data  # the handshake is complete, but start_tls has not returned yet
            return
        if self.transport.is_closing() or not data:
            return
        if self._deadline is None and self.quiet_since is not None:
            self._deadline = self.loop.time() + self._limits.header_timeout
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._note_request()

    def on_response_complete(self) -> None:
        """Wait for the next request.

        If the client has not sent the whole body of the current request, close the connection.
        """
        before = self.cycle
        self.quiet_since = self.loop.time()
        super().on_response_complete()
        if self.cycle is not before:
            self._note_request()  # the client had already sent the next request
        elif self.conn.their_state is h11.SEND_BODY:
            self.transport.close()  # without this call, the client could send the body forever
        else:
            begun = bool(self.conn.trailing_data[0])
            self._deadline = self.quiet_since + self._limits.header_timeout if begun else None

    def _note_request(self) -> None:
        complete = self.cycle.response_complete
        self.quiet_since = self.loop.time() if complete else None
        self._deadline = None

    def send_400_response(self, msg: str) -> None:
        """Respond with 400 to a malformed request. The response includes the security headers."""
        if self.conn.our_state is not h11.IDLE:
            self.cut()  # if only the body is malformed, the application may already have started a response
            return
        given = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        configured = self._live.current().config.http_server_config.headers
        headers = secure_headers([*self.server_state.default_headers, *given], configured)
        response = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (response, h11.Data(data=msg.encode()), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def check(self, now: float) -> None:
        """Close the connection if the client sends a header too slowly or reads a response too slowly."""
        unsent = self._raw.get_write_buffer_size()
        if self._opened and not self.transport.is_closing() and self.transport is not self._raw:
            unsent += self.transport.get_write_buffer_size()
        if unsent == 0 or unsent < self._unsent:
            self._progress = now
        self._unsent = unsent
        late = self._deadline is not None and now > self._deadline
        if late or now - self._progress > self._limits.write_timeout:
            self.cut()

    def cut(self) -> None:
        """Close the connection immediately, without sending the rest of the response."""
        self._raw.abort()

    def retire(self) -> None:
        """Close the connection after the current response, or immediately if no response is being sent."""
        if not self._opened:
            self.cut()
        elif not self.transport.is_closing():
            self.shutdown()
