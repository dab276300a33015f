"""If the row of the last job is unreadable, the page does not show an older job as the last job."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.test_customer_jobs import JOBS, ONLY, blank
from tests.collectors.test_customer_jobs import row as customer_row
from tests.collectors.test_product_jobs import HOUR, google, google_page, salesforce, salesforce_page
from tests.helpers import (
    BATCH_PATH,
    GOOGLE_JOBS_PATH,
    NOW,
    RETRIES,
    SALESFORCE_JOBS_PATH,
    FakeApi,
    Samples,
    World,
    config,
    customer,
    partner,
    tenant,
    v3,
)


@dataclass(frozen=True, slots=True)
class Source:
    """A job list. `kind`, `state` and `resource` name the fields with a job's workload, state and resource."""

    collector: str
    path: str
    page: Callable[..., Any]
    row: Callable[..., dict[str, Any]]
    kind: str
    state: str
    finish: str
    resource: str = ""


CUSTOMER = Source(
    "customer_jobs", JOBS, lambda *rows: v3(list(rows)), customer_row, "jobModule", "status", "endTime", "tenantId"
)
GOOGLE = Source("google_jobs", GOOGLE_JOBS_PATH, google_page, google, "appType", "status", "finishTime")
SALESFORCE = Source(
    "salesforce_jobs",
    SALESFORCE_JOBS_PATH,
    salesforce_page,
    salesforce,
    "type",
    "state",
    "finishTime",
    "organizationId",
)
SOURCES = [pytest.param(one, id=one.collector) for one in (CUSTOMER, GOOGLE, SALESFORCE)]

Garble = Callable[[Source, dict[str, Any]], Any]
GARBLES: dict[str, Garble] = {
    "odd workload": lambda source, row: {**row, source.kind: ["many"]},
    "no workload": lambda source, row: {**row, source.kind: None},
    "odd start": lambda _, row: {**row, "startTime": "soon"},
    "start in the future": lambda _, row: {**row, "startTime": "2999-01-01T00:00:00Z"},
    "no start": lambda _, row: {**row, "startTime": None},
    "odd state": lambda source, row: {**row, source.state: ["many"]},
    "no state": lambda source, row: {**row, source.state: None},
    "not an object": lambda _source, _row: "a job",
    "odd resource": lambda source, row: {**row, source.resource or source.state: ["many"]},
}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Return a `World` without an account."""
    world = World(FakeApi({BATCH_PATH: v3([customer("c-1")])}))
    yield world
    await world.accounts.stop()


async def start(world: World, source: Source) -> None:
    account = partner(collectors=ONLY) if source is CUSTOMER else tenant(collectors={source.collector: {}})
    await world.apply(account)


async def refresh(world: World, source: Source, *rows: Any) -> bool:
    """Refresh the collector with these rows. Return whether `avepoint_up` or `avepoint_customer_up` is 1."""
    world.api.routes[source.path] = source.page(*rows)
    await world.refresh()
    name = "avepoint_customer_up" if source is CUSTOMER else "avepoint_up"
    ups = {dict(labels)["collector"]: up for (found, labels), up in world.samples().items() if found == name}
    return ups[source.collector] == 1


def reason(world: World) -> str:
    entry = next(iter(world.accounts.refreshers())).entry
    failure = entry.customer_failures.get("c-1") or entry.status.failure
    return "" if failure is None else failure.message


def gauges(world: World) -> Samples:
    return {key: value for key, value in world.of_avepoint().items() if not key[0].endswith("_total")}


def completed(world: World) -> float:
    return sum(value for (name, _), value in world.samples().items() if name == "avepoint_jobs_completed_total")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("garble", GARBLES)
async def test_a_new_unreadable_row_holds_every_value_for_15_minutes(world: World, source: Source, garble: str) -> None:
    await start(world, source)
    old, new = source.row("a", -2 * HOUR, -HOUR), source.row("b", 60, 120, **{source.state: 3})
    assert await refresh(world, source, old)
    before = gauges(world)
    world.clock.advance(HOUR)
    for seconds in (*RETRIES, 1):
        assert not await refresh(world, source, GARBLES[garble](source, new), old)
        assert "rows that cannot be read: 1" in reason(world)
        assert gauges(world) == before
        world.clock.advance(seconds)
    assert await refresh(world, source, GARBLES[garble](source, new), old), "the row is permanently unreadable"
    assert completed(world) == 0
    for _ in range(2):
        assert await refresh(world, source, new, old)
        starts = [value for (name, _), value in gauges(world).items() if name.startswith("avepoint_last_job_start")]
        assert starts == [NOW + 60]
        assert completed(world) == 1


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("garble", GARBLES)
async def test_rows_that_were_unreadable_in_the_first_refresh_are_ignored(
    world: World, source: Source, garble: str
) -> None:
    await start(world, source)
    old, odd = source.row("a", -2 * HOUR, -HOUR), GARBLES[garble](source, source.row("b", -HOUR, -60))
    for _ in range(3):
        assert await refresh(world, source, odd, old)
        starts = [value for (name, _), value in gauges(world).items() if name.startswith("avepoint_last_job_start")]
        assert starts == [NOW - 2 * HOUR]
    assert completed(world) == 0


def last_success(world: World) -> list[float]:
    return [value for (name, _), value in gauges(world).items() if name == "avepoint_last_success_timestamp_seconds"]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("finish", ["soon", "2999-01-01T00:00:00Z", "2020-01-01T00:00:00Z"])
async def test_the_unreadable_finish_of_a_success_shows_no_older_success(
    world: World, source: Source, finish: str
) -> None:
    await start(world, source)
    old, new = source.row("a", -2 * HOUR, -HOUR), source.row("b", 60, 120)
    assert await refresh(world, source, old)
    before = gauges(world)
    world.clock.advance(HOUR)
    for seconds in (*RETRIES, 1):
        assert not await refresh(world, source, {**new, source.finish: finish}, old)
        assert gauges(world) == before
        world.clock.advance(seconds)
    assert await refresh(world, source, {**new, source.finish: finish}, old)
    assert last_success(world) == [NOW - HOUR], "the finish time is permanently unreadable"
    assert await refresh(world, source, new, old)
    assert last_success(world) == [NOW + 120]
    assert completed(world) == 1


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("state", [2, 3])
async def test_a_missing_finish_and_the_unreadable_finish_of_a_failure_hide_no_success(
    world: World, source: Source, state: int
) -> None:
    await start(world, source)
    assert await refresh(world, source, source.row("a", -2 * HOUR, -HOUR))
    new = source.row("b", -HOUR, None if state == 2 else -60, **{source.state: state})
    odd = new if state == 2 else {**new, source.finish: "soon"}
    assert await refresh(world, source, odd, source.row("a", -2 * HOUR, -HOUR))


@pytest.mark.parametrize("source", SOURCES)
async def test_an_unreadable_row_that_becomes_readable_holds_no_value(world: World, source: Source) -> None:
    await start(world, source)
    old, new = source.row("a", -2 * HOUR, -HOUR), source.row("b", 60, 120)
    assert await refresh(world, source, old)
    world.clock.advance(HOUR)
    assert not await refresh(world, source, GARBLES["no state"](source, new), old)
    assert await refresh(world, source, new, old)
    assert completed(world) == 1


@pytest.mark.parametrize("source", [GOOGLE, SALESFORCE], ids=["google", "salesforce"])
async def test_a_known_completed_job_keeps_its_values(world: World, source: Source) -> None:
    await start(world, source)
    old, last = source.row("a", -2 * HOUR, -HOUR), source.row("b", -HOUR, -60)
    assert await refresh(world, source, last, old)
    before = gauges(world)
    for _ in range(4):
        assert await refresh(world, source, GARBLES["no state"](source, last), old)
        assert gauges(world) == before


async def test_other_jobs_of_the_customer_count_while_the_values_are_held(world: World) -> None:
    """AvePoint may list only the last job of each module."""
    await start(world, CUSTOMER)
    assert await refresh(world, CUSTOMER, customer_row("a", -900, -800, jobModule=303))
    odd = customer_row("x", -90, -30, status=None)
    for number in range(1, 4):
        world.clock.advance(450)
        job = customer_row(f"b{number}", number * 450 - 90, number * 450 - 60, jobModule=303)
        assert await refresh(world, CUSTOMER, job, odd) == (number == 3)
    assert completed(world) == 3


async def test_a_row_without_a_job_and_without_a_status_hides_no_job(world: World) -> None:
    await start(world, CUSTOMER)
    assert await refresh(world, CUSTOMER, customer_row("a", -900, -800))
    assert await refresh(world, CUSTOMER, customer_row("a", -900, -800), blank("N/A"))
    other_scan = customer_row("s", -90, -30, jobModule="Salesforce Discovery", jobType=0)
    assert await refresh(world, CUSTOMER, customer_row("a", -900, -800), other_scan)


async def test_a_customer_that_leaves_for_long_has_a_first_refresh_again(world: World) -> None:
    await start(world, CUSTOMER)
    assert await refresh(world, CUSTOMER, customer_row("a", -900, -800))
    for days in (1, 31):
        world.api.routes[BATCH_PATH] = v3([])
        world.clock.advance(days * 86_400)
        await world.refresh()
    world.api.routes[BATCH_PATH] = v3([customer("c-1")])
    world.clock.advance(2 * HOUR)
    assert await refresh(world, CUSTOMER, customer_row("b", -90, -30, status=None))


@pytest.mark.parametrize("source", SOURCES)
async def test_a_restart_accepts_no_unreadable_row(tmp_path: Path, source: Source) -> None:
    """The row may hide a newer success than the one that the persistent state contains."""
    world = World(FakeApi({BATCH_PATH: v3([customer("c-1")])}), folder=tmp_path)
    await start(world, source)
    old, new = source.row("a", -2 * HOUR, -HOUR), GARBLES["no state"](source, source.row("b", 60, 120))
    assert await refresh(world, source, old)
    before = gauges(world)
    world.clock.advance(HOUR)
    account = partner(collectors=ONLY) if source is CUSTOMER else tenant(collectors={source.collector: {}})
    await world.restart(config(account))
    assert not await refresh(world, source, new, old)
    assert gauges(world) == before
    world.clock.advance(900)
    assert await refresh(world, source, new, old)
    await world.accounts.stop()
