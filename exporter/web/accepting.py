"""Accepts client connections, even if the process runs out of file descriptors.

asyncio's own server is not used, because it handles a lack of free descriptors badly. It logs a traceback per
connection, and accepts no connections until a descriptor is closed.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Final

from exporter.web.descriptors import Reserve, is_exhausted

log = logging.getLogger("exporter.web")

BACKLOG: Final = 128
_PER_TURN: Final = 8  # maximum number of connections that are accepted before the event loop runs other tasks
_PAUSE: Final = 0.1


class Acceptor:
    """Accepts connections on listening sockets."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        connect: Callable[[], asyncio.Protocol],
        close_idle: Callable[[], None],
        reserve: Reserve | None = None,
        refill_seconds: float = 1.0,
    ) -> None:
        """Create an acceptor.

        If no descriptors are free, the acceptor calls `close_idle`. This function must close an idle connection.
        `refill_seconds` is the number of seconds between two attempts to refill the reserve.
        """
        self._loop = asyncio.get_running_loop()
        self._listeners = listeners
        self._connect = connect
        self._close_idle = close_idle
        self._reserve = reserve or Reserve()
        self._refill_seconds = refill_seconds
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_refilling = self._is_closed = False

    def start(self) -> None:
        """Start to accept connections."""
        for listener in self._listeners:
            listener.setblocking(False)
            listener.listen(BACKLOG)
            self._loop.add_reader(listener, self.accept, listener)

    def close(self) -> None:
        """Close the listening sockets and the reserved descriptors."""
        self._is_closed = True
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        self._reserve.close()

    def accept(self, listener: socket.socket) -> None:
        """Accept up to `_PER_TURN` waiting connections."""
        for _ in range(_PER_TURN):
            try:
                client, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._failed(listener, error)
                return
            client.setblocking(False)
            task = self._loop.create_task(self._open(client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._connect, client)
        except OSError:  # the client has already closed the connection
            client.close()

    def _failed(self, listener: socket.socket, error: OSError) -> None:
        """Free a descriptor for the next connection.

        If no descriptor can be freed, wait before accepting more connections.
        """
        log.error("cannot accept a connection: %s", error.strerror)
        if is_exhausted(error):
            self._close_idle()
            if not self._is_refilling:
                self._is_refilling = True
                self._loop.call_later(self._refill_seconds, self._refill)
            if self._reserve.release():
                return  # The event loop calls `accept` again, because the connection is still waiting.
        self._loop.remove_reader(listener)
        self._loop.call_later(_PAUSE, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        if not self._is_closed:
            self._loop.add_reader(listener, self.accept, listener)

    def _refill(self) -> None:
        self._is_refilling = not self._is_closed and not self._reserve.refill()
        if self._is_refilling:
            self._loop.call_later(self._refill_seconds, self._refill)
