"""Simulated processes of the exporter that share a PostgreSQL database."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

from exporter.collectors.registry import families, stored_families
from exporter.engine.shard import WHOLE, Shard
from exporter.engine.shared.lease import LeaseTimes
from exporter.engine.shared.state import SharedState
from exporter.exposition.page import MetricsPage, PageRequest
from exporter.health.families import FAMILIES
from exporter.logs import logger
from tests.helpers import FakeApi, FakeClock, Samples, World, parsed

Place = Path | str
"""A directory, or the URL of a database."""
BRIEF = LeaseTimes(length=0.05)
QUICK = LeaseTimes(length=1.0, renewal=0.1, poll=0.1, grace=0.2)


def shared(
    url: str, holder: str = "first", shard: Shard = WHOLE, times: LeaseTimes | None = None
) -> Callable[[FakeClock], SharedState]:
    """Return a function that takes a clock and creates the state of a process."""

    def make(clock: FakeClock) -> SharedState:
        return SharedState(url, shard, holder, stored_families(), clock, logger(), times or LeaseTimes())

    return make


def world_at(place: Place, api: FakeApi, clock: FakeClock) -> World:
    """Return a process that stores its state at `place`. `place` is a directory or the URL of a database."""
    if isinstance(place, Path):
        return World(api, clock, place)
    return World(api, clock, shared=shared(place, holder=token_hex(4), times=BRIEF))


async def get_lease(world: World) -> None:
    """If the database is shared, get or renew the lease."""
    if isinstance(world.storage, SharedState):
        await world.storage.attempt()
        while world.storage.lease.grant is None:
            await asyncio.sleep(0.01)
            await world.storage.attempt()


def state_of(world: World) -> SharedState:
    assert isinstance(world.storage, SharedState)
    return world.storage


async def process(
    url: str,
    *accounts: Mapping[str, Any],
    api: FakeApi | None = None,
    clock: FakeClock | None = None,
    holder: str = "first",
    shard: Shard = WHOLE,
    **others: Any,
) -> World:
    """Return a process that has tried to get the lease and has loaded the stored state of its accounts."""
    world = World(api or FakeApi(), clock or FakeClock(), shard=shard, shared=shared(url, holder, shard), **others)
    await state_of(world).attempt()
    await world.apply(*accounts)
    return world


async def shown(world: World) -> Samples:
    """Return all series of customers and tenants, and of their problems."""
    await world.accounts.settle()
    page = MetricsPage((*FAMILIES, *families()), world.own)
    views = (*world.accounts.snapshot.views(), *world.accounts.verdict_views())
    text = b"".join(page.plain(views, PageRequest(), monotonic=world.clock.monotonic())).decode()
    names = {family.name for family in (*FAMILIES, *families())}
    return {key: value for key, value in parsed(text).items() if key[0] in names}
