"""The refreshes of one collector. A failure does not affect other collectors or other customers."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import aclosing
from typing import Any, Final

import structlog
from structlog.contextvars import bound_contextvars

from exporter.clock import Clock
from exporter.collectors.base import AccountCollector, Collector, CustomerCollector, Sample
from exporter.engine.samples import SharedSeries
from exporter.engine.snapshot import CollectorEntry, ReadResult
from exporter.engine.store import Store
from exporter.engine.tally import RefreshTally
from exporter.engine.work_queue import WorkQueue
from exporter.errors import (
    AvePointError,
    Failure,
    ForbiddenError,
    NotOfferedError,
    TokenError,
    TransportError,
    UnauthorizedError,
    UnavailableError,
)

_FIRST_RETRY: Final = 30.0
_MIN_PAUSE: Final = 1.0
_MAX_FAILURES: Final = 10
"""Number of consecutive account-wide errors after which a refresh skips the remaining customers."""
_TRIES: Final = 10
"""Number of customers that a refresh tries, one at a time, before it turns an optional collector off."""
_OF_THE_ACCOUNT: Final = (TransportError, UnavailableError, UnauthorizedError, ForbiddenError)
"""Errors that may affect the whole account. Any other error shows that the account is readable."""


class Refresher:
    """Refreshes one collector of one account and updates its entry in the snapshot. Refreshes do not overlap."""

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
        self._workers = workers
        self._clock = clock
        self._log = log.bind(collector=collector.name)
        self._store = store
        self._ended = ended
        self._series = SharedSeries()
        self._lock = asyncio.Lock()
        self._failing: dict[str, None] = {}  # failed customers, with the most recent failure last
        self._listed: Collection[str] | None = None
        collector.watch_customers(self._keep_only)

    async def run(self) -> None:
        """Refresh at regular intervals until canceled.

        After a failure, retry sooner. The pause doubles after each further failure.
        """
        failures = 0
        while True:
            began = self._clock.monotonic()
            failures = 0 if await self.refresh() else failures + 1
            pause = self._pause(began, failures)
            self.entry.update_status(next_attempt=self._clock.time() + pause)
            await self._clock.sleep(pause)

    async def refresh(self) -> bool:
        """Refresh once, and return whether the collector succeeded or is off. Errors are recorded, not raised."""
        async with self._lock:
            began = self._clock.monotonic()
            self.entry.update_status(last_attempt=self._clock.time(), next_attempt=None)
            self.collector.api_versions.begin()
            try:
                with bound_contextvars(collector=self.collector.name):
                    if isinstance(self.collector, AccountCollector):
                        await self._read_account(self.collector)
                    elif isinstance(self.collector, CustomerCollector):
                        await self._read_customers(self.collector)
            except AvePointError as error:
                if self._may_be_off(error):
                    self._turn_off(error)
                else:
                    self._failed(error)
            except Exception as error:  # noqa: BLE001 - a bug in one collector must not stop the others
                self._log.error("refresh failed unexpectedly", error=error, exc_info=True)
                self._failed(AvePointError(f"unexpected {type(error).__name__}", hint="please report this"))
            else:
                self._succeeded()
            api_version = self.collector.api_versions.answered or ""
            self.entry.record_end(self._clock.monotonic() - began, api_version=api_version)
            self.first_ended.set()
            if self._store is not None:
                failed = [customer_id for customer_id, is_up in self.entry.customer_up.items() if not is_up]
                await self._store.finish(self.entry.reads, self.collector.state_ids(), self.entry.status, failed)
            await self._after()
            return bool(self.entry.status.up or self.entry.status.off)

    async def _after(self) -> None:
        if self._ended is not None:
            try:
                await self._ended()
            except Exception as error:  # noqa: BLE001 - a bug in the callback must not stop the refreshes
                self._log.error("callback failed after a refresh", error=error, exc_info=True)

    def _pause(self, began: float, failures: int) -> float:
        interval, now = self.collector.options.interval, self._clock.monotonic()
        if failures:
            return float(min(interval, _FIRST_RETRY * 2 ** min(failures - 1, 10)))
        return float(max(_MIN_PAUSE, began + interval - now))

    def _succeeded(self) -> None:
        if not self.entry.status.up:
            self._log.info("refreshed", samples=sum(len(read.samples) for read in self.entry.reads.values()))
        self.entry.update_status(up=True, off=False, last_success=self._clock.time(), failure=None)

    def _failed(self, error: AvePointError) -> None:
        self._log.error("refresh failed", error=error, **error.context())
        self.entry.record_failure(error)

    def _may_be_off(self, error: AvePointError) -> bool:
        """Return whether an error turns the collector off instead of marking it as down.

        A collector is off if AvePoint does not offer the data, or if the permission has never been granted.
        """
        is_optional = self.collector.optional and "enabled" not in self.collector.options.model_fields_set
        never_worked = not self.entry.reads
        return is_optional and (isinstance(error, NotOfferedError) or (error.means_not_granted and never_worked))

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
        # The samples of the customer list are rendered on a thread, because there may be too many for the event loop.
        read = await asyncio.to_thread(self._result, "", records)
        if self._store is not None and not await self._store.commit("", read, collector.state_of("")):
            return
        if self._listed is not None and self._listed is not listed:  # Customers may have left the list meanwhile.
            read = read.of_customers(frozenset({"", *self._listed}))
        self.entry.reads[""] = read
        if (error := collector.error(records)) is not None:
            raise error

    def _keep_only(self, customers: Collection[str]) -> None:
        self._listed = customers
        self.entry.keep_only(customers)

    def _result(self, customer_id: str, records: object) -> ReadResult:
        """Convert records to samples, and render the lines of the samples."""
        distinct: dict[tuple[str, tuple[str, ...]], Sample] = {}
        for sample in self.collector.samples(records, customer_id):
            if distinct.setdefault((sample.family.name, sample.labels), sample) is not sample:
                self._log.error("duplicate series dropped", family=sample.family.name)
        samples: Collection[Sample] = tuple(distinct.values())
        if customer_id:
            samples = self._series.samples(customer_id, samples)
        is_complete = self.collector.error(records) is None
        read = ReadResult(samples, self._clock.time(), self._clock.monotonic(), is_complete=is_complete)
        read.lines(self.entry.account)  # rendered here, and not during a scrape
        return read

    async def _read_customers(self, collector: CustomerCollector[Any, Any]) -> None:
        """Read all customers with several workers, which start while the customers are still being listed.

        Raise AvePointError if no customer could be read, or if an error affects the whole account.
        """
        tally = RefreshTally()
        async with aclosing(collector.customer_ids()) as ids:
            queue = WorkQueue(ids, self._failing)
            if collector.optional and not self.entry.reads:
                await self._try(collector, queue, tally)
            async with asyncio.TaskGroup() as group:
                if not collector.optional:
                    group.create_task(collector.token_ahead())
                for _ in range(self._workers):
                    group.create_task(self._work(collector, queue, tally))
            skipped = [one for one in await queue.rest() if collector.is_customer(one)]
        if queue.error is not None:
            unlisted = [one for one in self.entry.customer_up if one not in queue.taken]
            self.entry.record_skipped([*skipped, *unlisted], queue.error)
            raise queue.error
        self.entry.keep_only(queue.taken)
        self._failing = {customer: None for customer in self._failing if customer in queue.taken}
        if tally.fatal is not None:
            self.entry.record_skipped(skipped, tally.fatal)
        # If all skipped customers had failed in an earlier refresh, the error does not affect the whole account.
        if isinstance(tally.fatal, TokenError) or (tally.fatal and any(one not in self._failing for one in skipped)):
            raise tally.fatal
        if tally.first_error is not None and tally.read == 0:
            raise tally.first_error

    async def _try(self, collector: CustomerCollector[Any, Any], queue: WorkQueue, tally: RefreshTally) -> None:
        """Read up to `_TRIES` customers one at a time, to find out whether the permission is granted.

        Raise AvePointError if no customer could be read and the permission was missing for at least one of them.
        """
        tally.is_trying = True
        for _ in range(_TRIES):
            if tally.fatal is None and (customer_id := await queue.take()) is not None:
                await self._read_customer(collector, customer_id, tally)
        tally.is_trying = False
        if tally.refused and not tally.read:
            # The next refresh reads these customers last, so that other customers are tried first.
            self._failing = {**self._failing, **dict.fromkeys(tally.refused)}
            # If every error is about a missing permission, raising one of them turns the collector off.
            raise tally.first_error or next(iter(tally.refused.values()))
        for customer_id, error in tally.refused.items():
            self._customer_failed(collector, customer_id, error, tally)

    async def _work(self, collector: CustomerCollector[Any, Any], queue: WorkQueue, tally: RefreshTally) -> None:
        while tally.fatal is None and (customer_id := await queue.take()) is not None:
            await self._read_customer(collector, customer_id, tally)
        queue.close()

    async def _read_customer(
        self, collector: CustomerCollector[Any, Any], customer_id: str, tally: RefreshTally
    ) -> None:
        try:
            with bound_contextvars(customer_id=customer_id):
                records = await collector.read(customer_id)
            if collector.is_customer(customer_id):  # The customer may have left the list during the read.
                await self._record_customer(collector, customer_id, records, tally)
        except AvePointError as error:
            if tally.is_trying and self._may_be_off(error):
                tally.refused[customer_id] = error
            else:
                self._customer_failed(collector, customer_id, error, tally)
        except Exception as error:  # noqa: BLE001 - a bug must not stop the refresh of other customers
            self._log.error("customer failed unexpectedly", customer_id=customer_id, error=error, exc_info=True)
            unexpected = AvePointError(f"unexpected {type(error).__name__}", hint="please report this")
            self._customer_failed(collector, customer_id, unexpected, tally)
        else:
            self._failing.pop(customer_id, None)
            tally.read, tally.in_a_row = tally.read + 1, 0

    async def _record_customer(
        self, collector: CustomerCollector[Any, Any], customer_id: str, records: object, tally: RefreshTally
    ) -> None:
        """Store the samples from a customer's records and add them to the entry, even if some records are missing.

        Raise AvePointError if the records are incomplete.
        """
        read, error = self._result(customer_id, records), collector.error(records)
        # Counters must not decrease after a restart, so the samples are stored before a scrape can return them.
        state, is_owned = collector.state_of(customer_id), True
        if self._store is not None:
            is_owned = await self._store.commit(customer_id, read, state)
        # The customer may have left the list during the commit, or a newer process may own it.
        if not is_owned or not collector.is_customer(customer_id):
            return
        if error is None:
            self.entry.record_read(customer_id, read)
            return
        self.entry.reads[customer_id] = read
        tally.read += 1  # Even incomplete records show that the account is readable.
        raise error

    def _customer_failed(
        self, collector: CustomerCollector[Any, Any], customer_id: str, error: AvePointError, tally: RefreshTally
    ) -> None:
        if collector.licensed_per_customer and self.entry.drop_unlicensed(customer_id, error):
            self._log.debug("customer has no license", customer_id=customer_id, error=error, **error.context())
            return
        tally.first_error = tally.first_error or error
        tally.in_a_row = tally.in_a_row + 1 if isinstance(error, _OF_THE_ACCOUNT) else 0
        if isinstance(error, TokenError) or tally.in_a_row >= max(_MAX_FAILURES, 2 * self._workers):
            tally.fatal = tally.fatal or error
        if not collector.is_customer(customer_id):
            return  # The customer left the list during the read.
        log = self._log.debug if self.entry.customer_up.get(customer_id) is False else self._log.warning
        log("customer not read", customer_id=customer_id, error=error, **error.context())
        self.entry.record_customer_failure(customer_id, error)
        self._failing.pop(customer_id, None)
        self._failing[customer_id] = None


async def refresh_all(refreshers: Sequence[Refresher]) -> bool:
    """Refresh all collectors once, concurrently, and return whether every collector succeeded or is off."""
    return all(await asyncio.gather(*(refresher.refresh() for refresher in refreshers)))
