"""The accounts at work: clients and refreshers made from the configuration, and changed by a reload."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from exporter.avepoint.auth import ClientSecret
from exporter.avepoint.client import Client, Transport
from exporter.avepoint.directory import Directory
from exporter.avepoint.observer import Observer
from exporter.clock import Clock
from exporter.collectors.base import Surroundings
from exporter.collectors.registry import COLLECTORS
from exporter.config import Account, Config
from exporter.logs import logger
from exporter.refresh import Refresher
from exporter.snapshot import Entry, Snapshot

Observe = Callable[[str], Observer]


@dataclass(slots=True)
class Running:
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
        transport: Callable[[], Transport] | None = None,
    ) -> None:
        self.snapshot = Snapshot()
        self._clock = clock
        self._observe = observe
        self._forget = forget
        self._transport = transport
        self._running: dict[str, Running] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts' names, in the order of the configuration."""
        return tuple(self._running)

    def refreshers(self, account: str | None = None) -> tuple[Refresher, ...]:
        """Give the refreshers of one account, or of all."""
        chosen: Iterable[Running] = (running for name, running in self._running.items() if account in (None, name))
        return tuple(refresher for running in chosen for refresher in running.refreshers)

    async def apply(self, config: Config, *, start: bool = True) -> None:
        """Put a configuration to work; an account that did not change keeps its snapshot, tokens and pace."""
        before, after = self._running, {}
        for account in config.accounts:
            current = before.get(account.name)
            unchanged = current is not None and current.account == account
            after[account.name] = current if current is not None and unchanged else self._make(account)
        gone = [running for name, running in before.items() if after.get(name) is not running]
        self._running = after
        self.snapshot.replace([refresher.entry for refresher in self.refreshers()])
        for running in gone:
            await running.stop()
            if running.account.name not in after:
                self._forget(running.account.name)
        for running in after.values():
            if start and not running.tasks:
                running.start()

    async def stop(self) -> None:
        """Stop all accounts."""
        await asyncio.gather(*(running.stop() for running in self._running.values()))

    async def first_refreshes(self, account: str | None = None, *, within: float) -> bool:
        """Wait for the first refreshes that are under way, at most `within` seconds; tells whether all ended."""
        waits = [refresher.first_ended.wait() for refresher in self.refreshers(account)]
        try:
            async with asyncio.timeout(within):
                await asyncio.gather(*waits)
        except TimeoutError:
            return False
        return True

    @property
    def ready(self) -> bool:
        """Whether every collector has finished a first refresh, well or badly."""
        return all(refresher.first_ended.is_set() for refresher in self.refreshers())

    def _make(self, account: Account) -> Running:
        log = logger(account=account.name)
        client = Client(
            account,
            ClientSecret(account.auth),
            clock=self._clock,
            observer=self._observe(account.name),
            log=log,
            transport=self._transport() if self._transport is not None else None,
        )
        directory = Directory(account, client, self._clock, log)
        surroundings = Surroundings(account, client, directory, self._clock, log)
        return Running(account, client, tuple(self._refreshers(account, surroundings, log)))

    def _refreshers(
        self, account: Account, surroundings: Surroundings, log: structlog.stdlib.BoundLogger
    ) -> Iterable[Refresher]:
        for kind in COLLECTORS:
            options = account.collectors.get(kind.name)
            if kind.account_type == account.type and options is not None and options.enabled:
                yield Refresher(
                    kind(surroundings, options),
                    Entry(account.name, kind.name, options.stale_after),
                    workers=account.requests.concurrency,
                    clock=self._clock,
                    log=log,
                )
