"""The verdicts on the customers of one account.

The verdicts are updated when the entries of the account's collectors change.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from math import inf
from typing import Any, Final, NamedTuple

from exporter.clock import Clock
from exporter.collectors.base import Collector, CustomerCollector, Sample
from exporter.config.expectations import Expectations
from exporter.config.schema import Account
from exporter.engine.samples import SharedSeries
from exporter.engine.snapshot import CollectorEntry, ReadResult, RefreshStatus, SnapshotView
from exporter.health.facts import Source, by_customer, fresh_for
from exporter.health.verdict import AccountVerdict

VERDICT: Final = "verdict"
"""The name for verdicts in views and in the persistent state. It takes the place of a collector's name."""
_SLICE: Final = 0.003  # maximum seconds of work before other tasks can run on the event loop

_BATCH: Final = 200
"""Maximum number of customers whose states are committed together."""

Save = Callable[[Mapping[str, object]], Awaitable[object]]
"""A function that commits states. The argument maps customer ids to states."""
Collectors = Sequence[tuple[Collector[Any, Any], CollectorEntry]]


class _Read(NamedTuple):
    """Samples and their read time, as Unix time.

    Unlike ReadResult, this class keeps no rendered lines.
    """

    samples: Collection[Sample]
    read_at: float


class AccountVerdicts:
    """Updates the verdicts on the customers of one account."""

    def __init__(
        self, account: Account, collectors: Collectors, clock: Clock, *, started: float, save: Save | None = None
    ) -> None:
        """Create an object without verdicts. `started` is the Unix time at which the process started.

        `save` commits states before their verdicts are shown.
        """
        self._account = account.name
        self._collectors = collectors
        self._clock = clock
        self._is_tenant = account.type == "tenant"
        self._verdict = AccountVerdict(account.type, account.expectations, self._sources, started=started)
        self._facts: dict[str, Mapping[str, _Read]] = {}
        self._seen_off: dict[str, bool] = {}
        self._doubtful: dict[str, frozenset[str]] = {}
        self._parts: dict[str, tuple[_Read, Mapping[str, Collection[Sample]]]] = {}
        self._shown: dict[str, ReadResult] = {}
        self._series = SharedSeries()
        self._save = save
        self._unshown: dict[str, None] = {}  # customers whose new verdict is not committed yet
        self._followed: Mapping[str, object] = {}
        self._lock = asyncio.Lock()
        if self._is_tenant:
            self._verdict.mark([""])

    def configure(self, expectations: Expectations) -> None:
        """Apply new expectations without sending requests to AvePoint."""
        self._verdict.configure(expectations)

    def record_list(self, customers: Collection[str]) -> None:
        """Record a new customer list. Customers that are missing from the list are dropped after a day."""
        self._verdict.list_read(customers, self._clock.time())

    def keep_only(self, customers: Collection[str]) -> None:
        """Immediately drop all customers that are not in `customers`."""
        for customer_id in [one for one in self._verdict.customers() if one not in customers]:
            self._verdict.drop(customer_id)

    def customers(self) -> tuple[str, ...]:
        """Return the customers that have a verdict or a stored state."""
        return self._verdict.customers()

    async def settle(self, seconds: float = inf) -> None:
        """Update outdated verdicts for at most `seconds`. Other tasks can run during the update.

        If another call is running, first wait until it ends. If the wait takes longer than `seconds`, do nothing.
        """
        try:
            async with asyncio.timeout(seconds if seconds < inf else None):
                await self._lock.acquire()
        except TimeoutError:
            return
        try:
            await self._find_changes()
            await self._judge(self._clock.monotonic() + seconds)
            await asyncio.sleep(0)
            if not self._unshown:
                self._show_counts()
        finally:
            self._lock.release()

    async def _judge(self, deadline: float) -> None:
        slice_end = self._clock.monotonic() + _SLICE
        for customer_id in self._verdict.steps(self._clock.time()):
            self._unshown[customer_id] = None
            now = self._clock.monotonic()
            if now >= deadline:
                break
            if len(self._unshown) >= _BATCH:
                await self._publish(deadline)
            if now >= slice_end:
                await asyncio.sleep(0)
                slice_end = self._clock.monotonic() + _SLICE
        await self._publish(deadline)

    async def _publish(self, deadline: float) -> None:
        """Commit the new states, and then show the verdicts.

        Without this order, a known problem could look new after a restart. If the commit takes too long, the next call
        shows the verdicts.
        """
        unsaved = self.take_unsaved() if self._save is not None else {}
        if self._save is not None and unsaved:
            try:
                async with asyncio.timeout(deadline - self._clock.monotonic() if deadline < inf else None):
                    await self._save(unsaved)
            except TimeoutError:
                self._verdict.unsaved.update(unsaved)
                return
        for customer_id in self._unshown:
            self._show(customer_id)
        self._unshown.clear()

    def view(self) -> SnapshotView:
        """Return an immutable view of the verdicts. The view has the same type as a collector's view, but no status."""
        return SnapshotView(self._account, VERDICT, inf, RefreshStatus(), dict(self._shown), {})

    def take_unsaved(self) -> Mapping[str, object]:
        """Return the states that changed since the previous call, keyed by customer id.

        The state of a dropped customer is None.
        """
        unsaved, self._verdict.unsaved = self._verdict.unsaved, set()
        return {customer_id: self._verdict.state_of(customer_id) for customer_id in unsaved}

    def states(self) -> Mapping[str, object]:
        """Return the states of all customers as JSON values, keyed by customer id."""
        states = {customer_id: self._verdict.state_of(customer_id) for customer_id in self._verdict.customers()}
        return {customer_id: state for customer_id, state in states.items() if state is not None}

    def load_states(self, states: Mapping[str, object]) -> None:
        """Restore states, keyed by customer id. Raise ValueError if the format of a state is invalid."""
        self._verdict.load(states)

    def follow(self, states: Mapping[str, object]) -> None:
        """Load the states that another process stored, and drop all others. Raise ValueError if a state is invalid."""
        changed = {key: state for key, state in states.items() if self._followed.get(key) != state}
        self.load_states(changed)
        self.keep_only({"", *states})
        self._followed = states

    async def _find_changes(self) -> None:
        for collector, entry in self._collectors:
            name, former = collector.name, self._facts.get(collector.name, {})
            reads = dict(_complete(entry.reads, former))
            self._facts[name] = reads
            if self._is_divided(collector):
                await self._divide(name, reads.get(""))
            else:
                self._verdict.mark(_differing(former, reads))
            await asyncio.sleep(0)
            self._find_doubts(collector, entry)
            if self._seen_off.setdefault(name, entry.status.off) != entry.status.off:
                self._seen_off[name] = entry.status.off
                self._verdict.mark(self._verdict.customers())

    def _find_doubts(self, collector: Collector[Any, Any], entry: CollectorEntry) -> None:
        """Find the customers with doubtful values. Unusable data in the same response may contradict a doubtful value.

        Doubtful values are not fresh, so they neither begin nor end a problem.
        """
        former, doubtful = self._doubtful.get(collector.name, frozenset()), _doubtful(collector, entry)
        self._doubtful[collector.name] = doubtful
        customers, changed = self._verdict.customers(), former ^ doubtful
        self._verdict.mark(customers if "" in changed else changed.intersection(customers))

    def _is_divided(self, collector: Collector[Any, Any]) -> bool:
        """Return whether the collector reads all customers of a partner account at once."""
        return not self._is_tenant and not isinstance(collector, CustomerCollector)

    async def _divide(self, name: str, read: _Read | None) -> None:
        """Group samples by customer. The grouping runs on a thread, because there may be many samples."""
        former, parts = self._parts.get(name, (None, {}))
        if read is former:
            return
        self._verdict.mark(filter(None, parts))
        if read is None:
            del self._parts[name]
            return
        divided = await asyncio.to_thread(by_customer, read.samples)
        self._parts[name] = read, divided
        self._verdict.mark(filter(None, (*divided, *self._verdict.customers())))

    def _sources(self, customer_id: str) -> Mapping[str, Source]:
        return {collector.name: self._source(collector, entry, customer_id) for collector, entry in self._collectors}

    def _source(self, collector: Collector[Any, Any], entry: CollectorEntry, customer_id: str) -> Source:
        doubtful = self._doubtful.get(collector.name, frozenset())
        fresh = 0.0 if not doubtful.isdisjoint({"", customer_id}) else fresh_for(collector.options.interval)
        if self._is_divided(collector):
            read, parts = self._parts.get(collector.name, (None, {}))
            # A row with an unreadable customer id may belong to any customer that has no row.
            samples = parts.get(customer_id, parts.get("", ()))
        else:
            read = self._facts.get(collector.name, {}).get(customer_id)
            samples = () if read is None else read.samples
        return Source(collector.name, samples, None if read is None else read.read_at, fresh, entry.status.off)

    def _show(self, customer_id: str) -> None:
        """Replace the samples of a customer if the samples have changed."""
        if self._is_tenant:
            return  # For a tenant account, `_show_counts` shows these samples.
        self._replace(customer_id, self._verdict.customer_samples(customer_id))

    def _show_counts(self) -> None:
        own = self._verdict.customer_samples("") if self._is_tenant else ()
        self._replace("", (*own, *self._verdict.count_samples()))
        for customer_id in self._shown.keys() - {"", *self._verdict}:
            del self._shown[customer_id]

    def _replace(self, customer_id: str, samples: tuple[Sample, ...]) -> None:
        former = self._shown.get(customer_id)
        if former is None or tuple(former.samples) != samples:
            kept = self._series.samples(customer_id, samples) if customer_id else samples
            self._shown[customer_id] = ReadResult(kept, self._clock.time(), self._clock.monotonic())


def _complete(reads: Mapping[str, ReadResult], former: Mapping[str, _Read]) -> Iterator[tuple[str, _Read]]:
    """Yield the samples of each customer's most recent complete refresh, because a verdict needs complete samples."""
    for customer_id, read in reads.items():
        known = former.get(customer_id)
        if read.is_complete and (known is None or known.samples is not read.samples or known.read_at != read.read_at):
            yield customer_id, _Read(read.samples, read.read_at)
        elif known is not None:
            yield customer_id, known


def _differing(former: Mapping[str, _Read], reads: Mapping[str, _Read]) -> Iterator[str]:
    """Yield the customers whose samples were replaced, added or removed."""
    yield from (customer_id for customer_id, read in reads.items() if former.get(customer_id) is not read)
    yield from former.keys() - reads.keys()


def _doubtful(collector: Collector[Any, Any], entry: CollectorEntry) -> frozenset[str]:
    """Return the customers with doubtful values, or "" if the values of the whole account are doubtful."""
    if isinstance(collector, CustomerCollector):
        return frozenset(key for key, failure in entry.customer_failures.items() if failure.hides_data)
    failure = entry.status.failure
    return frozenset({""} if failure is not None and failure.hides_data else ())
