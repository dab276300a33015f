"""The accounts at work: clients and refreshers made from the configuration, and changed by a reload."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from exporter.avepoint.client import Client, Transport
from exporter.avepoint.credentials import credential, warn_of_readable_secrets
from exporter.avepoint.observer import Observer
from exporter.avepoint.throttle import LimitUsage
from exporter.clock import Clock
from exporter.collectors.base import Collector, CollectorContext
from exporter.collectors.customer_list import CustomerList
from exporter.collectors.registry import COLLECTORS
from exporter.config.schema import Account, Config
from exporter.engine.refresh import Refresher
from exporter.engine.shard import WHOLE, Shard
from exporter.engine.snapshot import CollectorEntry, Snapshot
from exporter.engine.state import StateStore, changed_labels, label_settings, registration_id
from exporter.errors import ConfigError
from exporter.logs import logger

Observe = Callable[[str], Observer]


@dataclass(slots=True)
class RunningAccount:
    """One account at work."""

    account: Account
    client: Client
    refreshers: tuple[Refresher, ...]
    tasks: tuple[asyncio.Task[None], ...] = ()

    def start(self) -> None:
        """Refresh on the intervals from now on."""
        self.tasks = tuple(asyncio.create_task(refresher.run()) for refresher in self.refreshers)

    async def stop(self) -> None:
        """End the refreshes and close the connections."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.client.aclose()


class Accounts:
    """All accounts, and the snapshot that they fill."""

    def __init__(
        self,
        *,
        clock: Clock,
        observe: Observe,
        forget: Callable[[str], None],
        storage: StateStore | None = None,
        shard: Shard = WHOLE,
        most_customers: int | None = None,
        transport: Callable[[], Transport] | None = None,
    ) -> None:
        self.snapshot = Snapshot()
        self._clock = clock
        self._observe = observe
        self._forget = forget
        self._storage = storage
        self._shard = shard
        self._most_customers = most_customers
        self._transport = transport
        self._running: dict[str, RunningAccount] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts' names, in the order of the configuration."""
        return tuple(self._running)

    @property
    def ready(self) -> bool:
        """Whether every collector has finished a first refresh, well or badly."""
        return all(refresher.first_ended.is_set() for refresher in self.refreshers())

    def running(self) -> tuple[RunningAccount, ...]:
        """Give the accounts with their clients and refreshers."""
        return tuple(self._running.values())

    def budgets(self) -> dict[str, LimitUsage]:
        """Give how much of what each account may ask is used now."""
        return {name: running.client.budget for name, running in self._running.items()}

    def refreshers(self, account: str | None = None) -> tuple[Refresher, ...]:
        """Give the refreshers of one account, or of all."""
        chosen = [running for name, running in self._running.items() if account in (None, name)]
        return tuple(refresher for running in chosen for refresher in running.refreshers)

    async def first_refreshes(self, account: str | None = None, *, within: float) -> bool:
        """Wait at most `within` seconds for the first refreshes that are under way; tells whether all ended."""
        waits = [one.first_ended.wait() for one in self.refreshers(account) if not one.first_ended.is_set()]
        if not waits:
            return True
        try:
            async with asyncio.timeout(within):
                await asyncio.gather(*waits)
        except TimeoutError:
            return False
        return True

    async def apply(self, config: Config, *, start: bool = True) -> None:
        """Put a configuration to work; an account that did not change keeps its snapshot, tokens and pace.

        Raises ConfigError, with everything as it was, where an account cannot be made.
        """
        before, after = self._running, {}
        for account in self._of_this_shard(config):
            current = before.get(account.name)
            unchanged = current is not None and current.account == account
            after[account.name] = current if current is not None and unchanged else self._make(account, current)
        self._running = after
        self.snapshot.replace([refresher.entry for refresher in self.refreshers()])
        for name, running in before.items():
            if after.get(name) is not running:
                await running.stop()
            if name not in after:
                self._forget(name)
        if start:
            self.start()

    def start(self) -> None:
        """Begin the refreshes of every account that does not work yet."""
        for running in self._running.values():
            if not running.tasks:
                running.start()

    async def stop(self) -> None:
        """Stop all accounts, and keep what refreshes that are cut short have found: it may have been seen."""
        await asyncio.gather(*(running.stop() for running in self._running.values()))
        await asyncio.gather(*(refresher.save() for refresher in self.refreshers()))

    def _of_this_shard(self, config: Config) -> Iterator[Account]:
        """Give the tenants that fall to this shard, and all partners: their customers are shared out one by one."""
        for account in config.accounts:
            if account.type == "partner" or self._shard.owns(account.name):
                yield account

    def _make(self, account: Account, former: RunningAccount | None) -> RunningAccount:
        """Make an account ready to work, with what was known of it before, or before the last restart."""
        log = logger(account=account.name)
        observer = self._observe(account.name)
        warn_of_readable_secrets(account, log)
        try:
            client = Client(
                account,
                credential(account, self._clock, observer, log),
                clock=self._clock,
                observer=observer,
                log=log,
                transport=self._transport() if self._transport is not None else None,
            )
        except OSError as error:  # of OpenSSL, which reads the file only now
            problem = f"cannot be used: {error.strerror or 'no certificates in it'}"
            raise ConfigError([f"account {account.name}: tls.ca_file: {account.tls.ca_file} {problem}"]) from None
        customer_list = CustomerList(
            account, client, self._clock, log, owns=self._shard.owns, most=self._most_customers
        )
        context = CollectorContext(account, client, customer_list, self._clock, log)
        running = RunningAccount(account, client, tuple(self._refreshers(context)))
        for refresher in running.refreshers:
            self._recall(refresher, account, former)
            # What the configuration has excluded since, or another shard shows now, may not wait for a new listing.
            refresher.entry.keep_only(frozenset(filter(customer_list.is_wanted, refresher.entry.customers())))
        return running

    def _refreshers(self, context: CollectorContext) -> Iterator[Refresher]:
        account = context.account
        for kind in COLLECTORS:
            options = account.collectors.get(kind.name)
            if kind.account_type == account.type and options is not None and options.enabled:
                collector = kind(context, options)
                entry = CollectorEntry(account.name, kind.name, options.stale_after)
                yield Refresher(
                    collector,
                    entry,
                    workers=account.requests.concurrency,
                    clock=self._clock,
                    log=context.log,
                    save=partial(self._save, account, collector, entry),
                )

    async def _save(self, account: Account, collector: Collector[Any, Any], entry: CollectorEntry) -> None:
        if self._storage is not None:
            await self._storage.save(account, entry, collector.dump_state())

    def _recall(self, refresher: Refresher, account: Account, former: RunningAccount | None) -> None:
        """Give a refresher what is known already: from its account before a reload, or from the storage."""
        collector, entry = refresher.collector, refresher.entry
        for old in (
            former.refreshers
            if former is not None and registration_id(former.account) == registration_id(account)
            else ()
        ):
            if old.collector.name == collector.name:
                # Copies, because the old one may still write until it is stopped.
                entry.customer_up = dict(old.entry.customer_up)
                entry.customer_failures = dict(old.entry.customer_failures)
                changed = (
                    frozenset[str]() if former is None else changed_labels(label_settings(former.account), account)
                )
                entry.reads = {key: known.without_labels(changed) for key, known in old.entry.reads.items()}
                entry.status = old.entry.status
                collector.load_state(old.collector.dump_state())
                if old.first_ended.is_set():
                    refresher.first_ended.set()
                return
        stored = self._storage.load(account, collector.name) if self._storage is not None else None
        if self._storage is None or stored is None:
            return
        try:
            collector.load_state(stored.remembered)
        except ValueError as error:
            self._storage.set_aside(account, collector.name, error)
            return
        entry.reads = dict(stored.known)
        entry.update_status(last_success=stored.last_success)
