"""When each collector runs, and that one failing collector or customer harms no other."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from exporter.clock import Clock
from exporter.collectors.base import AccountCollector, Collector, CustomerCollector, Sample
from exporter.errors import AvePointError, TokenError
from exporter.snapshot import Entry, Known

_FIRST_RETRY: Final = 30.0
_LEAST_PAUSE: Final = 1.0
_HOPELESS: Final = 10
"""Failures in a row, with no success between, after which the remaining customers are not tried."""


@dataclass(slots=True)
class _Tally:
    """How reading the customers of one refresh goes."""

    read: int = 0
    failed: int = 0
    in_a_row: int = 0
    first_error: AvePointError | None = None
    fatal: AvePointError | None = None


class Refresher:
    """Refreshes one collector of one account into its entry; never overlaps itself."""

    def __init__(
        self,
        collector: Collector[Any, Any],
        entry: Entry,
        *,
        workers: int,
        clock: Clock,
        log: structlog.stdlib.BoundLogger,
        keep: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.collector = collector
        self.entry = entry
        self.first_ended = asyncio.Event()
        self._workers = workers
        self._clock = clock
        self._log = log.bind(collector=collector.name)
        self._keep = keep
        self._running = asyncio.Lock()
        if isinstance(collector, CustomerCollector):
            collector.watch_customers(entry.keep_only)

    async def run(self) -> None:
        """Refresh on the interval for ever; sooner after a failure, ever later while it lasts."""
        failures = 0
        while True:
            began = self._clock.monotonic()
            failures = 0 if await self.refresh() else failures + 1
            await self._clock.sleep(self._pause(began, failures))

    async def refresh(self) -> bool:
        """Refresh once, whatever happens; tells whether the account could be read."""
        async with self._running:
            began = self._clock.monotonic()
            self.entry.note(last_attempt=self._clock.time())
            self.collector.generations.begin()
            try:
                await self._read()
            except AvePointError as error:
                self._failed(error)
            except Exception as error:  # noqa: BLE001 - a mistake of ours in one collector must not end the others
                self._log.error("refresh failed unexpectedly", error=error, exc_info=True)
                self._failed(AvePointError(f"unexpected {type(error).__name__}", hint="please report this"))
            else:
                self._succeeded()
            self.entry.note(
                duration=self._clock.monotonic() - began, generation=self.collector.generations.answered or ""
            )
            self.first_ended.set()
            if self._keep is not None:
                await self._keep()
            return bool(self.entry.status.up)

    def _pause(self, began: float, failures: int) -> float:
        interval, now = self.collector.options.interval, self._clock.monotonic()
        if failures:
            return float(min(interval, _FIRST_RETRY * 2 ** min(failures - 1, 10)))
        return float(max(_LEAST_PAUSE, began + interval - now))

    def _succeeded(self) -> None:
        if not self.entry.status.up:
            self._log.info("refreshed", samples=sum(len(known.samples) for known in self.entry.known.values()))
        self.entry.note(up=True, last_success=self._clock.time(), error="", hint="")

    def _failed(self, error: AvePointError) -> None:
        self._log.error("refresh failed", error=error, **error.context())
        self.entry.note(up=False, error=str(error), hint=error.hint)

    async def _read(self) -> None:
        if isinstance(self.collector, AccountCollector):
            self._publish("", await self.collector.read())
        elif isinstance(self.collector, CustomerCollector):
            await self._read_customers(self.collector)

    def _publish(self, customer_id: str, records: object) -> None:
        """Put what was read in the place of what was known, at once."""
        samples = self._distinct(self.collector.samples(records, customer_id))
        self.entry.known[customer_id] = Known(samples, self._clock.time(), self._clock.monotonic())

    def _distinct(self, samples: Iterable[Sample]) -> tuple[Sample, ...]:
        kept: dict[tuple[str, tuple[str, ...]], Sample] = {}
        for sample in samples:
            if kept.setdefault((sample.family.name, sample.labels), sample) is not sample:
                self._log.error("a series twice; the second is left out", family=sample.family.name)
        return tuple(kept.values())

    async def _read_customers(self, collector: CustomerCollector[Any, Any]) -> None:
        """Read every customer by a fixed set of workers; raises the error if none could be read."""
        customers = await collector.customer_ids()
        self.entry.keep_only(customers)
        tally, waiting = _Tally(), iter(customers)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._workers, len(customers))):
                group.create_task(self._work(collector, waiting, tally))
        for unread in waiting:
            self.entry.customer_up[unread] = False
        if tally.fatal is not None:
            raise tally.fatal
        if tally.first_error is not None and tally.read == 0:
            raise tally.first_error

    async def _work(self, collector: CustomerCollector[Any, Any], waiting: Iterable[str], tally: _Tally) -> None:
        for customer_id in waiting:
            try:
                records = await collector.read(customer_id)
                if not collector.is_customer(customer_id):
                    continue  # it left while it was read
                self._publish(customer_id, records)
            except AvePointError as error:
                self._customer_failed(customer_id, error, tally)
            except Exception as error:  # noqa: BLE001 - nor may it in one customer
                self._log.error("customer failed unexpectedly", customer_id=customer_id, error=error, exc_info=True)
                self._customer_failed(customer_id, AvePointError(f"unexpected {type(error).__name__}"), tally)
            else:
                self.entry.customer_up[customer_id] = True
                tally.read, tally.in_a_row = tally.read + 1, 0
            if tally.fatal is not None:
                return

    def _customer_failed(self, customer_id: str, error: AvePointError, tally: _Tally) -> None:
        log = self._log.debug if self.entry.customer_up.get(customer_id) is False else self._log.warning
        log("customer not read", customer_id=customer_id, error=error, **error.context())
        self.entry.customer_up[customer_id] = False
        tally.failed, tally.in_a_row = tally.failed + 1, tally.in_a_row + 1
        tally.first_error = tally.first_error or error
        if isinstance(error, TokenError) or tally.in_a_row >= max(_HOPELESS, 2 * self._workers):
            tally.fatal = tally.fatal or error


async def refresh_all(refreshers: Sequence[Refresher]) -> bool:
    """Refresh each once, at the same time; tells whether all could be read."""
    return all(await asyncio.gather(*(refresher.refresh() for refresher in refreshers)))
