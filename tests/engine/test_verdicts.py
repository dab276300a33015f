"""Verdicts depend on data, configuration and time, and survive restarts and reloads."""

import asyncio
import gc
import sqlite3
import weakref
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporter.engine.storage.sqlite import FILE_NAME
from exporter.engine.verdicts import AccountVerdicts
from exporter.exposition.page import MetricsPage, PageRequest
from exporter.health.families import FAMILIES
from tests.collectors.test_customer_jobs import ONLY
from tests.collectors.test_customer_jobs import row as customer_row
from tests.collectors.test_job_filters import jobs as classified_jobs
from tests.collectors.test_jobs_truth import JobApi
from tests.collectors.test_product_jobs import google, google_page
from tests.helpers import (
    BATCH_PATH,
    GOOGLE_JOBS_PATH,
    NOW,
    FakeApi,
    FakeClock,
    World,
    config,
    customer,
    customer_jobs_path,
    module,
    overview_path,
    parsed,
    partner,
    tenant,
    v3,
)

LICENSE = "/backup/m365/cloudbackuplicenseconsumption"
HOUR, DAY = 3600.0, 86_400.0
FULL = "storage_full"
Problems = set[tuple[str, str, str]]


def consumption(purchased: float, used: float) -> dict[str, Any]:
    return {"statusCode": 200, "data": {"purchasedStorageSize": f"{purchased}GB", "protectedSize": f"{used}GB"}}


def licensed(**keys: Any) -> dict[str, Any]:
    return tenant(collectors={"license": {}}, **keys)


def msp(**keys: Any) -> dict[str, Any]:
    return partner(collectors={"customers": {}, "protected_data": {}}, **keys)


async def shown(world: World) -> dict[Any, float]:
    """Return the samples of problems on the metrics page."""
    await world.accounts.settle(seconds=0.1)
    page = MetricsPage(FAMILIES, world.own)
    text = page.plain(world.accounts.verdict_views(), PageRequest(), monotonic=world.clock.monotonic())
    return {key: value for key, value in parsed(b"".join(text).decode()).items() if key[0].startswith("avepoint_")}


async def problems(world: World) -> Problems:
    """For each problem on the page, return the account, the customer and the problem's name."""
    labels = [dict(labels) for name, labels in await shown(world) if name == "avepoint_problem"]
    return {(one["account"], one.get("customer_id", ""), one["problem"]) for one in labels}


async def counts(world: World, problem: str) -> dict[str, float]:
    found = {
        tuple(sorted(labels)): value for (name, labels), value in (await shown(world)).items() if "verdict" in name
    }
    return {dict(key)["verdict"]: value for key, value in found.items() if dict(key)["problem"] == problem}


@pytest.fixture
async def world(tmp_path: Path) -> Any:
    world = World(FakeApi({LICENSE: consumption(10, 10)}), folder=tmp_path)
    yield world
    await world.accounts.stop()


async def test_a_tenant_is_unknown_until_it_is_read(world: World) -> None:
    await world.apply(licensed())
    assert await counts(world, FULL) == {"wrong": 0, "fine": 0, "unknown": 1}

    assert await world.refresh()
    assert await problems(world) == {("contoso", "", FULL)}
    assert await counts(world, FULL) == {"wrong": 1, "fine": 0, "unknown": 0}


async def test_backups_and_jobs_are_unknown_while_the_service_ignores_filters() -> None:
    api = JobApi(classified_jobs(5, state=2))
    api.ignores = 1000
    world = World(api)
    await world.apply(tenant(collectors={"jobs": {}}))
    assert await world.refresh()

    for problem in ("backup_overdue", "backup_stopped", "backup_never_succeeded", "job_failed", "job_stuck"):
        assert await counts(world, problem) == {"wrong": 0, "fine": 0, "unknown": 1}
    await world.accounts.stop()


async def test_a_problem_is_held_while_refreshes_fail_and_over_a_restart(world: World) -> None:
    await world.apply(licensed())
    assert await world.refresh()
    world.api.routes[LICENSE] = httpx.Response(500)

    world.clock.advance(2 * DAY)
    assert not await world.refresh()
    assert await problems(world) == {("contoso", "", FULL)}
    await world.restart(config(licensed()))
    assert await problems(world) == {("contoso", "", FULL)}
    world.api.routes[LICENSE] = consumption(10, 1)
    assert await world.refresh()
    assert await problems(world) == set()


async def test_a_memory_that_is_not_usable_is_dropped(world: World, tmp_path: Path) -> None:
    await world.apply(licensed())
    assert await world.refresh()
    await world.accounts.stop()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("UPDATE customer SET state = '7' WHERE collector = 'verdict'")
        connection.commit()

    await world.restart(config(licensed()))
    assert await problems(world) == {("contoso", "", FULL)}  # the exporter recomputes the verdict from stored data


@pytest.mark.parametrize("change", [{"ignore": [FULL, "storage_nearly_full"]}])
async def test_a_reload_applies_expectations_without_a_request(world: World, change: dict[str, Any]) -> None:
    await world.apply(licensed())
    assert await world.refresh()
    requests, refreshers = len(world.api.requests), world.accounts.refreshers()

    await world.apply(licensed(expectations=change))
    assert await problems(world) == set()
    await world.apply(licensed())
    assert await problems(world) == {("contoso", "", FULL)}
    assert len(world.api.requests) == requests
    assert world.accounts.refreshers() == refreshers


async def test_a_reload_that_replaces_the_account_keeps_the_memory(world: World) -> None:
    await world.apply(licensed())
    assert await world.refresh()
    world.clock.advance(DAY)

    await world.apply(licensed(api="modern"))
    assert await problems(world) == {("contoso", "", FULL)}
    await world.apply(tenant(collectors={}))
    assert await problems(world) == set()


@pytest.fixture
async def portfolio(tmp_path: Path) -> Any:
    routes = {
        BATCH_PATH: v3([customer("a", jobStatus=2), customer("b")]),
        overview_path("a"): v3([module(totalProtectedObjects=1)]),
        overview_path("b"): v3([module(totalProtectedObjects=10)]),
    }
    world = World(FakeApi(routes), folder=tmp_path)
    await world.apply(msp())
    assert await world.refresh()
    yield world
    await world.accounts.stop()


async def test_the_customers_of_a_partner_are_judged_one_by_one(portfolio: World) -> None:
    assert await problems(portfolio) == {("msp", "a", "objects_unprotected"), ("msp", "a", "customer_status_failed")}
    assert await counts(portfolio, "objects_unprotected") == {"wrong": 1, "fine": 1, "unknown": 0}
    assert await counts(portfolio, "customer_status_failed") == {"wrong": 1, "fine": 1, "unknown": 0}


async def test_verdicts_do_not_keep_the_lines_of_a_read_that_is_replaced_amid_a_refresh(portfolio: World) -> None:
    await portfolio.apply(msp(requests={"concurrency": 1}))
    assert await portfolio.refresh()
    await problems(portfolio)
    view = next(view for view in portfolio.accounts.snapshot.views() if view.collector == "protected_data")
    replaced, alive = weakref.ref(view.reads["a"]), list[bool]()
    del view

    def of_the_second_customer(_: httpx.Request) -> object:
        gc.collect()
        alive.append(replaced() is not None)
        return v3([module(totalProtectedObjects=10)])

    portfolio.api.routes[overview_path("b")] = of_the_second_customer
    assert await portfolio.refresh()

    assert alive == [False]


async def test_a_customer_that_is_never_read_is_unknown(portfolio: World) -> None:
    portfolio.api.routes[BATCH_PATH] = v3([customer("a", jobStatus=2), customer("b"), customer("c")])
    portfolio.api.routes[overview_path("c")] = httpx.Response(500)
    await portfolio.refresh()

    assert await counts(portfolio, "objects_unprotected") == {"wrong": 1, "fine": 1, "unknown": 1}


async def test_a_customer_that_leaves_the_list_is_held_for_a_day(portfolio: World) -> None:
    portfolio.api.routes[BATCH_PATH] = v3([customer("b")])
    portfolio.clock.advance(HOUR)
    assert await portfolio.refresh()
    held = await problems(portfolio)
    assert held == {("msp", "a", "objects_unprotected"), ("msp", "a", "customer_status_failed")}
    assert await counts(portfolio, "customer_status_failed") == {"wrong": 1, "fine": 1, "unknown": 0}

    portfolio.clock.advance(DAY - 1)
    assert await problems(portfolio) == held
    portfolio.clock.advance(1)
    assert await problems(portfolio) == set()


async def test_a_customer_that_the_configuration_excludes_is_gone_at_once(portfolio: World) -> None:
    await portfolio.apply(msp(customers={"exclude": ["a"]}))

    assert await problems(portfolio) == set()


async def test_a_list_that_fails_ends_nothing(portfolio: World) -> None:
    portfolio.api.routes[BATCH_PATH] = httpx.Response(500)
    portfolio.clock.advance(2 * DAY)
    await portfolio.refresh()

    assert ("msp", "a", "customer_status_failed") in await problems(portfolio)


async def test_a_collector_that_is_off_is_unknown() -> None:
    jobs = customer_jobs_path("a")
    world = World(FakeApi({BATCH_PATH: v3([customer("a")]), jobs: httpx.Response(403), overview_path("a"): v3([])}))
    await world.apply(partner(collectors={"customer_jobs": {"interval": "1h"}}))
    await world.refresh()

    assert await counts(world, "job_failed") == {"wrong": 0, "fine": 0, "unknown": 1}
    await world.accounts.stop()


class RunningClock(FakeClock):
    """A clock that advances by 10 ms on each call of `monotonic`."""

    def monotonic(self) -> float:
        self.steady += 0.01
        return self.steady


async def test_a_scrape_judges_for_a_limited_time_and_the_next_ones_go_on() -> None:
    ids = [f"c{number}" for number in range(50)]
    routes = {overview_path(one): v3([module(totalProtectedObjects=0)]) for one in ids}
    world = World(FakeApi({BATCH_PATH: v3([customer(one) for one in ids]), **routes}), clock=RunningClock())
    await world.apply(msp())
    assert await world.refresh()
    assert await counts(world, "objects_unprotected") == {"wrong": 50, "fine": 0, "unknown": 0}

    await world.apply(msp(expectations={"ignore": ["objects_unprotected"]}))
    seen = [(await counts(world, "objects_unprotected"))["fine"] for _ in range(30)]
    assert 0 < seen[0] < 50
    assert seen == sorted(seen)
    assert seen[-1] == 50
    await world.accounts.stop()


async def test_verdicts_are_committed_before_they_are_shown() -> None:
    seen: list[tuple[Mapping[str, object], bool]] = []

    async def save(states: Mapping[str, object]) -> None:
        seen.append((states, bool(verdicts.view().reads)))

    verdicts = AccountVerdicts(config(tenant()).accounts[0], [], FakeClock(), started=NOW, save=save)
    await verdicts.settle()
    assert [(set(states), is_shown) for states, is_shown in seen] == [({""}, False)]
    assert verdicts.view().reads
    await verdicts.settle()
    assert len(seen) == 1, "unchanged states are not saved again"


async def test_a_commit_that_hangs_delays_no_scrape_and_shows_no_verdict() -> None:
    is_free = asyncio.Event()
    saved: list[Mapping[str, object]] = []

    async def save(states: Mapping[str, object]) -> None:
        await is_free.wait()
        saved.append(states)

    verdicts = AccountVerdicts(config(tenant()).accounts[0], [], FakeClock(), started=NOW, save=save)
    for _ in range(2):
        await verdicts.settle(0.01)
        assert not verdicts.view().reads
    is_free.set()
    await verdicts.settle(0.01)
    assert len(saved) == 1
    assert verdicts.view().reads


ODD_LISTS: dict[str, Any] = {
    "unreadable": lambda *rows: v3([*rows, customer_row("x", 60, 120, status=["many"])]),
    "short": lambda *rows: v3([*rows], total=len(rows) + 1),
    "contradictory": lambda *rows: v3([*rows, customer_row("x", 60, 120), customer_row("x", 60, 120, status=3)]),
}


@pytest.mark.parametrize("odd", ODD_LISTS)
async def test_time_begins_no_problem_while_the_list_may_hide_a_newer_success(odd: str) -> None:
    world = World(FakeApi({BATCH_PATH: v3([customer("c-1")])}))
    await world.apply(partner(collectors=ONLY))
    good = customer_row("a", -26 * HOUR, 600 - 26 * HOUR), customer_row("b", -HOUR, -60, jobModule=303, status=3)
    world.api.routes[customer_jobs_path("c-1")] = v3([*good])
    assert await world.refresh()
    assert await problems(world) == {("msp", "c-1", "job_failed"), ("msp", "c-1", "success_unknown")}
    world.api.routes[customer_jobs_path("c-1")] = ODD_LISTS[odd](*good)
    await world.refresh()
    for fails_otherwise in (False, True):
        world.clock.advance(450)
        if fails_otherwise:
            world.api.routes[customer_jobs_path("c-1")] = httpx.Response(500)
            await world.refresh()
        assert await problems(world) == {("msp", "c-1", "job_failed"), ("msp", "c-1", "success_unknown")}
        assert await counts(world, "backup_overdue") == {"wrong": 0, "fine": 0, "unknown": 1}
    world.api.routes[customer_jobs_path("c-1")] = v3([*good])
    assert await world.refresh()
    assert ("msp", "c-1", "backup_overdue") in await problems(world)
    await world.accounts.stop()


async def test_time_begins_no_problem_of_a_tenant_while_a_row_is_unreadable() -> None:
    world = World(FakeApi({GOOGLE_JOBS_PATH: google_page(google("a", -26 * HOUR, 600 - 26 * HOUR))}))
    await world.apply(tenant(collectors={"google_jobs": {}}))
    assert await world.refresh()
    odd = google("b", -60, -30, status=["many"])
    world.api.routes[GOOGLE_JOBS_PATH] = google_page(google("a", -26 * HOUR, 600 - 26 * HOUR), odd)
    assert not await world.refresh()
    world.clock.advance(700)
    assert await problems(world) == set()
    world.clock.advance(200)
    assert await world.refresh()
    assert await problems(world) == {("contoso", "", "backup_overdue")}
    await world.accounts.stop()
