"""The refreshes of one collector. A failed refresh does not affect other collectors."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from math import inf
from typing import Any, Final

import structlog
from structlog.contextvars import bound_contextvars

from exporter.clock import Clock
from exporter.collectors.base import AccountCollector, Collector, CustomerCollector
from exporter.engine.failing import FIRST_RETRY, retry_pause
from exporter.engine.reads import CustomerReader, Results, may_turn_off
from exporter.engine.snapshot import CollectorEntry
from exporter.engine.storage.store import Store
from exporter.errors import AvePointError, Failure, NotOfferedError

_LONGEST_RETRY: Final = 3600.0
"""Maximum seconds between two refreshes of a collector that is down or off, even if its interval is longer."""
_MIN_PAUSE: Final = 1.0


class Refresher:
    """Refreshes one collector of an account, and updates the collector's entry in the snapshot.

    Refreshes do not overlap.
    """

    def __init__(
        self,
        collector: Collector[Any, Any],
        entry: CollectorEntry,
        *,
        workers: int,
        clock: Clock,
        log: structlog.stdlib.BoundLogger,
        store: Store | None = None,
        ended: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.collector = collector
        self.entry = entry
        self.first_ended = asyncio.Event()
        self._clock = clock
        self._log = log.bind(collector=collector.name)
        self._store = store
        self._ended = ended
        self._lock = asyncio.Lock()
        self._results = Results(collector, entry.account, clock, self._log)
        self._reader: CustomerReader | None = None
        if isinstance(collector, CustomerCollector):
            self._reader = CustomerReader(
                collector, entry, self._results, workers=workers, clock=clock, log=self._log, store=store
            )
        self._listed: Collection[str] | None = None
        collector.watch_customers(self._keep_only)

    async def run(self) -> None:
        """Refresh at regular intervals until canceled.

        After a failed refresh, the next refresh runs sooner. With each further failure, the pause before
        the next refresh doubles. Between
        two refreshes, retry the customers that failed.
        """
        failures = 0
        while True:
            began = self._clock.monotonic()
            failures = 0 if await self.refresh() else failures + 1
            pause = self._pause(began, failures)
            self.entry.update_status(next_attempt=self._clock.time() + pause)
            await self._sleep(self._clock.monotonic() + pause)

    async def _sleep(self, until: float) -> None:
        while (retry_at := self._next_retry()) < until:
            await self._clock.sleep(retry_at - self._clock.monotonic())
            await self.retry()
        await self._clock.sleep(max(0.0, until - self._clock.monotonic()))

    def _next_retry(self) -> float:
        """Return the monotonic time of the next retry, or infinity if no retry is planned.

        Because of a minimum pause, customers whose retries are close together are retried at the same time.
        """
        if self._reader is None or not self.entry.status.up:
            return inf
        return max(self._reader.next_retry, self._clock.monotonic() + FIRST_RETRY)

    async def retry(self) -> None:
        """Retry the failed customers whose retry is due, if any."""
        if self._reader is None or self._reader.next_retry > self._clock.monotonic():
            return
        async with self._lock:
            try:
                with bound_contextvars(collector=self.collector.name):
                    await self._reader.retry()
            except Exception as error:  # noqa: BLE001 - a bug in one collector must not stop other collectors
                self._log.error("retry failed unexpectedly", error=error, exc_info=True)
            await self._finish()
        await self._after()

    async def refresh(self) -> bool:
        """Refresh once, and return False if the collector is down. Errors are recorded, not raised."""
        async with self._lock:
            began = self._clock.monotonic()
            self.entry.update_status(last_attempt=self._clock.time(), next_attempt=None)
            self.collector.api_versions.begin()
            try:
                with bound_contextvars(collector=self.collector.name):
                    if isinstance(self.collector, AccountCollector):
                        await self._read_account(self.collector)
                    elif self._reader is not None:
                        await self._reader.read()
            except AvePointError as error:
                if may_turn_off(self.collector, self.entry, error):
                    self._turn_off(error)
                else:
                    self._failed(error)
            except Exception as error:  # noqa: BLE001 - a bug in one collector must not stop other collectors
                self._log.error("refresh failed unexpectedly", error=error, exc_info=True)
                self._failed(AvePointError(f"unexpected {type(error).__name__}", hint="please report this"))
            else:
                self._succeeded()
            api_version = self.collector.api_versions.answered or ""
            self.entry.record_end(self._clock.monotonic() - began, api_version=api_version)
            self.first_ended.set()
            await self._finish()
            await self._after()
            return bool(self.entry.status.up or self.entry.status.off)

    async def _finish(self) -> None:
        if self._store is not None:
            failed = [customer_id for customer_id, is_up in self.entry.customer_up.items() if not is_up]
            await self._store.finish(self.entry.reads, self.collector.state_ids(), self.entry.status, failed)

    async def _after(self) -> None:
        if self._ended is not None:
            try:
                await self._ended()
            except Exception as error:  # noqa: BLE001 - a bug in the callback must not stop the refreshes
                self._log.error("callback failed after a refresh", error=error, exc_info=True)

    def _pause(self, began: float, failures: int) -> float:
        interval, now = self.collector.options.interval, self._clock.monotonic()
        if failures:
            return retry_pause(failures, min(interval, _LONGEST_RETRY))
        longest = _LONGEST_RETRY if self.entry.status.off else interval
        return float(max(_MIN_PAUSE, began + min(interval, longest) - now))

    def _succeeded(self) -> None:
        if not self.entry.status.up:
            self._log.info("refreshed", samples=sum(len(read.samples) for read in self.entry.reads.values()))
        self.entry.update_status(up=True, off=False, last_success=self._clock.time(), failure=None)

    def _failed(self, error: AvePointError) -> None:
        self._log.error("refresh failed", error=error, **error.context())
        self.entry.record_failure(error)

    def _turn_off(self, error: AvePointError) -> None:
        if not self.entry.status.off:
            is_final = isinstance(error, NotOfferedError)
            outlook = "" if is_final else "; the collector starts automatically after the permission is granted"
            self._log.info(f"collector is off{outlook}", reason=error, **error.context())
        self.entry.reads, self.entry.customer_up, self.entry.customer_failures = {}, {}, {}
        failure = Failure.of(error, at=self.entry.status.last_attempt)
        self.entry.update_status(up=None, off=True, failure=failure)

    async def _read_account(self, collector: AccountCollector[Any, Any]) -> None:
        records, listed = await collector.read(), self._listed
        # The samples are rendered on a thread, because a long customer list would block the event loop.
        read = await asyncio.to_thread(self._results.of, "", records)
        if self._store is not None and not await self._store.commit("", read, collector.state_of("")):
            return
        if self._listed is not None and self._listed is not listed:  # Customers may have been dropped in the meantime.
            read = read.of_customers(frozenset({"", *self._listed}))
        self.entry.reads[""] = read
        if (error := collector.error(records)) is not None:
            raise error

    def _keep_only(self, customers: Collection[str]) -> None:
        self._listed = customers
        self.entry.keep_only(customers)


async def refresh_all(refreshers: Sequence[Refresher]) -> bool:
    """Refresh all collectors once, concurrently. Return False if at least one collector is down."""
    return all(await asyncio.gather(*(refresher.refresh() for refresher in refreshers)))
