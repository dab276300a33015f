"""The verdicts on all customers of one account. Each verdict is cached until it is outdated."""

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from exporter.collectors.base import Sample
from exporter.config.expectations import Expectations, ProblemName
from exporter.config.schema import AccountType
from exporter.health.facts import Facts, Source
from exporter.health.families import count_samples, customer_samples
from exporter.health.findings import View
from exporter.health.judge import CustomerVerdict, Rules, judge
from exporter.health.limits import AccountLimits
from exporter.health.memory import Memory
from exporter.health.registry import collectors_of

Sources = Callable[[str], Mapping[str, Source]]
"""A function that returns a customer's sources, keyed by collector. The argument is the customer id."""

_KEPT_ABSENT: Final = 86_400.0
"""Seconds to keep a customer's problems after the customer has left the customer list."""


class AccountVerdict:
    """The verdicts on the customers of one account. A tenant account has a single customer with the id ""."""

    def __init__(
        self, account_type: AccountType, expectations: Expectations, sources: Sources, *, started: float
    ) -> None:
        """Create an object without verdicts. `started` is the Unix time at which the process started."""
        self._is_tenant = account_type == "tenant"
        self._collectors = collectors_of(account_type)
        self._limits = AccountLimits(expectations)
        self._sources = sources
        self._started = started
        self._verdicts: dict[str, CustomerVerdict] = {}
        self._memories: dict[str, Memory] = {}
        self._absent_since: dict[str, float] = {}
        self._changed: dict[str, None] = {}
        self._expiries: list[tuple[float, str]] = []
        self.unsaved: set[str] = set()
        """Ids of the customers whose saved state is outdated. The caller clears the set."""
        self._counts: Counter[tuple[ProblemName, str]] = Counter()

    def configure(self, expectations: Expectations) -> None:
        """Apply new expectations and mark every verdict as outdated."""
        self._limits = AccountLimits(expectations)
        self.mark(self._verdicts)

    def mark(self, customers: Iterable[str]) -> None:
        """Mark the verdicts on these customers as outdated, because facts have changed."""
        self._changed |= dict.fromkeys(customers)

    def list_read(self, customers: Collection[str], now: float) -> None:
        """Record the complete customer list. `now` is the Unix time when the list was read."""
        for customer_id in self._memories.keys() - set(customers):
            if self._absent_since.setdefault(customer_id, now) == now:
                self.unsaved.add(customer_id)
        for customer_id in self._absent_since.keys() & set(customers):
            del self._absent_since[customer_id]
            self.unsaved.add(customer_id)
            self.mark([customer_id])
        new = [customer_id for customer_id in customers if customer_id not in self._verdicts]
        self.mark([*self._absent_since, *new])

    def drop(self, customer_id: str) -> None:
        """Drop the verdict and the state of a customer, for example because the configuration excludes the customer."""
        self._count(self._verdicts.pop(customer_id, None), -1)
        if self._memories.pop(customer_id, None) is not None:
            self.unsaved.add(customer_id)
        self._absent_since.pop(customer_id, None)
        self._changed.pop(customer_id, None)

    def steps(self, now: float) -> Iterator[str]:
        """Update each verdict that is outdated at the Unix time `now`, and yield the customer id."""
        while self._expiries and self._expiries[0][0] <= now:
            expiry, customer_id = heapq.heappop(self._expiries)
            verdict = self._verdicts.get(customer_id)
            if verdict is not None and verdict.valid_until == expiry:
                self._changed[customer_id] = None
        while self._changed:
            customer_id = next(iter(self._changed))
            del self._changed[customer_id]
            self._judge(customer_id, now)
            yield customer_id

    def settle(self, now: float) -> None:
        """Update all verdicts that are outdated at the Unix time `now`."""
        for _ in self.steps(now):
            pass

    def _judge(self, customer_id: str, now: float) -> None:
        gone_from = self._absent_since.get(customer_id, now) + _KEPT_ABSENT
        if now >= gone_from:
            self.drop(customer_id)
            return
        sources = self._sources(customer_id)
        if customer_id in self._absent_since:  # Missing samples must not end the customer's problems.
            sources = {name: Source(name, off=source.off) for name, source in sources.items()}
        view = View(Facts(sources.values()), self._limits.of(customer_id), now, sources, self._is_tenant)
        memory = self._memories.get(customer_id, Memory())
        verdict = judge(view, memory, Rules(self._limits.fingerprint, self._collectors, self._started))
        if customer_id in self._absent_since:
            verdict = verdict.of_absent_customer(gone_from)
            if not verdict.problems:
                self.drop(customer_id)
                return
        self._count(self._verdicts.get(customer_id), -1)
        self._count(verdict, 1)
        if memory != verdict.memory or customer_id not in self._memories:
            self.unsaved.add(customer_id)
        self._verdicts[customer_id], self._memories[customer_id] = verdict, verdict.memory
        heapq.heappush(self._expiries, (verdict.valid_until, customer_id))

    def _count(self, verdict: CustomerVerdict | None, number: int) -> None:
        if verdict is not None:
            for problem, outcome in verdict.outcomes():
                self._counts[problem, outcome] += number

    def customers(self) -> tuple[str, ...]:
        """Return the ids of all customers that have a verdict or saved state."""
        return tuple({**self._verdicts, **self._memories})

    def __getitem__(self, customer_id: str) -> CustomerVerdict:
        return self._verdicts[customer_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._verdicts)

    def __len__(self) -> int:
        return len(self._verdicts)

    def customer_samples(self, customer_id: str) -> tuple[Sample, ...]:
        """Return the samples of a customer's problems and due times. Before the first verdict, return no samples."""
        verdict = self._verdicts.get(customer_id)
        return () if verdict is None else tuple(customer_samples(customer_id, verdict))

    def count_samples(self) -> tuple[Sample, ...]:
        """Return samples with the number of customers for each applicable problem and verdict."""
        sources = self._sources("")
        applicable = [name for name, collectors in self._collectors.items() if not collectors.isdisjoint(sources)]
        return tuple(count_samples(applicable, self._counts))

    def state_of(self, customer_id: str) -> object:
        """Return the state of a customer as JSON values, or None if the customer has no state."""
        memory = self._memories.get(customer_id)
        if memory is None:
            return None
        since = self._absent_since.get(customer_id)
        return memory.dump() if since is None else {**memory.dump(), "absent_since": since}

    def load(self, states: Mapping[str, object]) -> None:
        """Restore states that `state_of` returned. The keys are customer ids.

        Raise ValueError if the format of a state is invalid.
        """
        loaded = {customer_id: _load_state(state) for customer_id, state in states.items()}
        for customer_id, (memory, since) in loaded.items():
            self._memories[customer_id] = memory
            self._absent_since.pop(customer_id, None)
            if since is not None:
                self._absent_since[customer_id] = since
        self.mark(loaded)


def _load_state(state: object) -> tuple[Memory, float | None]:
    if isinstance(state, dict) and "absent_since" in state:
        return Memory.load(state), _time(state["absent_since"])
    return Memory.load(state), None


def _time(value: object) -> float:
    if isinstance(value, float | int):
        return float(value)
    raise ValueError("not a time")
