"""A TCP relay. A test can close or freeze all connections. A frozen connection stays open but transfers no data."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Relay:
    """Transfers data between clients and a server on 127.0.0.1, but only while `_passes` is set."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._passes = threading.Event()
        self._passes.set()
        self._is_cut = False
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Close all connections and refuse new ones until `restore` is called."""
        self._is_cut = True
        self._close_all()

    def freeze(self) -> None:
        """Keep the connections open, but transfer no data until `restore` is called."""
        self._passes.clear()

    def restore(self) -> None:
        self._is_cut = False
        self._passes.set()

    def close(self) -> None:
        self._is_cut = True
        self._passes.set()
        self._listener.close()
        self._close_all()

    def _close_all(self) -> None:
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._sockets.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._is_cut:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self._passes.wait()
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextlib.contextmanager
def relay(target: int) -> Iterator[Relay]:
    """Run a relay to a port."""
    running = Relay(target)
    try:
        yield running
    finally:
        running.close()
