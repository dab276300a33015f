"""The persistent state, which contains samples, success times and counters.

New values are committed to a database before a scrape can return them.
"""

import asyncio
import json
import math
import re
import sqlite3
import sys
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from exporter.clock import Clock
from exporter.collectors.base import Family, Sample
from exporter.config.schema import Account
from exporter.engine.database import (
    FILE_NAME,
    SIDE_FILES,
    CollectorKey,
    CustomerRow,
    Database,
    UnusableDatabaseError,
    open_database,
)
from exporter.engine.json_state import json_path, read_json_state
from exporter.engine.registration import changed_labels, label_settings, registration_id
from exporter.engine.samples import SharedSeries
from exporter.engine.snapshot import ReadResult
from exporter.errors import ConfigError

Operation = Callable[[Database], None]

_SURROGATES: Final = re.compile(r"[\ud800-\udfff]")
_LEVEL: Final = 1  # compression level of samples
_QUIET_SECONDS: Final = 60.0  # minimum time between two log lines about failed commits
_USE_ANOTHER: Final = "use a directory to which the exporter can write"


@dataclass(frozen=True, slots=True)
class StoredState:
    """The stored state of a collector. The keys of `reads` and `states` are customer ids."""

    reads: Mapping[str, ReadResult]
    states: Mapping[str, object]
    last_success: float | None


class StateStore:
    """The database in the state directory. Errors after the start are logged and do not affect refreshes."""

    def __init__(
        self, folder: Path, families: Collection[Family], clock: Clock, log: structlog.stdlib.BoundLogger
    ) -> None:
        """Open the database. Raise ConfigError if the directory is unusable or another process uses it."""
        self._folder = folder
        self._families = {family.name: family for family in families}
        self._clock = clock
        self._log = log
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state")
        self._pending: list[tuple[Operation, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._quiet_until = 0.0
        self._database = self._opened()

    def of(self, account: Account, collector: str) -> "CollectorStore":
        """Return the store for one collector."""
        return CollectorStore(self, account, CollectorKey(account.name, collector, registration_id(account)))

    async def load(self, account: Account, collector: str) -> StoredState:
        """Return the stored state of a collector."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._load, account, collector)

    def _load(self, account: Account, collector: str) -> StoredState:
        key = CollectorKey(account.name, collector, registration_id(account))
        if self._database is None:
            return StoredState({}, {}, None)
        try:
            self._move_json(key)
            rows, last_success = self._database.customers(key), self._database.last_success(key)
        except sqlite3.Error as error:
            self._log.error("persistent state cannot be read", account=account.name, collector=collector, error=error)
            return StoredState({}, {}, None)
        changed = {labels: changed_labels(json.loads(labels), account) for labels in {row.labels for row in rows}}
        shared, reads, states = SharedSeries(), dict[str, ReadResult](), dict[str, object]()
        for row in rows:
            try:
                if (state := json.loads(row.state or "null")) is not None:
                    states[row.customer_id] = state
                if (read := self._read(row, shared)) is not None:
                    reads[row.customer_id] = read.without_labels(changed[row.labels])
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError, zlib.error) as error:
                self._log.warning("state of a customer is invalid; dropped", account=account.name,
                                  collector=collector, customer_id=row.customer_id, error=error)  # fmt: skip
        return StoredState(reads, states, last_success)

    async def commit(self, operation: Operation) -> None:
        """Commit an operation and all pending operations in one transaction. Errors are logged."""
        if self._database is None:
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._pending.append((operation, future))
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._write_pending(self._database))
        await future

    async def close(self) -> None:
        """Commit pending operations and close the database, so that another process can use it."""
        if self._writer is not None:
            await self._writer
        if self._database is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._database.close)
            self._database = None
        self._thread.shutdown(wait=False)

    async def _write_pending(self, database: Database) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            operations = [operation for operation, _ in batch]
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, database.write, operations)
            except Exception as error:  # noqa: BLE001 - a refresh must not fail because its data is not stored
                if self._clock.monotonic() >= self._quiet_until:
                    self._log.error("state not stored", file=str(self._folder / FILE_NAME), error=error)
                    self._quiet_until = self._clock.monotonic() + _QUIET_SECONDS
            for _, future in batch:
                if not future.done():
                    future.set_result(None)

    def _opened(self) -> Database | None:
        path = self._folder / FILE_NAME
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                return open_database(path)
            except UnusableDatabaseError as error:
                self._set_aside(path, error)
                return open_database(path)
        except OSError as error:
            reason = (error.strerror or "unusable").lower()
            raise ConfigError([f"--storage.path: {self._folder}: {reason}; {_USE_ANOTHER}"]) from None
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                self._log.error("state is not stored until a restart", file=str(path), error=error)
                return None
            if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                what = "another process uses it; stop that process or use another directory"
                raise ConfigError([f"--storage.path: {self._folder}: {what}"]) from None
            raise ConfigError([f"--storage.path: {self._folder}: {error}; {_USE_ANOTHER}"]) from None

    def _set_aside(self, path: Path, error: Exception) -> None:
        """Rename an unusable database, so that an operator can examine it."""
        aside = path.with_name(f"{FILE_NAME}.unreadable-{int(self._clock.time())}")
        self._log.warning("stored state is not usable; set aside", file=str(path), aside=str(aside), error=error)
        for suffix in SIDE_FILES:
            source = path.with_name(path.name + suffix)
            if source.exists():
                source.replace(aside.with_name(aside.name + suffix))

    def _move_json(self, key: CollectorKey) -> None:
        """Move the JSON file of an earlier version into the database."""
        path, database = json_path(self._folder, key), self._database
        if database is None or not path.exists():
            return
        try:
            stored = read_json_state(path, key.registration)
            if stored is None:
                self._log.info("stored state belongs to another registration; ignored", file=str(path))
                return
            labels, operations = _json(stored.labels), list[Operation]()
            for customer_id in {*stored.reads, *stored.states}:
                read_at, is_complete, samples = stored.reads.get(customer_id, (None, True, None))
                packed = None if samples is None else _packed(samples)
                row = CustomerRow(
                    customer_id, labels, read_at, is_complete, packed, _json(stored.states.get(customer_id))
                )
                operations.append(partial(Database.put_customer, key=key, row=row))
            operations.append(partial(Database.put_collector, key=key, last_success=stored.last_success))
            database.write(operations)
            path.unlink()
        except (OSError, ValueError) as error:
            self._log.warning("file of an earlier version is not usable; ignored", file=str(path), error=error)

    def _read(self, row: CustomerRow, shared: SharedSeries) -> ReadResult | None:
        """Restore stored samples with their original age, except samples of families that no longer exist."""
        if row.samples is None or row.read_at is None:
            return None
        age = max(0.0, self._clock.time() - row.read_at)
        samples: Collection[Sample] = tuple(
            Sample(family, tuple(map(_label, labels)), _number(value))
            for name, labels, value in json.loads(zlib.decompress(row.samples))
            if (family := self._families.get(name)) is not None and len(labels) == len(family.labels) - 1
        )
        if row.customer_id:
            samples = shared.samples(row.customer_id, samples)
        return ReadResult(samples, row.read_at, self._clock.monotonic() - age, is_complete=bool(row.is_complete))


class CollectorStore:
    """The persistent state of one collector."""

    def __init__(self, store: StateStore, account: Account, key: CollectorKey) -> None:
        self._store = store
        self._key = key
        self._labels = _json(label_settings(account))

    async def commit(self, customer_id: str, read: ReadResult | None, state: object) -> None:
        """Commit the samples read from a customer, if any, and the collector's state after the read.

        The customer id "" represents the account.
        """
        await self._store.commit(partial(self._put, customer_id=customer_id, read=read, state=state))

    async def finish(self, reads: Collection[str], states: Collection[str], last_success: float | None) -> None:
        """Commit the time of the last success. Keep only the samples and states of the given customers."""
        kept_reads, kept_states = frozenset(reads), frozenset(states)

        def operation(database: Database) -> None:
            database.put_collector(self._key, last_success)
            database.keep_only(self._key, kept_reads, kept_states)

        await self._store.commit(operation)

    def _put(self, database: Database, customer_id: str, read: ReadResult | None, state: object) -> None:
        text = None if state is None else _json(state)
        row = CustomerRow(customer_id, self._labels, None, True, None, text)
        if read is not None:
            samples = [(sample.family.name, sample.labels, sample.value) for sample in read.samples]
            row = row._replace(read_at=read.read_at, is_complete=read.is_complete, samples=_packed(samples))
        database.put_customer(self._key, row)


def _packed(samples: Sequence[Any]) -> bytes:
    return zlib.compress(_json(samples).encode(), _LEVEL)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _number(value: object) -> float:
    if not isinstance(value, int | float) or not -sys.float_info.max <= value <= math.inf:
        raise ValueError("not a number")
    return float(value)


def _label(value: object) -> str:
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", str(value))  # UTF-8 cannot encode surrogates.
