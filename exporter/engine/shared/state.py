"""Persistent state in a PostgreSQL database that several processes share."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import ClassVar, Final, TypeVar

import structlog

from exporter.clock import Clock
from exporter.collectors.base import Family
from exporter.config.schema import Account
from exporter.engine.shard import Shard
from exporter.engine.shared.database import PostgresqlDatabase
from exporter.engine.shared.lease import Lease, LeaseTimes
from exporter.engine.shared.lease_table import LeaseTable, Version
from exporter.engine.shared.moved import with_moved_customers
from exporter.engine.shared.session import Session
from exporter.engine.storage.codec import StoredState
from exporter.engine.storage.database import Change, CollectorKey, Owns, StorageError
from exporter.engine.storage.state import StateStore
from exporter.engine.storage.worker import Worker

T = TypeVar("T")

_LOAD_SECONDS: Final = 60.0
_WRITE_SECONDS: Final = 10.0
_LAST_WRITE_SECONDS: Final = 1.0
_CLOSE_SECONDS: Final = 0.5


class SharedState(StateStore):
    """The persistent state of one shard. Only the holder of the shard's lease writes the state (see keeper.py)."""

    loads_again: ClassVar[bool] = True

    def __init__(
        self,
        url: str,
        shard: Shard,
        holder: str,
        families: Collection[Family],
        clock: Clock,
        log: structlog.stdlib.BoundLogger,
        times: LeaseTimes,
    ) -> None:
        """Create the state without connecting to the database. Raise ValueError if the URL is invalid."""
        self._rows = PostgresqlDatabase(Session(url), shard.index)
        super().__init__(self._rows, families, clock, log)
        self.lease = Lease(times, clock.monotonic())
        self.needs_load = True
        """Whether the stored state may be newer than the state of this process. If so, nothing is written.
        """
        self._is_current = False
        self._has_failed = False
        self.times = times
        self._scope = str(shard.index)
        self._leases = LeaseTable(Session(url), shard.index, holder, times.length)
        self._lease_worker = Worker("lease")

    @property
    def may_request(self) -> bool:
        """Whether this process may send requests to AvePoint."""
        return self.lease.may_read(self._clock.monotonic()) and (self._is_current or self.lease.is_blind)

    def distrust(self) -> None:
        """Block all writes until the stored state has been loaded again."""
        self.needs_load = True

    def trust(self) -> None:
        """Allow requests to AvePoint even if the stored state could not be loaded."""
        self._is_current = True

    async def attempt(self) -> Version:
        """Get or renew the lease, and record the result. Return the version of the stored state."""
        lease, sent = self.lease, self._clock.monotonic()
        may_take = lease.may_take_over(sent)
        is_new = may_take and self._rows.has_orphans
        attempt = partial(self._leases.attempt, lease.grant, may_take=may_take, is_new=is_new)
        try:
            answer = await _limited(self._lease_worker, self._leases.session, attempt, self.times.attempt)
        except StorageError:
            lease.unreachable(sent, self._clock.monotonic())
            raise
        if answer.grant is None:
            lease.refused(sent)
            self._lose()
        else:
            self.needs_load |= answer.grant != lease.grant
            self._is_current |= lease.is_blind
            self._rows.has_orphans &= answer.grant == lease.grant
            lease.granted(answer.grant, sent)
        if self._pending and self._can_write():
            self._start_writing()
        return answer.version

    def _lose(self) -> None:
        self.needs_load, self._is_current, self._rows.grant = True, False, None
        self._forget_pending()

    def _forget_pending(self) -> None:
        self._pending.clear()
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_result(False)
        self._waiting.clear()

    async def begin_load(self) -> None:
        """Prepare to load the stored state. If this process holds the lease, `load` then claims the shard's customers.

        Drop pending changes. The accounts still hold these changes in memory and commit them later.
        """
        self._has_failed = False
        if self.needs_load and self.lease.grant is not None and self.lease.is_reachable:
            self._forget_pending()
            # The thread first completes the writes that use the old grant, and then uses the new grant.
            try:
                await self._run(partial(setattr, self._rows, "grant", self.lease.grant))
            except StorageError as error:
                self._log.error("persistent state cannot be read", error=error)

    def end_load(self) -> None:
        """If this process has loaded and claimed the state of all accounts, allow writes and requests."""
        is_claimed = self.lease.grant is not None and self._rows.grant == self.lease.grant
        self.needs_load = self._has_failed or not is_claimed
        self._is_current |= not self.needs_load

    async def load(self, account: Account, collector: str, owns: Owns) -> StoredState:
        """Return the stored state of a collector, including the samples of customers that moved to this shard."""
        if self._database is None or not self.lease.is_reachable:
            self._has_failed = self.needs_load = True
            return StoredState(is_known=False)
        try:
            rows = await self._run(partial(self._rows.load, self._key(account, collector), owns), _LOAD_SECONDS)
        except StorageError:
            self._has_failed = self.needs_load = True
            raise
        state = await asyncio.to_thread(self._decoder.state, account, collector, rows)
        if not rows.other_shards:
            return state
        others = [rows._replace(customers=[row]) for row in rows.other_shards]
        found = [await asyncio.to_thread(self._decoder.state, account, collector, one) for one in others]
        return with_moved_customers(state, found, owns)

    async def commit(self, *changes: Change) -> bool:
        """Commit changes, like StateStore.commit. If the state is not loaded, ignore the changes and return True."""
        return await super().commit(*changes) if self._is_current or self.lease.is_blind else True

    async def close(self) -> None:
        """Write pending changes, end the lease, and close the connections.

        If the database hangs, stop waiting after a few seconds.
        """
        if self._database is None:
            return
        try:
            async with asyncio.timeout(_LAST_WRITE_SECONDS):
                if self._can_write():
                    await self._finish_writing()
        except TimeoutError:
            self._log.error("persistent state not stored", error="the database does not respond")
        self._database = None
        await self._release()
        self._rows.session.interrupt()
        await asyncio.gather(
            _closed(self._worker, self._rows.session), _closed(self._lease_worker, self._leases.session)
        )

    async def _release(self) -> None:
        if self.lease.grant is None or not self.lease.is_reachable:
            return
        release = partial(self._leases.release, self.lease.grant)
        try:
            await _limited(self._lease_worker, self._leases.session, release, _CLOSE_SECONDS)
        except StorageError as error:
            self._log.warning("lease not released; another process takes over after the lease expires", error=error)

    def _key(self, account: Account, collector: str) -> CollectorKey:
        # A tenant account belongs to one shard. Every shard reads some customers of each partner account.
        return super()._key(account, collector)._replace(scope="" if account.type == "tenant" else self._scope)

    def _can_write(self) -> bool:
        is_claimed = self.lease.grant is not None and self._rows.grant == self.lease.grant
        return self.lease.is_reachable and is_claimed and not self.needs_load

    async def _run(self, function: Callable[[], T], within: float = _WRITE_SECONDS) -> T:
        try:
            return await _limited(self._worker, self._rows.session, function, within)
        except StorageError:
            self.lease.lost_contact()
            raise


async def _limited(worker: Worker, session: Session, function: Callable[[], T], within: float) -> T:
    """Run a function on the worker's thread. After `within` seconds, interrupt the function and raise StorageError."""
    try:
        async with asyncio.timeout(within):
            return await worker.run(function)
    except TimeoutError:
        session.interrupt()
        raise StorageError(f"the database does not respond within {within:g} s") from None


async def _closed(worker: Worker, session: Session) -> None:
    with suppress(StorageError):
        await _limited(worker, session, session.close, _CLOSE_SECONDS)
    await worker.close(within=_CLOSE_SECONDS)
