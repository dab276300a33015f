"""A connection to PostgreSQL. Only one thread uses the connection. The event loop can interrupt a running statement."""

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg

from exporter.engine.shared.url import connection_parameters
from exporter.engine.storage.database import StorageError

_DEFAULTS: Final = {
    "application_name": "avepoint-exporter",
    "connect_timeout": "3",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
"""Connection parameters that the URL can override."""

DatabaseRow = tuple[Any, ...]


class Session:
    """A connection that opens when the first statement runs, and reopens after an error.

    Each statement is a separate transaction, so a stopped process never holds a lock. No statement changes
    connection settings. Therefore, a connection pooler such as PgBouncer can use a different server connection for
    each statement.
    """

    def __init__(self, url: str) -> None:
        """Create a session. Raise ValueError if the URL is invalid. The message does not contain the URL."""
        self._parameters = {**_DEFAULTS, **connection_parameters(url)}
        self._connection: psycopg.Connection[DatabaseRow] | None = None
        self._socket: socket.socket | None = None

    def execute(self, statement: str, values: Sequence[Any] | dict[str, Any] | None = None) -> list[DatabaseRow]:
        """Execute a statement and return its rows. Raise StorageError after an error that may be temporary."""
        try:
            cursor = self._connected().execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description is not None else []
        except psycopg.DataError:
            raise
        except (psycopg.Error, OSError, UnicodeError) as error:
            self.close()
            raise StorageError(_one_line(error)) from None

    def _connected(self) -> psycopg.Connection[DatabaseRow]:
        if self._connection is None:
            connection = psycopg.connect(**self._parameters, autocommit=True, prepare_threshold=None)  # type: ignore[arg-type] # strings are valid for all parameters
            # Duplicate the descriptor, because this thread may close the original descriptor while another thread calls
            # `interrupt`.
            self._socket = socket.socket(fileno=os.dup(connection.fileno()))
            self._connection = connection
        return self._connection

    def interrupt(self) -> None:
        """Interrupt the running statement. The statement then raises StorageError. Any thread may call this method."""
        if (connected := self._socket) is not None:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection. The next statement opens a new connection."""
        connection, self._connection = self._connection, None
        connected, self._socket = self._socket, None
        if connection is not None:
            connection.close()
        if connected is not None:
            connected.close()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
