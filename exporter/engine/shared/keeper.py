"""Gets and renews the lease of a shard.

While this process does not hold the lease, it exposes the data that the holder has stored.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from exporter.clock import Clock
from exporter.engine.accounts import Accounts
from exporter.engine.shared.follower import follow
from exporter.engine.shared.lease_table import Version
from exporter.engine.shared.state import SharedState
from exporter.engine.storage.database import StorageError
from exporter.errors import ConfigError

_REST: Final = 10.0
"""A standby process loads the stored state, and then pauses for this multiple of the time that the load took."""


class Keeper:
    """Requests or renews the lease at regular intervals, and starts or stops the accounts accordingly."""

    def __init__(
        self, storage: SharedState, accounts: Accounts, clock: Clock, log: structlog.stdlib.BoundLogger
    ) -> None:
        self._storage = storage
        self._accounts = accounts
        self._clock = clock
        self._log = log
        self._times = times = storage.times
        self._role = ""
        self._version = Version()
        self._shown = Version()
        self._next_look = clock.monotonic()
        self._current_by = clock.monotonic() + times.patience
        self._task: asyncio.Task[None] | None = None

    async def attempt(self) -> None:
        """Try once to get or renew the lease."""
        try:
            self._version = await self._storage.attempt()
        except StorageError as error:
            self._log.error("the database for persistent state is unreachable", error=error)
        self._log_role()

    async def run(self) -> None:
        """Try to get or renew the lease at regular intervals until canceled."""
        try:
            while True:
                began = self._clock.monotonic()
                await self._logged(self.step())
                pause = self._times.renewal if self._storage.lease.grant is not None else self._times.poll
                if not self._storage.lease.is_reachable:
                    pause = self._times.poll
                await self._clock.sleep(max(0.0, began + pause - self._clock.monotonic()))
        finally:
            if self._task is not None:
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)

    async def hold(self) -> asyncio.Task[None]:
        """Get the lease for a single refresh, and return the task that renews the lease.

        Raise ConfigError if another process holds the lease or the database is unreachable.
        """
        try:
            await self._storage.attempt()
        except StorageError as error:
            raise ConfigError([f"--storage.url: {error}; start the database, or correct the URL"]) from None
        if self._storage.lease.grant is None:
            what = "another process holds the lease of this shard; scrape that process, or omit --storage.url"
            raise ConfigError([f"--storage.url: {what}"])
        return asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(self._times.renewal)
            await self.attempt()

    async def step(self) -> None:
        """Try once to get or renew the lease, and start or stop the accounts accordingly."""
        await self._stop_unless_allowed()
        await self.attempt()
        await self._stop_unless_allowed()
        storage, lease, now = self._storage, self._storage.lease, self._clock.monotonic()
        if self._task is not None and not self._task.done():
            return
        if lease.may_read(now):
            if not storage.needs_load:
                self._current_by = now + self._times.patience
            elif now >= self._current_by:
                storage.trust()
            if not self._accounts.is_started or (storage.needs_load and lease.is_reachable):
                self._begin(self._accounts.take_over())
        elif lease.is_reachable and self._version != self._shown and now >= self._next_look:
            self._begin(self._look(self._version))

    async def _stop_unless_allowed(self) -> None:
        if self._storage.lease.may_read(self._clock.monotonic()) or not self._accounts.is_reading:
            return
        self._log.warning("this process sends no requests to AvePoint until it holds the lease again")
        self._storage.distrust()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._accounts.pause()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._logged(work))

    async def _logged(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except StorageError as error:
            self._log.error("persistent state cannot be read", error=error)
        except Exception as error:  # noqa: BLE001 - the next call of `step` tries again
            self._log.error("persistent state cannot be used", error=error, exc_info=True)

    async def _look(self, version: Version) -> None:
        """Expose the data that the holder of the lease has stored."""
        began = self._clock.monotonic()
        await follow(self._accounts, self._storage)
        self._shown = version
        now = self._clock.monotonic()
        self._next_look = now + _REST * (now - began)

    def _log_role(self) -> None:
        lease, before = self._storage.lease, self._role
        if lease.grant is not None:
            self._role = "this process holds the lease of its shard and sends requests to AvePoint"
        elif lease.is_blind:
            self._role = "the database has been unreachable since startup; requests begin without the stored state"
        elif lease.is_reachable:
            self._role = "another process holds the lease; this process exposes the stored data"
        if self._role != before:
            self._log.info(self._role)
