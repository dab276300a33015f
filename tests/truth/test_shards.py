"""All shards together expose the same samples as a single process."""

from collections import Counter

from avepoint_simulator.application import Simulator
from exporter.engine.shard import WHOLE, Shard
from tests.truth.oracle import NOW, Samples
from tests.truth.world import world

CUSTOMERS = 300
OVERVIEW = "/cloud-backup-m365/overview"


async def _read(simulator: Simulator, shard: Shard) -> tuple[Samples, int]:
    """Refresh one shard. Return the samples of this shard, and the number of requests for overviews."""
    simulator.reset_log()
    async with world(simulator, shard=shard) as seen:
        assert await seen.refresh()
        return seen.of_avepoint(), sum(request.path.endswith(OVERVIEW) for request in simulator.requests)


async def test_four_shards_are_one_portfolio() -> None:
    simulator = Simulator(now=lambda: NOW, customers=CUSTOMERS, seed=4)
    whole, calls = await _read(simulator, WHOLE)
    parts = [await _read(simulator, Shard(index, 4)) for index in range(4)]
    shown = Counter(series for samples, _ in parts for series in samples)
    assert max(shown.values()) == 1
    assert {series: value for samples, _ in parts for series, value in samples.items()} == whole
    assert sum(count for _, count in parts) == calls == CUSTOMERS
    assert all(0.8 <= count / (CUSTOMERS / 4) <= 1.2 for _, count in parts), [count for _, count in parts]
