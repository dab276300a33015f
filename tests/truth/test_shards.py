"""Several processes that share a configuration show together what one would show."""

import re
from collections import Counter
from pathlib import Path

import httpx

from avepoint_simulator.application import Simulator
from avepoint_simulator.tokens import AppCredentials
from exporter.collectors.registry import catalogue
from exporter.config import load
from exporter.engine.accounts import Accounts
from exporter.engine.shard import WHOLE, Shard
from exporter.exposition.exporter_metrics import OwnMetrics
from tests.truth.oracle import NOW, Samples
from tests.truth.world import CONFIG, Clock, World


async def _read(simulator: Simulator, shard: Shard) -> tuple[Samples, int]:
    """Refresh one shard; gives its samples and how many calls it made for customers."""
    simulator.reset_log()
    text = CONFIG.format(url="http://127.0.0.1:1", app=AppCredentials(), page_size=50, deadline="30s")
    own, clock = OwnMetrics(), Clock()
    accounts = Accounts(
        clock=clock,
        observe=own.observer,
        forget=own.forget,
        shard=shard,
        transport=lambda: httpx.ASGITransport(app=simulator.asgi),
    )
    await accounts.apply(load.parse(text, catalogue(), source="test", folder=Path()), start=False)
    seen = World(accounts, own, clock)
    assert await seen.refresh()
    await accounts.stop()
    return seen.samples(), sum(bool(re.search(r"/overview", request.path)) for request in simulator.requests)


async def test_four_shards_of_a_thousand_customers_are_one_portfolio() -> None:
    simulator = Simulator(now=lambda: NOW, customers=1000, seed=4)
    whole, calls = await _read(simulator, WHOLE)
    parts = [await _read(simulator, Shard(index, 4)) for index in range(4)]
    shown = Counter(series for samples, _ in parts for series in samples)
    assert max(shown.values()) == 1
    assert {series: value for samples, _ in parts for series, value in samples.items()} == whole
    assert sum(count for _, count in parts) == calls == 1000
    assert all(225 <= count <= 275 for _, count in parts), [count for _, count in parts]
