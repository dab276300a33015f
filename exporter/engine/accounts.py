"""The running accounts. A reload replaces the accounts whose configuration changed."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final

from exporter.avepoint.auth.credentials import credential, warn_of_readable_secrets
from exporter.avepoint.client import Client, Transport
from exporter.avepoint.observer import Observer
from exporter.avepoint.throttle import LimitUsage
from exporter.clock import Clock
from exporter.collectors.base import CollectorContext
from exporter.collectors.customer_list import CustomerList
from exporter.collectors.registry import COLLECTORS
from exporter.config.schema import Account, Config
from exporter.engine.refresh import Refresher
from exporter.engine.restore import restore
from exporter.engine.running_account import RunningAccount
from exporter.engine.shard import WHOLE, Shard
from exporter.engine.snapshot import CollectorEntry, Snapshot, SnapshotView
from exporter.engine.tasks import AccountTasks
from exporter.engine.unlisted import UnlistedCustomers
from exporter.engine.verdicts import VERDICT, AccountVerdicts
from exporter.logs import logger

if TYPE_CHECKING:
    from exporter.engine.storage.state import StateStore

Observe = Callable[[str], Observer]

_LAST_SAVE_SECONDS: Final = 1.5
_SPARE_WORKERS: Final = 1 / 8
"""Additional workers per concurrent request. While some workers send requests, other workers process responses."""


class Accounts:
    """All running accounts and the snapshot of their collectors."""

    def __init__(
        self,
        *,
        clock: Clock,
        observe: Observe,
        forget: Callable[[str], None],
        storage: "StateStore | None" = None,
        shard: Shard = WHOLE,
        most_customers: int | None = None,
        transport: Callable[[], Transport] | None = None,
    ) -> None:
        """Create an object without accounts. When a reload removes an account, `forget` is called with its name."""
        self.snapshot = Snapshot()
        self._clock = clock
        self._observe = observe
        self._forget = forget
        self._storage = storage
        self._shard = shard
        self._most_customers = most_customers
        self._transport = transport
        self._started = clock.time()
        self._running: dict[str, RunningAccount] = {}
        self._lock = asyncio.Lock()
        self._has_read = False
        self._applied = asyncio.Event()
        self._unlisted = UnlistedCustomers()

    @property
    def names(self) -> tuple[str, ...]:
        """The account names, in the order of the configuration."""
        return tuple(self._running)

    @property
    def is_configured(self) -> bool:
        """Whether the first configuration has been applied and the persistent state has been loaded."""
        return self._applied.is_set()

    @property
    def ready(self) -> bool:
        """Whether every collector has completed its first refresh, successfully or not."""
        return self.is_configured and all(refresher.first_ended.is_set() for refresher in self.refreshers())

    def running(self) -> tuple[RunningAccount, ...]:
        """Return the running accounts."""
        return tuple(self._running.values())

    def limits(self) -> dict[str, LimitUsage]:
        """Return the current usage of each account's rate limit."""
        return {name: running.client.usage for name, running in self._running.items()}

    def refreshers(self, account: str | None = None) -> tuple[Refresher, ...]:
        """Return the refreshers of one account. If `account` is None, return the refreshers of all accounts."""
        chosen = [running for name, running in self._running.items() if account in (None, name)]
        return tuple(refresher for running in chosen for refresher in running.refreshers)

    async def settle(self, account: str | None = None, seconds: float = inf) -> None:
        """Update outdated verdicts. The update takes at most `seconds` per account."""
        for name, running in self._running.items():
            if account in (None, name):
                await running.verdicts.settle(seconds)

    def verdict_views(self, account: str | None = None) -> tuple[SnapshotView, ...]:
        """Return views of the verdicts for one account. If `account` is None, include all accounts."""
        return tuple(running.verdicts.view() for name, running in self._running.items() if account in (None, name))

    async def first_refreshes(self, account: str | None = None, *, within: float) -> bool:
        """Wait at most `within` seconds for the first refreshes, and return whether all of them are complete."""
        if self.is_configured and all(one.first_ended.is_set() for one in self.refreshers(account)):
            return True
        try:
            async with asyncio.timeout(within):
                await self._applied.wait()
                await asyncio.gather(*(one.first_ended.wait() for one in self.refreshers(account)))
        except TimeoutError:
            return False
        return True

    async def has_account(self, account: str, *, within: float) -> bool:
        """Wait at most `within` seconds for the first configuration, and return whether it contains `account`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._applied.wait()
        return account in self._running

    async def apply(self, config: Config, *, start: bool = True) -> None:
        """Apply a new configuration. Replace only the accounts whose configuration has changed."""
        async with self._lock:
            before, after = self._running, await self._kept_or_made(config)
            await self._replace(after)
            for account in config.accounts:
                if account.name in after:
                    after[account.name].expect(account)
            for name in before.keys() - after.keys():
                self._forget(name)
            self._applied.set()
            if start:
                self.start()

    async def take_over(self, *, start: bool = True) -> None:
        """Merge the stored state with the state of this process, and start to send requests to AvePoint."""
        async with self._lock:
            after = {name: await asyncio.to_thread(self._make, one.account) for name, one in self._running.items()}
            await self._replace(after, is_takeover=True)
            if start:
                self.start()

    async def pause(self) -> None:
        """Cancel all requests and refreshes, and start no new ones until `take_over` is called."""
        async with self._lock:
            for running in self._running.values():
                running.is_started = False
                await running.tasks.cancel()

    async def _replace(self, after: dict[str, RunningAccount], *, is_takeover: bool = False) -> None:
        """Replace the running accounts, and restore the state of new accounts."""
        before, storage = self._running, self._storage
        for name, running in before.items():
            if after.get(name) is not running:
                await running.stop()  # Stop the account before its state is copied.
        loads_all = is_takeover or not before
        if storage is not None and loads_all:
            await storage.begin_load()
        for name, running in after.items():
            if before.get(name) is not running:
                former = before.get(name) if self._has_read or not is_takeover else None
                await restore(running, former, storage, merges=is_takeover)
        if storage is not None and loads_all:
            storage.end_load()
        self._running = after
        self.snapshot.replace([refresher.entry for refresher in self.refreshers()])

    async def _kept_or_made(self, config: Config) -> dict[str, RunningAccount]:
        """Return one running account per configured account. Reuse unchanged accounts, and create all others."""
        after = dict[str, RunningAccount]()
        for account in self._of_this_shard(config):
            current = self._running.get(account.name)
            if current is None or not _differ_in_expectations_only(current.account, account):
                current = await asyncio.to_thread(self._make, account)
            after[account.name] = current
        return after

    @property
    def is_started(self) -> bool:
        """Whether the periodic refreshes of all accounts have been started."""
        return all(running.is_started for running in self._running.values())

    @property
    def is_reading(self) -> bool:
        """Whether the periodic refreshes of at least one account have been started."""
        return any(running.is_started for running in self._running.values())

    def start(self) -> None:
        """If this process may send requests, start all accounts that have not been started yet."""
        if not self._may_request():
            return
        self._has_read = True
        for running in self._running.values():
            if not running.is_started:
                running.start()

    async def stop(self) -> None:
        """Stop all accounts and close the storage."""
        await asyncio.gather(*(running.stop() for running in self._running.values()))
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SAVE_SECONDS):
                await asyncio.gather(*(self._save_verdicts(running) for running in self._running.values()))
        if self._storage is not None:
            await self._storage.close()

    def _may_request(self) -> bool:
        return self._storage is None or self._storage.may_request

    def _of_this_shard(self, config: Config) -> list[Account]:
        # Every shard needs all partner accounts, because each shard reads some customers of each partner.
        return [one for one in config.accounts if one.type == "partner" or self._shard.owns(one.name)]

    def _make(self, account: Account) -> RunningAccount:
        """Create an account, but do not start it or restore its state. The caller runs this method on a thread."""
        log = logger(account=account.name)
        observer, tasks = self._observe(account.name), AccountTasks()
        warn_of_readable_secrets(account, log)
        client = Client(
            account,
            credential(account, self._clock, observer),
            clock=self._clock,
            observer=observer,
            log=log,
            transport=self._transport() if self._transport is not None else None,
            start_task=tasks.start,
            may_send=self._may_request,
        )
        customer_list = CustomerList(
            account,
            client,
            self._clock,
            log,
            owns=self._shard.owns,
            most=self._most_customers,
            start_task=tasks.start,
        )
        context = CollectorContext(account, client, customer_list, self._clock, log)
        refreshers = tuple(self._refreshers(context, client))
        collectors = [(refresher.collector, refresher.entry) for refresher in refreshers]
        save = None if self._storage is None else self._storage.of(account, VERDICT).commit_states
        verdicts = AccountVerdicts(account, collectors, self._clock, started=self._started, save=save)
        customer_list.watch(verdicts.record_list)
        customer_list.watch(lambda _: self._unlisted.check(self._running.values()))
        return RunningAccount(account, client, customer_list, tasks, refreshers, verdicts)

    def _refreshers(self, context: CollectorContext, client: Client) -> Iterator[Refresher]:
        account = context.account
        for kind in COLLECTORS:
            options = account.collectors.get(kind.name)
            if kind.account_type != account.type or options is None or not options.enabled:
                continue
            own = replace(context, client=client.patient(options.interval))
            collector, entry = kind(own, options), CollectorEntry(account.name, kind.name, options.stale_after)
            yield Refresher(
                collector,
                entry,
                workers=int(account.requests.concurrency * (1 + _SPARE_WORKERS)),
                clock=self._clock,
                log=context.log,
                store=None if self._storage is None else self._storage.of(account, collector.name),
                ended=partial(self._judge, account.name),
            )

    async def _judge(self, name: str) -> None:
        if (running := self._running.get(name)) is not None:
            await running.verdicts.settle()

    async def _save_verdicts(self, running: RunningAccount) -> None:
        if self._storage is not None:
            await self._storage.of(running.account, VERDICT).commit_states(running.verdicts.take_unsaved())


def _differ_in_expectations_only(account: Account, other: Account) -> bool:
    return account.model_copy(update={"expectations": other.expectations}) == other
