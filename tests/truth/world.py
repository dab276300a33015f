"""Create the accounts of an exporter that reads a simulator."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from avepoint_simulator.application import Simulator
from avepoint_simulator.tokens import AppCredentials
from exporter.collectors.registry import catalogue
from exporter.config.load import parse_config
from exporter.engine.shard import WHOLE, Shard
from tests.helpers import FakeClock, World
from tests.truth.oracle import NOW

INSIDE = "http://127.0.0.1:1"
"""A URL that represents the simulator in this process."""
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


@asynccontextmanager
async def world(
    simulator: Simulator,
    *,
    url: str = INSIDE,
    page_size: int = 50,
    deadline: str = "30s",
    shard: Shard = WHOLE,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[World]:
    """Yield a `World` with the accounts "tenant" and "partner". The simulator runs in this process or at a URL.

    The wall time is constant. Therefore, all jobs stay in the window.
    """
    text = CONFIG.format(url=url, app=AppCredentials(), page_size=page_size, deadline=deadline)
    config = parse_config(text, catalogue(), source="test", directory=Path())
    inside = transport or httpx.ASGITransport(app=simulator.asgi)
    clock = FakeClock(NOW, stands_still=True)
    uses_network = url != INSIDE and transport is None
    seen = World(clock=clock, transport=lambda: inside, uses_network=uses_network, shard=shard)
    await seen.accounts.apply(config, start=False)
    try:
        yield seen
    finally:
        await seen.accounts.stop()
