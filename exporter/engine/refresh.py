"""When each collector runs, and that one failing collector or customer harms no other."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from structlog.contextvars import bound_contextvars

from exporter.clock import Clock
from exporter.collectors.base import AccountCollector, Collector, CustomerCollector, Sample
from exporter.engine.shared_samples import SharedSeries
from exporter.engine.snapshot import CollectorEntry, ReadResult
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

Prepare = Callable[[str, ReadResult, ReadResult | None], None]
"""Gets ready to show what an account's read brought, in the place of a former read's."""

_FIRST_RETRY: Final = 30.0
_LEAST_PAUSE: Final = 1.0
_HOPELESS: Final = 10
"""Failures of the whole account's kind in a row after which the remaining customers are not tried."""
_TRIES: Final = 10
"""Customers that must refuse an optional collector, one after the other, before it is off."""
_OF_THE_ACCOUNT: Final = (TransportError, UnavailableError, UnauthorizedError, ForbiddenError)
"""What says nothing of the customer that was asked for; anything else shows that AvePoint answers."""


@dataclass(slots=True)
class _RefreshTally:
    """How reading the customers of one refresh goes."""

    read: int = 0
    in_a_row: int = 0
    first_error: AvePointError | None = None
    fatal: AvePointError | None = None
    is_trying: bool = False
    refused: dict[str, AvePointError] = field(default_factory=dict)

    def goes_on(self) -> bool:
        """Tell whether it is worth while to ask for more customers."""
        return self.fatal is None


class Refresher:
    """Refreshes one collector of one account into its entry; never overlaps itself."""

    def __init__(
        self,
        collector: Collector[Any, Any],
        entry: CollectorEntry,
        *,
        workers: int,
        clock: Clock,
        log: structlog.stdlib.BoundLogger,
        keep: Callable[[], Awaitable[None]] | None = None,
        prepare: Prepare | None = None,
    ) -> None:
        self.collector = collector
        self.entry = entry
        self.first_ended = asyncio.Event()
        self._workers = workers
        self._clock = clock
        self._log = log.bind(collector=collector.name)
        self._keep = keep
        self._prepare = prepare
        self._series = SharedSeries()
        self._running = asyncio.Lock()
        self._is_unstored = False
        self._failing: dict[str, None] = {}  # customers, the one that failed last at the end
        self._listed: Collection[str] | None = None
        collector.watch_customers(self._keep_only)

    async def run(self) -> None:
        """Refresh on the interval for ever; sooner after a failure, ever later while it lasts."""
        failures = 0
        while True:
            began = self._clock.monotonic()
            failures = 0 if await self.refresh() else failures + 1
            pause = self._pause(began, failures)
            self.entry.note(next_attempt=self._clock.time() + pause)
            await self._clock.sleep(pause)

    async def refresh(self) -> bool:
        """Refresh once, whatever happens; tells whether the account could be read."""
        async with self._running:
            began, self._is_unstored = self._clock.monotonic(), True
            self.entry.note(last_attempt=self._clock.time(), next_attempt=None)
            self.collector.api_versions.begin()
            try:
                with bound_contextvars(collector=self.collector.name):
                    await self._read()
            except AvePointError as error:
                if self._may_be_off(error):
                    self._turn_off(error)
                else:
                    self._failed(error)
            except Exception as error:  # noqa: BLE001 - a mistake of ours in one collector must not end the others
                self._log.error("refresh failed unexpectedly", error=error, exc_info=True)
                self._failed(AvePointError(f"unexpected {type(error).__name__}", hint="please report this"))
            else:
                self._succeeded()
            api_version = self.collector.api_versions.answered or ""
            self.entry.ended(self._clock.monotonic() - began, api_version=api_version)
            self.first_ended.set()
            await self.store()
            return bool(self.entry.status.up or self.entry.status.off)

    async def store(self) -> None:
        """Keep what a refresh found, also of one that was cut short; nothing where it is kept already."""
        if self._keep is None or not self._is_unstored:
            return
        self._is_unstored = False
        try:
            await self._keep()
        except Exception as error:  # noqa: BLE001 - what cannot be stored costs a restart, never the next refresh
            self._log.error("state not stored", error=error, exc_info=True)

    def _pause(self, began: float, failures: int) -> float:
        interval, now = self.collector.options.interval, self._clock.monotonic()
        if failures:
            return float(min(interval, _FIRST_RETRY * 2 ** min(failures - 1, 10)))
        return float(max(_LEAST_PAUSE, began + interval - now))

    def _succeeded(self) -> None:
        if not self.entry.status.up:
            self._log.info("refreshed", samples=sum(len(known.samples) for known in self.entry.reads.values()))
        self.entry.note(up=True, off=False, last_success=self._clock.time(), failure=None)

    def _failed(self, error: AvePointError) -> None:
        self._log.error("refresh failed", error=error, **error.context())
        self.entry.failed(error)

    def _may_be_off(self, error: AvePointError) -> bool:
        """Tell whether a refusal only means that the permission was never granted; what has worked must go on to."""
        is_optional = self.collector.optional and "enabled" not in self.collector.options.model_fields_set
        has_worked = bool(self.entry.reads)
        return is_optional and (isinstance(error, NotOfferedError) or (error.means_not_granted and not has_worked))

    def _turn_off(self, error: AvePointError) -> None:
        if not self.entry.status.off:
            outlook = "" if isinstance(error, NotOfferedError) else "; it begins by itself once permitted"
            self._log.info(f"collector is off{outlook}", reason=error, **error.context())
        self.entry.reads, self.entry.customer_up, self.entry.customer_failures = {}, {}, {}
        self.entry.note(up=None, off=True, failure=Failure.of(error, at=self.entry.status.last_attempt))

    async def _read(self) -> None:
        if isinstance(self.collector, AccountCollector):
            await self._read_account(self.collector)
        elif isinstance(self.collector, CustomerCollector):
            await self._read_customers(self.collector)

    async def _read_account(self, collector: AccountCollector[Any, Any]) -> None:
        records, listed = await collector.read(), self._listed
        # What lists every customer is large, so it is not made ready on the event loop.
        known = await asyncio.to_thread(self._known, "", records)
        if self._listed is not None and self._listed is not listed:  # some may have left meanwhile
            known = known.of_customers(frozenset({"", *self._listed}))
        self.entry.reads[""] = known

    def _keep_only(self, customers: Collection[str]) -> None:
        self._listed = customers
        self.entry.keep_only(customers)

    def _publish(self, customer_id: str, records: object) -> None:
        """Put what was read in the place of what was known, at once."""
        self.entry.reads[customer_id] = self._known(customer_id, records)

    def _known(self, customer_id: str, records: object) -> ReadResult:
        """Make what was read ready to take the place of what was known."""
        samples: Collection[Sample] = self._distinct(self.collector.samples(records, customer_id))
        if customer_id:
            samples = self._series.samples(customer_id, samples)
        known = ReadResult(samples, self._clock.time(), self._clock.monotonic())
        if self._prepare is not None:
            self._prepare(self.entry.account, known, self.entry.reads.get(customer_id))
        return known

    def _distinct(self, samples: Iterable[Sample]) -> Collection[Sample]:
        kept: dict[tuple[str, tuple[str, ...]], Sample] = {}
        for sample in samples:
            if kept.setdefault((sample.family.name, sample.labels), sample) is not sample:
                self._log.error("a series twice; the second is left out", family=sample.family.name)
        return tuple(kept.values())

    async def _read_customers(self, collector: CustomerCollector[Any, Any]) -> None:
        """Read every customer by a fixed set of workers, as they are listed; raises the error if none could be read."""
        tally = _RefreshTally()
        async with aclosing(collector.customer_ids()) as ids:
            queue = WorkQueue(ids, self._failing)
            if collector.optional and not self.entry.reads:
                await self._try(collector, queue, tally)
            async with asyncio.TaskGroup() as group:
                if not collector.optional:
                    group.create_task(collector.token_ahead())
                for _ in range(self._workers):
                    group.create_task(self._work(collector, queue, tally))
            unread = [one for one in await queue.rest() if collector.is_customer(one)]
        if queue.error is not None:
            unknown = [one for one in self.entry.customer_up if one not in queue.given]
            self.entry.customers_skipped([*unread, *unknown], queue.error)
            raise queue.error
        self.entry.keep_only(queue.given)
        self._failing = {customer: None for customer in self._failing if customer in queue.given}
        if tally.fatal is not None:
            self.entry.customers_skipped(unread, tally.fatal)
        # Giving up on customers that failed before is no news; the account could still be read.
        if isinstance(tally.fatal, TokenError) or (tally.fatal and any(one not in self._failing for one in unread)):
            raise tally.fatal
        if tally.first_error is not None and tally.read == 0:
            raise tally.first_error

    async def _try(self, collector: CustomerCollector[Any, Any], queue: WorkQueue, tally: _RefreshTally) -> None:
        """Read a few customers one by one; raises the error if none can be read and one refuses."""
        tally.is_trying = True
        for _ in range(_TRIES):
            if tally.goes_on() and (customer_id := await queue.next()) is not None:
                await self._read_customer(collector, customer_id, tally)
        tally.is_trying = False
        if tally.refused and not tally.read:
            self._failing = {**self._failing, **dict.fromkeys(tally.refused)}  # so that the next time others are asked
            # Only a refusal by all of them says that the permission was not granted.
            raise tally.first_error or next(iter(tally.refused.values()))
        for customer_id, error in tally.refused.items():
            self._customer_failed(collector, customer_id, error, tally)

    async def _work(self, collector: CustomerCollector[Any, Any], queue: WorkQueue, tally: _RefreshTally) -> None:
        while tally.goes_on() and (customer_id := await queue.next()) is not None:
            await self._read_customer(collector, customer_id, tally)
            if not tally.goes_on():
                queue.close()

    async def _read_customer(
        self, collector: CustomerCollector[Any, Any], customer_id: str, tally: _RefreshTally
    ) -> None:
        try:
            with bound_contextvars(customer_id=customer_id):
                records = await collector.read(customer_id)
            if collector.is_customer(customer_id):  # else it left while it was read
                self._publish(customer_id, records)
                self.entry.customer_read(customer_id)
        except AvePointError as error:
            if tally.is_trying and self._may_be_off(error):
                tally.refused[customer_id] = error
            else:
                self._customer_failed(collector, customer_id, error, tally)
        except Exception as error:  # noqa: BLE001 - nor may it in one customer
            self._log.error("customer failed unexpectedly", customer_id=customer_id, error=error, exc_info=True)
            unexpected = AvePointError(f"unexpected {type(error).__name__}", hint="please report this")
            self._customer_failed(collector, customer_id, unexpected, tally)
        else:
            self._failing.pop(customer_id, None)
            tally.read, tally.in_a_row = tally.read + 1, 0

    def _customer_failed(
        self, collector: CustomerCollector[Any, Any], customer_id: str, error: AvePointError, tally: _RefreshTally
    ) -> None:
        tally.first_error = tally.first_error or error
        tally.in_a_row = tally.in_a_row + 1 if isinstance(error, _OF_THE_ACCOUNT) else 0
        if isinstance(error, TokenError) or tally.in_a_row >= max(_HOPELESS, 2 * self._workers):
            tally.fatal = tally.fatal or error
        if not collector.is_customer(customer_id):
            return  # it left while it was read
        log = self._log.debug if self.entry.customer_up.get(customer_id) is False else self._log.warning
        log("customer not read", customer_id=customer_id, error=error, **error.context())
        self.entry.customer_failed(customer_id, error)
        self._failing.pop(customer_id, None)
        self._failing[customer_id] = None


async def refresh_all(refreshers: Sequence[Refresher]) -> bool:
    """Refresh each once, at the same time; tells whether all could be read."""
    return all(await asyncio.gather(*(refresher.refresh() for refresher in refreshers)))
