"""A collector without requests. Tests of the engine decide which customers it lists and what it reads."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Sequence
from typing import ClassVar

from exporter.avepoint.auth.credentials import ClientSecret
from exporter.avepoint.client import Client
from exporter.avepoint.endpoints import PROTECTED_DATA
from exporter.collectors.base import CollectorContext, CustomerCollector, Family, Sample
from exporter.collectors.customer_list import CustomerList
from exporter.config.schema import CollectorOptions
from exporter.engine.refresh import Refresher
from exporter.engine.snapshot import CollectorEntry, ReadResult, RefreshStatus
from exporter.errors import AvePointError
from exporter.logs import logger
from tests.fakes import RecordingObserver
from tests.helpers import FakeApi, FakeClock, config, partner

THINGS = Family("avepoint_things", "Things.", ("account", "customer_id"))


class FakeOptions(CollectorOptions):
    interval: float = 86_400.0


class FakeCollector(CustomerCollector[FakeOptions, float]):
    """Lists `customers`, and returns `answers` or 1.0. An answer can be an error to raise.

    `on_list` and `on_read` run before a customer is listed or read. `asked` contains the customers that were read.
    """

    name = "fake"
    account_type = "partner"
    endpoints: ClassVar = PROTECTED_DATA
    options_type = FakeOptions
    families = (THINGS,)

    def __init__(self, customers: Iterable[str], clock: FakeClock | None = None) -> None:
        self.customers = list(customers)
        self.answers: dict[str, float | AvePointError] = {}
        self.asked: list[str] = []
        self.left: set[str] = set()
        self.tokens_ahead = 0
        self.is_list_closed = False
        self.clock = clock or FakeClock()
        super().__init__(_context(self.clock), FakeOptions())

    async def on_list(self, customer_id: str) -> None:
        """Do something before a customer is listed."""

    async def on_read(self, customer_id: str) -> None:
        """Do something before a customer is read."""

    async def customer_ids(self) -> AsyncGenerator[str, None]:
        try:
            for customer_id in self.customers:
                await self.on_list(customer_id)
                yield customer_id
        finally:
            self.is_list_closed = True

    async def token_ahead(self) -> None:
        self.tokens_ahead += 1

    def is_customer(self, customer_id: str) -> bool:
        return customer_id not in self.left

    async def read(self, customer_id: str) -> float:
        self.asked.append(customer_id)
        await self.on_read(customer_id)
        await asyncio.sleep(0)
        answer = self.answers.get(customer_id, 1.0)
        if isinstance(answer, AvePointError):
            raise answer
        return answer

    @classmethod
    def samples(cls, records: float, customer_id: str) -> Iterable[Sample]:
        return [Sample(THINGS, (customer_id,), records)]


class FakeOptionalCollector(FakeCollector):
    optional = True


def _context(clock: FakeClock) -> CollectorContext:
    (account,) = config(partner()).accounts
    transport = FakeApi().transport()
    client = Client(
        account,
        ClientSecret(account.auth),
        clock=clock,
        observer=RecordingObserver(),
        log=logger(),
        transport=transport,
    )
    return CollectorContext(account, client, CustomerList(account, client, clock, logger()), clock, logger())


class FakeStore:
    """A store that records the failed customers of each refresh. `on_commit` decides whether a customer is owned."""

    def __init__(self, on_commit: Callable[[str], bool] = lambda _: True) -> None:
        self.failed: list[Sequence[str]] = []
        self._on_commit = on_commit

    async def commit(self, customer_id: str, read: ReadResult, state: object) -> bool:
        return self._on_commit(customer_id)

    async def finish(
        self, reads: Collection[str], states: Collection[str], status: RefreshStatus, failed: Collection[str]
    ) -> None:
        self.failed.append(list(failed))


def refresher(
    collector: FakeCollector,
    *,
    workers: int = 1,
    store: FakeStore | None = None,
    ended: Callable[[], Awaitable[None]] | None = None,
) -> Refresher:
    entry = CollectorEntry("msp", collector.name, collector.options.stale_after)
    return Refresher(collector, entry, workers=workers, clock=collector.clock, log=logger(), store=store, ended=ended)
