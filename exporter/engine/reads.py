"""Refresh the customers of one collector, and convert their records to samples."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import aclosing
from typing import Any, Final

import structlog
from structlog.contextvars import bound_contextvars

from exporter.clock import Clock
from exporter.collectors.base import Collector, CustomerCollector, Sample
from exporter.engine.failing import FailingCustomers
from exporter.engine.samples import SharedSeries
from exporter.engine.snapshot import CollectorEntry, ReadResult
from exporter.engine.storage.store import Store
from exporter.engine.tally import RefreshTally
from exporter.engine.work_queue import WorkQueue
from exporter.errors import (
    AvePointError,
    ForbiddenError,
    NotOfferedError,
    TokenError,
    TransportError,
    UnauthorizedError,
    UnavailableError,
)

_MAX_FAILURES: Final = 10
"""A refresh skips the remaining customers only after at least this number of consecutive account-wide errors."""
_TRIES: Final = 10
"""Number of customers to try, one at a time, before an optional collector is turned off."""
_OF_THE_ACCOUNT: Final = (TransportError, UnavailableError, UnauthorizedError, ForbiddenError)
"""Errors that may affect all customers of an account. All other errors affect only one customer."""


class Results:
    """Converts the records that a collector has read for an account to samples."""

    def __init__(
        self, collector: Collector[Any, Any], account: str, clock: Clock, log: structlog.stdlib.BoundLogger
    ) -> None:
        self._collector = collector
        self._account = account
        self._clock = clock
        self._log = log
        self._series = SharedSeries()

    def of(self, customer_id: str, records: object) -> ReadResult:
        """Convert a customer's records to samples, and render the samples as lines of text."""
        distinct: dict[tuple[str, tuple[str, ...]], Sample] = {}
        for sample in self._collector.samples(records, customer_id):
            if distinct.setdefault((sample.family.name, sample.labels), sample) is not sample:
                self._log.error("duplicate series dropped", family=sample.family.name)
        samples: Collection[Sample] = tuple(distinct.values())
        if customer_id:
            samples = self._series.samples(customer_id, samples)
        is_complete = self._collector.error(records) is None
        read = ReadResult(samples, self._clock.time(), self._clock.monotonic(), is_complete=is_complete)
        read.lines(self._account)  # Rendering the lines here keeps scrapes fast.
        return read


class CustomerReader:
    """Reads an account's customers for one collector, with several concurrent workers."""

    def __init__(
        self,
        collector: CustomerCollector[Any, Any],
        entry: CollectorEntry,
        results: Results,
        *,
        workers: int,
        clock: Clock,
        log: structlog.stdlib.BoundLogger,
        store: Store | None,
    ) -> None:
        self._collector = collector
        self._entry = entry
        self._results = results
        self._workers = workers
        self._log = log
        self._store = store
        self._failing = FailingCustomers(clock, collector.options.interval)

    async def read(self) -> None:
        """Read all customers with several workers. The workers start before the customer list is complete.

        Raise AvePointError if no customer could be read, or if an error affects the whole account.
        """
        tally = RefreshTally()
        async with aclosing(self._collector.customer_ids()) as ids:
            queue = WorkQueue(ids, tuple(self._failing))
            if self._collector.optional and not self._entry.reads:
                await self._try(queue, tally)
            async with asyncio.TaskGroup() as group:
                if not self._collector.optional:
                    group.create_task(self._collector.token_ahead())
                for _ in range(self._workers):
                    group.create_task(self._work(queue, tally))
            skipped = [one for one in await queue.rest() if self._collector.is_customer(one)]
        if queue.error is not None:
            unlisted = [one for one in self._entry.customer_up if one not in queue.taken]
            self._entry.record_skipped([*skipped, *unlisted], queue.error)
            raise queue.error
        self._entry.keep_only(queue.taken)
        self._failing.keep_only(queue.taken)
        if tally.fatal is not None:
            self._entry.record_skipped(skipped, tally.fatal)
        # If all skipped customers already failed in earlier refreshes, the error probably does not affect the whole
        # account.
        if isinstance(tally.fatal, TokenError) or (tally.fatal and any(one not in self._failing for one in skipped)):
            raise tally.fatal
        if tally.first_error is not None and tally.read == 0:
            raise tally.first_error

    @property
    def next_retry(self) -> float:
        """The monotonic time of the next retry, or infinity if no customer failed."""
        return self._failing.next_retry()

    async def retry(self) -> None:
        """Retry the failed customers whose retry is due. Errors are recorded, not raised."""
        due, tally = self._failing.due(), RefreshTally()
        queue = WorkQueue(_each(filter(self._collector.is_customer, due)), ())
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._workers, len(due))):
                group.create_task(self._work(queue, tally))
        for customer_id in due:
            if not self._collector.is_customer(customer_id):
                self._failing.remove(customer_id)
            elif customer_id not in queue.taken:  # An account-wide error ended the retries.
                self._failing.add(customer_id)

    async def _try(self, queue: WorkQueue, tally: RefreshTally) -> None:
        """Read up to `_TRIES` customers one after another, to check whether the permission is granted.

        If all customers failed and at least one error indicates a missing permission, raise AvePointError.
        """
        tally.is_trying = True
        for _ in range(_TRIES):
            if tally.fatal is None and (customer_id := await queue.take()) is not None:
                await self._read_customer(customer_id, tally)
        tally.is_trying = False
        if tally.refused and not tally.read:
            # The next refresh tries all other customers before these customers.
            for customer_id in tally.refused:
                self._failing.add(customer_id)
            # If every error indicates a missing permission, the raised error turns the collector off.
            raise tally.first_error or next(iter(tally.refused.values()))
        for customer_id, error in tally.refused.items():
            self._customer_failed(customer_id, error, tally)

    async def _work(self, queue: WorkQueue, tally: RefreshTally) -> None:
        while tally.fatal is None and (customer_id := await queue.take()) is not None:
            await self._read_customer(customer_id, tally)
        queue.close()

    async def _read_customer(self, customer_id: str, tally: RefreshTally) -> None:
        try:
            with bound_contextvars(customer_id=customer_id):
                records = await self._collector.read(customer_id)
            if self._collector.is_customer(customer_id):  # The customer may have been dropped during the request.
                await self._record_customer(customer_id, records, tally)
        except AvePointError as error:
            if tally.is_trying and may_turn_off(self._collector, self._entry, error):
                tally.refused[customer_id] = error
            else:
                self._customer_failed(customer_id, error, tally)
        except Exception as error:  # noqa: BLE001 - a bug with one customer must not stop the refresh of other customers
            self._log.error("customer failed unexpectedly", customer_id=customer_id, error=error, exc_info=True)
            unexpected = AvePointError(f"unexpected {type(error).__name__}", hint="please report this")
            self._customer_failed(customer_id, unexpected, tally)
        else:
            self._failing.remove(customer_id)
            tally.read, tally.in_a_row = tally.read + 1, 0

    async def _record_customer(self, customer_id: str, records: object, tally: RefreshTally) -> None:
        """Store a customer's samples and add them to the snapshot entry, even if some records are missing.

        Raise AvePointError if the records are incomplete.
        """
        read, error = self._results.of(customer_id, records), self._collector.error(records)
        # Store the samples before a scrape can return them. Otherwise, counters could decrease after a restart.
        state, is_owned = self._collector.state_of(customer_id), True
        if self._store is not None:
            is_owned = await self._store.commit(customer_id, read, state)
        # During the commit, the customer may have left the list, or a newer process may have taken over the customer.
        if not is_owned or not self._collector.is_customer(customer_id):
            return
        if error is None:
            self._entry.record_read(customer_id, read)
            return
        self._entry.reads[customer_id] = read
        tally.read += 1  # Even incomplete records prove that the account works.
        raise error

    def _customer_failed(self, customer_id: str, error: AvePointError, tally: RefreshTally) -> None:
        if self._collector.licensed_per_customer and self._entry.drop_unlicensed(customer_id, error):
            self._log.debug("customer has no license", customer_id=customer_id, error=error, **error.context())
            self._failing.remove(customer_id)
            return
        tally.first_error = tally.first_error or error
        tally.in_a_row = tally.in_a_row + 1 if isinstance(error, _OF_THE_ACCOUNT) else 0
        if isinstance(error, TokenError) or tally.in_a_row >= max(_MAX_FAILURES, 2 * self._workers):
            tally.fatal = tally.fatal or error
        if not self._collector.is_customer(customer_id):
            return  # The customer was dropped during the request.
        log = self._log.debug if self._entry.customer_up.get(customer_id) is False else self._log.warning
        log("customer failed", customer_id=customer_id, error=error, **error.context())
        self._entry.record_customer_failure(customer_id, error)
        self._failing.add(customer_id)


async def _each(customer_ids: Iterable[str]) -> AsyncIterator[str]:
    for customer_id in customer_ids:
        yield customer_id


def may_turn_off(collector: Collector[Any, Any], entry: CollectorEntry, error: AvePointError) -> bool:
    """Return whether an error turns an optional collector off.

    The collector is turned off if its data is not offered, or if its permission has never been granted.
    """
    is_optional = collector.optional and "enabled" not in collector.options.model_fields_set
    never_worked = not entry.reads
    return is_optional and (isinstance(error, NotOfferedError) or (error.means_not_granted and never_worked))
