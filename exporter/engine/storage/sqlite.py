"""The SQLite database for persistent state. Only one process can use a database at a time."""

import os
import sqlite3
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

import structlog

from exporter.clock import Clock
from exporter.engine.storage.database import (
    Change,
    CollectorKey,
    DropCustomer,
    FinishRefresh,
    Owns,
    PutCustomer,
    RowKey,
    StorageError,
    StoredCollector,
    StoredCustomer,
    StoredRows,
)
from exporter.engine.storage.json_state import changes_from_json
from exporter.engine.storage.mounts import network_file_system
from exporter.errors import ConfigError

FILE_NAME: Final = "state.sqlite"
SIDE_FILES: Final = ("", "-wal", "-shm")
_APPLICATION_ID: Final = 0x41565045
_VERSION: Final = 1
_BUSY_SECONDS: Final = 2.0
_SCHEMA: Final = """
CREATE TABLE collector (
  account TEXT NOT NULL, collector TEXT NOT NULL, registration TEXT NOT NULL, last_success REAL,
  PRIMARY KEY (account, collector)
) WITHOUT ROWID;
CREATE TABLE customer (
  account TEXT NOT NULL, collector TEXT NOT NULL, customer_id TEXT NOT NULL, registration TEXT NOT NULL,
  labels TEXT NOT NULL, read_at REAL, is_complete INTEGER NOT NULL, samples BLOB, state TEXT,
  PRIMARY KEY (account, collector, customer_id)
) WITHOUT ROWID;
"""


_USE_ANOTHER: Final = "use a directory to which the exporter can write"
_WHERE: Final = "WHERE account = ? AND collector = ?"


class UnusableDatabaseError(Exception):
    """Raised if the database file is damaged, or if another application or version wrote the file."""


class SqliteDatabase:
    """A SQLite database that this process has opened and locked."""

    def __init__(self, connection: sqlite3.Connection, folder: Path, log: structlog.stdlib.BoundLogger) -> None:
        self._connection = connection
        self._folder = folder
        self._log = log

    def load(self, key: CollectorKey, owns: Owns) -> StoredRows:  # noqa: ARG002 - all rows belong to this process
        """Return the rows of a collector. Raise StorageError if the rows cannot be read."""
        try:
            self._move_json(key)
            query = "SELECT customer_id, labels, read_at, is_complete, samples, state FROM customer"
            found = self._connection.execute(f"{query} {_WHERE} AND registration = ?", key[:3])
            rows = [StoredCustomer(*row) for row in found]
            query = f"SELECT last_success FROM collector {_WHERE} AND registration = ?"  # noqa: S608 - a constant
            row = self._connection.execute(query, key[:3]).fetchone()
        except sqlite3.Error as error:
            raise StorageError(str(error)) from error
        return StoredRows(StoredCollector(None if row is None else row[0]), rows)

    def write(self, changes: Iterable[Change]) -> Collection[RowKey]:
        """Write all changes in one transaction. Raise StorageError if the transaction fails."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for change in changes:
                self._make(change)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise StorageError(str(error)) from error
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        return ()

    def _make(self, change: Change) -> None:
        key = change.key
        match change:
            case PutCustomer():
                row = change.row()
                values = (key.account, key.collector, row.customer_id, key.registration, *row[1:])
                self._connection.execute("INSERT OR REPLACE INTO customer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
            case DropCustomer():
                self._delete(key, change.customer_id)
            case FinishRefresh():
                collector = (*key[:3], change.row.last_success)
                self._connection.execute("INSERT OR REPLACE INTO collector VALUES (?, ?, ?, ?)", collector)
                self._keep_only(key, change.reads, change.states)

    def _delete(self, key: CollectorKey, customer_id: str) -> None:
        delete = f"DELETE FROM customer {_WHERE} AND customer_id = ?"  # noqa: S608 - a constant
        self._connection.execute(delete, (*key[:2], customer_id))

    def _keep_only(self, key: CollectorKey, reads: Collection[str], states: Collection[str]) -> None:
        self._connection.execute(f"DELETE FROM customer {_WHERE} AND registration != ?", key[:3])  # noqa: S608 - a constant
        query = f"SELECT customer_id, samples IS NULL FROM customer {_WHERE}"  # noqa: S608 - a constant
        for customer_id, is_dropped in self._connection.execute(query, key[:2]).fetchall():
            if customer_id not in reads and customer_id not in states:
                self._delete(key, customer_id)
            elif customer_id not in reads and not is_dropped:
                change = f"UPDATE customer SET read_at = NULL, samples = NULL {_WHERE} AND customer_id = ?"  # noqa: S608 - a constant
                self._connection.execute(change, (*key[:2], customer_id))

    def _move_json(self, key: CollectorKey) -> None:
        """Move the JSON file of an earlier version into the database."""
        path, changes = changes_from_json(self._folder, key, self._log)
        if changes:
            self.write(changes)
            path.unlink()

    def close(self) -> None:
        """Close the database. Another process can then use the database."""
        self._connection.close()


def open_directory(folder: Path, clock: Clock, log: structlog.stdlib.BoundLogger) -> SqliteDatabase | None:
    """Open the database in a directory.

    If the database is unusable, rename it and create a new database. Return None if the disk is full. Raise ConfigError
    if the directory is unusable, or if another process uses the database.
    """
    path = folder / FILE_NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (kind := network_file_system(folder)) is not None:
            what = f"is on a network file system ({kind}), which SQLite does not support"
            raise ConfigError([f"--storage.path: {folder}: {what}; use a local disk or --storage.url"])
        try:
            return open_database(path, log)
        except UnusableDatabaseError as error:
            _set_aside(path, error, clock, log)
            return open_database(path, log)
    except OSError as error:
        reason = (error.strerror or "unusable").lower()
        raise ConfigError([f"--storage.path: {folder}: {reason}; {_USE_ANOTHER}"]) from None
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            log.error("persistent state is off until the exporter restarts", file=str(path), error=error)
            return None
        if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            what = "another process uses this directory; stop that process, or use another directory"
            raise ConfigError([f"--storage.path: {folder}: {what}"]) from None
        raise ConfigError([f"--storage.path: {folder}: {error}; {_USE_ANOTHER}"]) from None


def _set_aside(path: Path, error: Exception, clock: Clock, log: structlog.stdlib.BoundLogger) -> None:
    """Rename the files of an unusable database. An operator can examine the renamed files."""
    aside = path.with_name(f"{FILE_NAME}.unreadable-{int(clock.time())}")
    log.warning("stored state is unusable; the database was renamed", file=str(path), aside=str(aside), error=error)
    for suffix in SIDE_FILES:
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.replace(aside.with_name(aside.name + suffix))


def open_database(path: Path, log: structlog.stdlib.BoundLogger) -> SqliteDatabase:
    """Open or create the database.

    Raise UnusableDatabaseError if the file is damaged, or if another application or version wrote the file. Raise
    sqlite3.OperationalError if the file is temporarily unusable, for example because another process uses it.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _prepare(connection)
    except sqlite3.OperationalError:
        connection.close()
        raise
    except (sqlite3.DatabaseError, UnusableDatabaseError) as error:
        connection.close()
        raise UnusableDatabaseError(str(error)) from None
    return SqliteDatabase(connection, path.parent, log)


def _prepare(connection: sqlite3.Connection) -> None:
    """Check the database and lock its file. If the database is new, create the tables."""
    application_id, version = (_pragma(connection, name) for name in ("application_id", "user_version"))
    is_new = application_id == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if not is_new and (application_id, version) != (_APPLICATION_ID, _VERSION):
        raise UnusableDatabaseError("the file was written by another application or version")
    if not is_new and (result := _pragma(connection, "quick_check(1)")) != "ok":
        raise UnusableDatabaseError(str(result))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # If the process crashes, no committed data is lost.
    connection.execute("PRAGMA secure_delete = ON")  # Deleted customer names do not stay in the file.
    connection.execute("BEGIN IMMEDIATE")  # This lock lasts until the database is closed.
    if is_new:
        for statement in filter(str.strip, _SCHEMA.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]
