"""A standby process exposes the state that the holder of the lease has stored."""

import asyncio
from typing import TYPE_CHECKING

from exporter.engine.shared.takeover import show
from exporter.engine.verdicts import VERDICT

if TYPE_CHECKING:
    from exporter.engine.accounts import Accounts
    from exporter.engine.running_account import RunningAccount
    from exporter.engine.storage.state import StateStore


async def follow(accounts: "Accounts", storage: "StateStore") -> None:
    """Expose the stored state of all accounts, without changing the age of its samples.

    Raise StorageError if loading fails.
    """
    for running in accounts.running():
        await _follow(running, storage)


async def _follow(running: "RunningAccount", storage: "StateStore") -> None:
    account, owns = running.account, running.customer_list.owns
    verdict = await storage.load(account, VERDICT, owns)
    running.verdicts.follow(verdict.states)
    for refresher in running.refreshers:
        stored = await storage.load(account, refresher.collector.name, owns)
        await asyncio.to_thread(show, stored, refresher.entry)
        refresher.entry.hides_counters = not stored.is_known
        if stored.status.last_attempt is not None:
            refresher.first_ended.set()
    await running.verdicts.settle()
