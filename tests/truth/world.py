"""The exporter's inside against the simulator's, in one process and at one time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from avepoint_simulator.application import Simulator
from avepoint_simulator.tokens import AppCredentials
from exporter.collectors.registry import catalogue, families
from exporter.config import load
from exporter.engine.accounts import Accounts
from exporter.engine.refresh import refresh_all
from exporter.exposition.exporter_metrics import OwnMetrics
from exporter.exposition.page import MetricsPage, PageRequest
from tests.truth.oracle import NOW, Samples

CONFIG = """
accounts:
  - name: tenant
    type: tenant
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {app.client_id}, client_secret: {app.client_secret}}}
    requests: {{per_second: 1000, concurrency: 8, timeout: {deadline}}}
    collectors: {{jobs: {{page_size: {page_size}}}}}
  - name: partner
    type: partner
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {app.client_id}, client_secret: {app.client_secret}}}
    requests: {{per_second: 1000, concurrency: 8, timeout: {deadline}}}
"""


class Clock:
    """Wall time that stands still, so that all jobs stay in the window, and monotonic time that only sleeping moves."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now
        self.elapsed = 0.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.elapsed += seconds
        await asyncio.sleep(0)


class World:
    """The accounts of an exporter, whose every call goes to one simulator."""

    def __init__(self, accounts: Accounts, own: OwnMetrics, clock: Clock) -> None:
        self.accounts = accounts
        self.clock = clock
        self._page = MetricsPage(families(), own)

    async def refresh(self) -> bool:
        return await refresh_all(self.accounts.refreshers())

    def page(self) -> str:
        pieces = self._page.plain(self.accounts.snapshot.views(), PageRequest(), monotonic=self.clock.monotonic())
        return b"".join(pieces).decode()

    def samples(self) -> Samples:
        """Give the samples of AvePoint's numbers; the exporter's own are left out."""
        names = {family.name for family in families()}
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.page())
            for sample in family.samples
            if sample.name in names
        }


@asynccontextmanager
async def world(
    simulator: Simulator, *, url: str = "http://127.0.0.1:1", page_size: int = 50, deadline: str = "30s"
) -> AsyncIterator[World]:
    """Put an exporter beside a simulator; with the default address the calls go straight into its application."""
    text = CONFIG.format(url=url, app=AppCredentials(), page_size=page_size, deadline=deadline)
    config = load.parse(text, catalogue(), source="test", folder=Path())
    own, clock = OwnMetrics(), Clock()
    straight = url == "http://127.0.0.1:1"
    accounts = Accounts(
        clock=clock,
        observe=own.observer,
        forget=own.forget,
        transport=(lambda: httpx.ASGITransport(app=simulator.asgi)) if straight else None,
    )
    await accounts.apply(config, start=False)
    try:
        yield World(accounts, own, clock)
    finally:
        await accounts.stop()
