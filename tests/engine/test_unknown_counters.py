"""The page omits counters until the stored counters are loaded. Otherwise, counters would begin at 0 and jump later."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from exporter.collectors.registry import stored_families
from exporter.config.schema import Account
from exporter.engine.shared.lease import LeaseTimes
from exporter.engine.storage.codec import StoredState
from exporter.engine.storage.database import Owns, StorageError
from exporter.engine.storage.state import StateStore
from exporter.logs import logger
from tests.engine.shared import QUICK, get_lease, shared, state_of
from tests.engine.test_keeper import Process, RealClock, customers, running, until
from tests.engine.test_postgresql import COMPLETED, PARTNER
from tests.helpers import FakeClock, World, partner
from tests.postgresql import PostgresServer
from tests.relay import Relay, relay

TOTALS = (COMPLETED, "avepoint_customer_backups_completed_total")
IMPATIENT = LeaseTimes(length=1.0, renewal=0.1, poll=0.1, attempt=0.5, patience=0.5, grace=0.1)
AT_ONCE = LeaseTimes(length=1.0, patience=0.0, grace=0.0)
OTHER = partner("other", collectors={"customer_jobs": {}})


def totals(world: World, account: str = "msp") -> dict[object, float]:
    found = {key: value for key, value in world.samples().items() if key[0] in TOTALS}
    return {key: value for key, value in found.items() if ("account", account) in key[1]}


async def stored(url: str) -> dict[object, float]:
    """Run a process that stores counters, and return the counters."""
    async with running(url, "former", QUICK) as former:
        await until(lambda: former.reads and former.world.accounts.ready)
        former.world.api.routes.update(customers("x", "y", jobs=2).routes)
        assert await former.world.refresh()
        return totals(former.world)


def away(server: PostgresServer) -> AbstractContextManager[Relay]:
    return relay(server.port)


async def blind(process: Process) -> None:
    await until(lambda: process.reads and process.world.accounts.ready)
    assert process.storage.lease.is_blind


async def test_a_process_without_its_database_hides_counters_until_it_has_loaded_them(
    postgres: PostgresServer,
) -> None:
    before = await stored(postgres.url)
    assert sum(before.values()) > 0
    seen: list[dict[object, float]] = []

    def looks(condition: Callable[[], bool]) -> Callable[[], bool]:
        def look() -> bool:
            seen.append(totals(process.world))
            return condition()

        return look

    with away(postgres) as path:
        path.cut()
        async with running(postgres.url_at(path.port), "b", IMPATIENT, customers("x", "y", jobs=3)) as process:
            await until(looks(lambda: process.reads and process.world.accounts.ready))
            assert process.world.value(
                "avepoint_customer_up", account="msp", customer_id="x", collector="customer_jobs"
            )
            assert seen[-1] == {}
            path.restore()
            await until(looks(lambda: not process.storage.needs_load))
            assert await process.world.refresh()
            assert totals(process.world).keys() >= before.keys()
            seen.append(totals(process.world))
    falls = [(key, one[key], value) for one in seen for key, value in before.items() if one.get(key, value) < value]
    assert falls == []


async def test_samples_from_before_the_load_do_not_show_their_own_counts(postgres: PostgresServer) -> None:
    before = await stored(postgres.url)
    clock = RealClock()
    with away(postgres) as path:
        path.cut()
        world = World(customers("x", "y", jobs=3), clock, shared=shared(postgres.url_at(path.port), times=AT_ONCE))
        with pytest.raises(StorageError):
            await state_of(world).attempt()
        await world.apply(PARTNER)
        world.accounts._has_read = True
        assert await world.refresh()
        path.restore()
        await get_lease(world)
        await world.accounts.take_over(start=False)
    shows = totals(world)
    assert all(shows.get(key, value) == value for key, value in before.items())
    assert world.value("avepoint_customer_up", account="msp", customer_id="x", collector="customer_jobs")
    await world.accounts.stop()


async def test_counters_begin_at_0_if_the_database_is_known_to_be_empty(postgres: PostgresServer) -> None:
    with away(postgres) as path:
        path.cut()
        async with running(postgres.url_at(path.port), "a", IMPATIENT) as process:
            await blind(process)
            assert totals(process.world) == {}
            path.restore()
            await until(lambda: not process.storage.needs_load)
            assert await process.world.refresh()
            assert set(totals(process.world).values()) == {0.0}


async def test_an_account_that_is_added_while_the_database_is_away_hides_only_its_own_counters(
    postgres: PostgresServer,
) -> None:
    with away(postgres) as path:
        async with running(
            postgres.url_at(path.port), "a", LeaseTimes(length=3600.0, renewal=0.1, poll=0.1)
        ) as process:
            await until(lambda: process.reads and process.world.accounts.ready)
            path.cut()
            await until(lambda: not process.storage.lease.is_reachable)
            await process.world.apply(PARTNER, OTHER, start=True)
            assert await process.world.refresh()
            assert totals(process.world)
            assert totals(process.world, "other") == {}
            path.restore()
            await until(lambda: not process.storage.needs_load)
            assert await process.world.refresh()
            assert totals(process.world, "other")


class Unreadable(StateStore):
    """A store whose state cannot be loaded, for example because a file is damaged."""

    async def load(self, account: Account, collector: str, owns: Owns) -> StoredState:
        raise StorageError(f"cannot read {account.name} {collector} {owns('x')}")


@pytest.mark.parametrize("store", [StateStore, Unreadable])
async def test_without_a_shared_database_counters_are_never_hidden(store: type[StateStore]) -> None:
    def make(clock: FakeClock) -> StateStore:
        return store(None, stored_families(), clock, logger())

    world = World(customers("x"), RealClock(), shared=make)
    await world.apply(PARTNER)
    assert await world.refresh()
    assert set(totals(world).values()) == {0.0}
    await world.accounts.stop()
