"""The objects that belong to one running account."""

from dataclasses import dataclass, field

from exporter.avepoint.client import Client
from exporter.collectors.customer_list import CustomerList
from exporter.config.schema import Account
from exporter.engine.refresh import Refresher
from exporter.engine.tasks import AccountTasks
from exporter.engine.verdicts import AccountVerdicts


@dataclass(slots=True)
class RunningAccount:
    """An account with its client, refreshers, tasks and verdicts."""

    account: Account
    client: Client
    customer_list: CustomerList
    tasks: AccountTasks
    refreshers: tuple[Refresher, ...]
    verdicts: AccountVerdicts
    is_started: bool = field(default=False, init=False)

    def start(self) -> None:
        """Start the periodic refreshes."""
        self.is_started = True
        for refresher in self.refreshers:
            self.tasks.start(refresher.run())

    def expect(self, account: Account) -> None:
        """Apply the expectations of `account`. All other settings must be unchanged."""
        if account.expectations != self.account.expectations:
            self.account = account
            self.verdicts.configure(account.expectations)

    async def stop(self) -> None:
        """Cancel all tasks and close the connections. After that, no requests are sent."""
        self.is_started = False
        await self.tasks.cancel()
        await self.client.aclose()
