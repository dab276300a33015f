"""Test persistent state in a real PostgreSQL server, without PgBouncer and with PgBouncer in transaction mode."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest
from structlog.testing import capture_logs

from exporter.engine.shard import Shard
from exporter.engine.storage.database import StorageError
from tests.collectors.test_customer_jobs import row
from tests.collectors.test_jobs_truth import JobApi, Raw
from tests.engine.shared import process, shown, state_of
from tests.helpers import NOW, FakeApi, FakeClock, World, customer_jobs_path, partner, portfolio, tenant, v3
from tests.postgresql import PASSWORD, PostgresServer, pgbouncer

JOBS = tenant(collectors={"jobs": {}})
START = round((NOW - 3600) * 10**7)
RAW = Raw("a", 1, 1, 2, START, START + 10**7, (1, 0, 0))
COMPLETED = "avepoint_jobs_completed_total"
SUCCESS = "avepoint_last_success_timestamp_seconds"
Series = tuple[str, frozenset[tuple[str, str]]]
PARTNER = partner(collectors={"customer_jobs": {}})


@pytest.fixture(params=["direct", "pooled"])
def url(postgres: PostgresServer, request: pytest.FixtureRequest) -> Iterator[str]:
    with ExitStack() as stack:
        yield postgres.url if request.param == "direct" else stack.enter_context(pgbouncer(postgres))


def customers(*names: str, jobs: int = 1, now: float = NOW) -> FakeApi:
    """Return the API of a partner. AvePoint lists only the last of each customer's `jobs` jobs."""
    routes = portfolio(names)
    for name in names:
        routes[customer_jobs_path(name)] = v3([row(f"{name}-{jobs}", now - NOW - 3600 + 60 * jobs, now - NOW + 10)])
    return FakeApi(routes)


async def test_values_counters_and_successes_survive_a_restart(url: str) -> None:
    world = await process(url, PARTNER, JOBS, api=customers("x", "y"))
    world.api.routes.update(JobApi([RAW]).routes)
    assert await world.refresh()
    world.api.routes.update(customers("x", "y", jobs=2).routes)
    assert await world.refresh()
    before = await shown(world)
    assert sum(value for (name, _), value in before.items() if name == COMPLETED) > 0
    await world.accounts.stop()
    again = await process(url, PARTNER, JOBS, clock=world.clock, holder="second")
    assert state_of(again).may_request, "the first process ended its lease"
    assert await shown(again) == before
    assert again.value("avepoint_up", account="msp", collector="protected_data") == 1
    assert again.accounts.ready
    await again.accounts.stop()


async def test_customers_move_with_their_state(url: str) -> None:
    """If the number of shards changes from 3 to 4 and then to 2, all customers keep their series and counters."""
    names, clock, before = [f"c{number}" for number in range(120)], FakeClock(), dict[Series, float]()
    for jobs, total in enumerate((3, 3, 4, 2), start=1):
        shards = [
            await process(url, PARTNER, clock=clock, shard=Shard(index, total), holder=f"{jobs}: {index}/{total}")
            for index in range(total)
        ]
        assert await of_customers(shards) == before
        for shard in shards:
            shard.api.routes.update(customers(*names, jobs=jobs).routes)
            await state_of(shard).attempt()
            assert await shard.refresh()
        after = await of_customers(shards)
        counted = sum(value for (name, _), value in after.items() if name == COMPLETED)
        assert counted == (jobs - 1) * len(names)
        assert all(after[key] >= value for key, value in before.items() if key[0] in (COMPLETED, SUCCESS))
        before = after
        for shard in shards:
            await shard.accounts.stop()


async def of_customers(shards: Sequence[World]) -> dict[Series, float]:
    """Check that no series occurs in two shards, and return the customer series of all shards."""
    parts = [(key, value) for shard in shards for key, value in (await shown(shard)).items()]
    found = [(key, value) for key, value in parts if "customer_id" in dict(key[1])]
    assert len(dict(found)) == len(found)
    return dict(found)


async def test_a_standby_process_shows_what_the_holder_has_stored_and_asks_nothing(url: str) -> None:
    holder = await process(url, PARTNER, api=customers("x"))
    assert await holder.refresh()
    standby = await process(url, PARTNER, clock=holder.clock, holder="second")
    assert not state_of(standby).may_request
    standby.accounts.start()
    assert not standby.accounts.is_reading
    assert await shown(standby) == await shown(holder)
    assert standby.api.requests == []
    await standby.accounts.stop()
    await holder.accounts.stop()


async def test_a_process_with_an_old_epoch_writes_nothing_and_shows_nothing_new(
    url: str, postgres: PostgresServer
) -> None:
    old = await process(url, PARTNER, api=customers("x"))
    assert await old.refresh()
    before = await shown(old)
    postgres.execute("UPDATE avepoint_exporter_lease SET expires = now()")
    new = await process(url, PARTNER, api=customers("x", jobs=3), clock=old.clock, holder="second")
    assert await new.refresh()
    after = await shown(new)
    old.api.routes.update(customers("x", jobs=2).routes)
    await old.refresh()
    assert await shown(old) == before
    with pytest.raises(StorageError):
        await state_of(old).load(old.accounts.running()[0].account, "customer_jobs", lambda _: True)
    await state_of(old).attempt()
    assert not state_of(old).may_request
    await old.accounts.stop()
    await new.accounts.stop()
    last = await process(url, PARTNER, clock=new.clock, holder="third")
    assert await shown(last) == after
    await last.accounts.stop()


async def test_during_a_roll_out_the_new_shard_owns_its_customers(url: str) -> None:
    names = [f"c{number}" for number in range(20)]
    old = await process(url, PARTNER, api=customers(*names))
    assert await old.refresh()
    new = await process(url, PARTNER, api=customers(*names, jobs=2), clock=old.clock, shard=Shard(1, 2), holder="new")
    moved = {name for name in names if Shard(1, 2).owns(name)}
    assert moved
    assert await new.refresh()
    after = await shown(new)
    old.api.routes.update(customers(*names, jobs=3).routes)
    await old.refresh()
    await old.accounts.stop()
    await new.accounts.stop()
    again = await process(url, PARTNER, clock=old.clock, shard=Shard(1, 2), holder="again")
    assert await shown(again) == after
    await again.accounts.stop()


async def test_a_shard_gets_its_customers_back_from_a_process_that_ended(postgres: PostgresServer) -> None:
    names = [f"c{number}" for number in range(20)]
    new = await process(postgres.url, PARTNER, api=customers(*names), shard=Shard(1, 2), holder="new")
    assert await new.refresh()
    old = await process(postgres.url, PARTNER, api=customers(*names, jobs=2), clock=new.clock, holder="old")
    assert await old.refresh()
    await old.accounts.stop()
    new.api.routes.update(customers(*names, jobs=3).routes)
    await new.refresh()
    epoch = state_of(new).lease.grant
    await state_of(new).attempt()
    assert state_of(new).lease.grant != epoch
    await new.accounts.take_over(start=False)
    await new.refresh()
    moved = {name for name in names if Shard(1, 2).owns(name)}
    counts = [value for (name, labels), value in (await shown(new)).items() if name == COMPLETED and value]
    assert counts == [2.0] * len(moved)
    await new.accounts.stop()


async def test_a_database_that_lost_its_last_commits_gets_them_back(postgres: PostgresServer) -> None:
    """The test simulates a failover to a PostgreSQL replica with older rows and an older lease."""
    world = await process(postgres.url, PARTNER, api=customers("x"))
    assert await world.refresh()
    postgres.execute("CREATE TABLE earlier AS TABLE avepoint_exporter_customer")
    for jobs in (2, 3):
        world.api.routes.update(customers("x", jobs=jobs).routes)
        assert await world.refresh()
    before = await shown(world)
    postgres.execute("DELETE FROM avepoint_exporter_customer")
    postgres.execute("INSERT INTO avepoint_exporter_customer TABLE earlier")
    postgres.execute("DROP TABLE earlier")
    postgres.execute("UPDATE avepoint_exporter_lease SET holder = 'before', epoch = 0, expires = now()")
    world.accounts._has_read = True
    await state_of(world).attempt()
    assert not state_of(world).may_request
    await state_of(world).attempt()
    await world.accounts.take_over(start=False)
    assert await shown(world) == before
    world.api.routes.update(customers("x", jobs=4).routes)
    assert await world.refresh()
    counted = [value for (name, _), value in (await shown(world)).items() if name == COMPLETED and value]
    assert counted == [3.0]
    await world.accounts.stop()


async def test_customers_that_leave_are_forgotten_but_not_those_of_other_shards(postgres: PostgresServer) -> None:
    names = [f"c{number}" for number in range(20)]
    shards = [
        await process(postgres.url, PARTNER, api=customers(*names), shard=Shard(index, 2), holder=str(index))
        for index in range(2)
    ]
    for shard in shards:
        assert await shard.refresh()
    shards[0].api.routes.update(portfolio([name for name in names if not shards[0].shard.owns(name)]))
    await shards[0].refresh()
    query = "SELECT DISTINCT customer_id FROM avepoint_exporter_customer WHERE collector = 'protected_data'"
    assert {name for (name,) in postgres.execute(query)} == {name for name in names if shards[1].shard.owns(name)}
    for shard in shards:
        await shard.accounts.stop()


async def test_without_a_database_nothing_is_asked_for_a_minute_and_then_the_accounts_are_read() -> None:
    clock = FakeClock()
    url = f"postgresql://exporter:{PASSWORD}@127.0.0.1:1/postgres"
    with capture_logs() as logs, pytest.raises(StorageError):
        await process(url, PARTNER, api=customers("x"), clock=clock)
    assert PASSWORD not in str(logs)


async def test_ids_that_postgresql_cannot_store_do_not_matter(postgres: PostgresServer) -> None:
    world = await process(postgres.url, PARTNER, api=customers("x\0y", "z\ud800"))
    with capture_logs() as logs:
        await world.refresh("protected_data")
    assert [log for log in logs if log["event"] == "persistent state not stored"] == []
    assert postgres.execute("SELECT count(*) FROM avepoint_exporter_customer WHERE customer_id LIKE 'x%'") != [(0,)]
    await world.accounts.stop()
