"""The persistent state contains samples, success times and counters.

New samples are committed to a database before a scrape can return them.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import partial
from itertools import islice
from typing import ClassVar, Final, TypeVar

import structlog

from exporter.clock import Clock
from exporter.collectors.base import Family
from exporter.config.schema import Account
from exporter.engine.snapshot import ReadResult, RefreshStatus
from exporter.engine.storage.codec import Decoder, StoredState, StoredStatus, customer_row, to_json
from exporter.engine.storage.database import (
    Change,
    CollectorKey,
    Database,
    DropCustomer,
    FinishRefresh,
    Owns,
    PutCustomer,
    RowKey,
    StorageError,
    StoredCollector,
    row_key,
)
from exporter.engine.storage.registration import label_settings, registration_id
from exporter.engine.storage.worker import Worker

T = TypeVar("T")

_QUIET_SECONDS: Final = 60.0  # minimum seconds between two log lines about failed commits
_BATCH: Final = 500  # maximum number of changes per transaction
_CLOSE_SECONDS: Final = 2.0


class StateStore:
    """The persistent state in a database. Errors are logged and do not affect refreshes.

    If a commit fails, the next commit includes its changes.
    """

    loads_again: ClassVar[bool] = False
    """Whether the store retries failed loads."""

    def __init__(
        self,
        database: Database | None,
        families: Collection[Family],
        clock: Clock,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        """Create a store that uses `database`. If `database` is None, nothing is stored."""
        self._database = database
        self._decoder = Decoder(families, clock, log)
        self._clock = clock
        self._log = log
        self._worker = Worker("state")
        self._pending: dict[RowKey, Change] = {}
        self._waiting: dict[RowKey, list[asyncio.Future[bool]]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._quiet_until = 0.0

    @property
    def may_request(self) -> bool:
        """Whether this process may send requests to AvePoint."""
        return True

    async def begin_load(self) -> None:
        """Prepare to load the stored state."""

    def end_load(self) -> None:
        """Record that the state of all accounts has been loaded."""

    def of(self, account: Account, collector: str) -> "CollectorStore":
        """Return the store for one collector."""
        return CollectorStore(self, account, self._key(account, collector))

    async def load(self, account: Account, collector: str, owns: Owns) -> StoredState:
        """Return the stored state of a collector. Raise StorageError if the state cannot be read."""
        if self._database is None:
            return StoredState()
        rows = await self._run(partial(self._database.load, self._key(account, collector), owns))
        return await asyncio.to_thread(self._decoder.state, account, collector, rows)

    async def commit(self, *changes: Change) -> bool:
        """Commit `changes` and all pending changes. Return False if a newer process owns one of the customers.

        If an error occurs, log the error and return True.
        """
        if self._database is None or not changes:
            return True
        for change in changes:
            self._pending.pop(row_key(change), None)  # The row's new change goes to the end of the queue.
            self._pending[row_key(change)] = change
        if not self._can_write():
            return True
        futures = [asyncio.get_running_loop().create_future() for _ in changes]
        for change, future in zip(changes, futures, strict=True):
            self._waiting.setdefault(row_key(change), []).append(future)
        self._start_writing()
        return all(await asyncio.gather(*futures))

    async def close(self) -> None:
        """Commit pending changes and close the database. Another process can then use the database."""
        if self._database is not None:
            await self._finish_writing()
            database, self._database = self._database, None
            await self._worker.run(database.close)
        await self._worker.close(within=_CLOSE_SECONDS)

    async def _finish_writing(self) -> None:
        if self._writer is not None:
            await self._writer
        await self._write_pending()

    def _key(self, account: Account, collector: str) -> CollectorKey:
        return CollectorKey(account.name, collector, registration_id(account))

    def _can_write(self) -> bool:
        """Return whether the database accepts writes now. If it does not, the changes wait for a later commit."""
        return True

    def _start_writing(self) -> None:
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write_pending())

    async def _run(self, function: Callable[[], T]) -> T:
        return await self._worker.run(function)

    async def _write_pending(self) -> None:
        is_failed = False
        while self._pending and self._database is not None and not is_failed:
            batch = dict(islice(self._pending.items(), _BATCH))
            self._pending = {key: change for key, change in self._pending.items() if key not in batch}
            waiting = {key: self._waiting.pop(key, ()) for key in batch}
            refused: Collection[RowKey] = ()
            try:
                refused = await self._run(partial(self._database.write, tuple(batch.values())))
            except StorageError as error:
                is_failed = True
                self._failed(error)
                self._pending = {**batch, **self._pending}
                waiting |= self._waiting
                self._waiting = {}
            except Exception as error:  # noqa: BLE001 - a storage error must not stop a refresh
                self._failed(error)
            for key, futures in waiting.items():
                for future in futures:
                    if not future.done():
                        future.set_result(key not in refused)

    def _failed(self, error: Exception) -> None:
        """Log that changes could not be committed, but at most once per minute."""
        if self._clock.monotonic() >= self._quiet_until:
            self._log.error("persistent state not stored", error=error)
            self._quiet_until = self._clock.monotonic() + _QUIET_SECONDS


class CollectorStore:
    """The persistent state of one collector."""

    def __init__(self, store: StateStore, account: Account, key: CollectorKey) -> None:
        self._store = store
        self._key = key
        self._labels = to_json(label_settings(account))

    async def commit(self, customer_id: str, read: ReadResult, state: object) -> bool:
        """Commit a customer's samples and state, like Store.commit. The id "" represents the account itself."""
        row = partial(customer_row, customer_id, self._labels, read, state)
        return await self._store.commit(PutCustomer(self._key, customer_id, row))

    async def commit_states(self, states: Mapping[str, object]) -> None:
        """Commit states, but no samples. The keys of `states` are customer ids.

        If a state is None, delete the row of the customer.
        """
        await self._store.commit(
            *(
                DropCustomer(self._key, one)
                if state is None
                else PutCustomer(self._key, one, partial(customer_row, one, self._labels, None, state))
                for one, state in states.items()
            )
        )

    async def finish(
        self, reads: Collection[str], states: Collection[str], status: RefreshStatus, failed: Collection[str]
    ) -> None:
        """Commit the status of a refresh.

        Delete the samples of customers that are not in `reads`, and the states of customers that are not in `states`.
        """
        stored = StoredStatus(status.up, status.off, status.last_attempt, status.duration, failed)
        row = StoredCollector(status.last_success, stored.dump())
        await self._store.commit(FinishRefresh(self._key, row, frozenset(reads), frozenset(states)))
