"""The SQLite database for persistent state. Once the database is open, only one thread may use it."""

import os
import sqlite3
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final, NamedTuple

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


class UnusableDatabaseError(Exception):
    """Raised if the file is damaged or was written by another application or version."""


class CollectorKey(NamedTuple):
    """The key of a collector's state. The state becomes invalid when `registration` changes (see registration.py)."""

    account: str
    collector: str
    registration: str


class CustomerRow(NamedTuple):
    """A customer's state and most recent samples. The customer id "" represents the account itself.

    `read_at` and `samples` are None if no samples are stored.
    """

    customer_id: str
    labels: str
    read_at: float | None
    is_complete: bool
    samples: bytes | None
    state: str | None


class Database:
    """A database that is locked by this process."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def write(self, operations: Sequence[Callable[["Database"], None]]) -> None:
        """Run all operations in one transaction.

        If an operation fails, roll back all operations and raise sqlite3.Error.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for operation in operations:
                operation(self)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def put_customer(self, key: CollectorKey, row: CustomerRow) -> None:
        """Replace the row of a customer."""
        values = (key.account, key.collector, row.customer_id, key.registration, *row[1:])
        self._connection.execute("INSERT OR REPLACE INTO customer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def put_collector(self, key: CollectorKey, last_success: float | None) -> None:
        """Replace the row of a collector."""
        self._connection.execute("INSERT OR REPLACE INTO collector VALUES (?, ?, ?, ?)", (*key, last_success))

    def keep_only(self, key: CollectorKey, reads: Collection[str], states: Collection[str]) -> None:
        """Delete the samples of customers not in `reads`, and the states of customers not in `states`.

        Also delete all rows with an outdated registration.
        """
        where = "WHERE account = ? AND collector = ?"
        self._connection.execute(f"DELETE FROM customer {where} AND registration != ?", key)  # noqa: S608 - a constant
        query = f"SELECT customer_id, samples IS NULL FROM customer {where}"  # noqa: S608 - a constant
        for customer_id, is_dropped in self._connection.execute(query, key[:2]).fetchall():
            one = (*key[:2], customer_id)
            if customer_id not in reads and customer_id not in states:
                self._connection.execute(f"DELETE FROM customer {where} AND customer_id = ?", one)  # noqa: S608 - a constant
            elif customer_id not in reads and not is_dropped:
                change = "UPDATE customer SET read_at = NULL, samples = NULL"
                self._connection.execute(f"{change} {where} AND customer_id = ?", one)

    def customers(self, key: CollectorKey) -> list[CustomerRow]:
        """Return the rows of all customers of a collector."""
        query = "SELECT customer_id, labels, read_at, is_complete, samples, state FROM customer"
        where = "WHERE account = ? AND collector = ? AND registration = ?"
        return [CustomerRow(*row) for row in self._connection.execute(f"{query} {where}", key)]

    def last_success(self, key: CollectorKey) -> float | None:
        """Return the Unix time of the collector's last success, or None if it has never succeeded."""
        query = "SELECT last_success FROM collector WHERE account = ? AND collector = ? AND registration = ?"
        row = self._connection.execute(query, key).fetchone()
        return None if row is None else row[0]

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def open_database(path: Path) -> Database:
    """Open or create the database.

    Raise UnusableDatabaseError if the file is damaged or was written by another application or version. Raise
    sqlite3.OperationalError if the file cannot be used, for example because another process uses it.
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
    return Database(connection)


def _prepare(connection: sqlite3.Connection) -> None:
    """Check and lock the database, and create the tables if it is new."""
    application_id, version = (_pragma(connection, name) for name in ("application_id", "user_version"))
    is_new = application_id == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if not is_new and (application_id, version) != (_APPLICATION_ID, _VERSION):
        raise UnusableDatabaseError("the file was written by another application or version")
    if not is_new and (result := _pragma(connection, "quick_check(1)")) != "ok":
        raise UnusableDatabaseError(str(result))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # With this setting, commits survive a crash of the process.
    connection.execute("PRAGMA secure_delete = ON")  # Overwrites deleted data, such as names that are now hidden.
    connection.execute("BEGIN IMMEDIATE")  # Locks the database until it is closed.
    if is_new:
        for statement in filter(str.strip, _SCHEMA.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]
