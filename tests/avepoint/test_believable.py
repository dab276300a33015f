"""Impossible values never reach the page, the persistent state or a counter."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from exporter.avepoint.reading.values import Ticks
from tests.helpers import (
    BATCH_PATH,
    DAY,
    NOW,
    FakeApi,
    World,
    customer,
    customer_jobs_path,
    partner,
    tenant,
    v3,
)

MODERN, LEGACY = "/backup/m365/cloudbackupjobs", "/cloudbackup/jobs"
CUSTOMER = customer_jobs_path("c-1")
CUSTOMER_LEGACY = "/partner/customers/c-1/jobs"
FINISH, SUCCESS = "avepoint_last_job_finish_timestamp_seconds", "avepoint_last_success_timestamp_seconds"
FUTURE = datetime.fromisoformat("2199-01-01T00:00:00+00:00").timestamp()


def iso(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ticks(unix: float) -> int:
    return round(unix * 10_000_000) + 621_355_968_000_000_000


def tenant_jobs(jobs: list[tuple[str, float, float]], total: int | None = None) -> dict[str, Any]:
    """Return routes that list a tenant's successful Exchange Online backups, for both API versions."""

    def is_wanted(request: httpx.Request) -> bool:
        return request.url.params["ObjectType"] in ("0", "1") and request.url.params["JobType"] in ("0", "1")

    def modern(request: httpx.Request) -> dict[str, Any]:
        rows = [
            {"id": key, "state": "Finished", "startTime": iso(start), "finishTime": iso(finish)}
            for key, start, finish in jobs
            if is_wanted(request) and request.url.params["PageIndex"] == "0"
        ]
        count = len(jobs) if total is None else total
        return {"data": rows, "metadata": {"totalCount": count if is_wanted(request) else 0}}

    def legacy(request: httpx.Request) -> dict[str, Any]:
        page = modern(request)
        rows = [
            {**row, "startTime": ticks(start), "finishTime": ticks(finish)}
            for row, (_, start, finish) in zip(page["data"], jobs, strict=False)
        ]
        return {"Jobs": rows, "TotalCount": page["metadata"]["totalCount"]}

    return {MODERN: modern, LEGACY: legacy}


def customer_jobs(jobs: list[tuple[str, float, float]], total: int | None = None) -> dict[str, Any]:
    """Return routes that list one customer's successful Teams backups, for both API versions."""
    rows = [
        {"jobType": 7, "jobModule": 308, "status": 2, "jobId": key, "startTime": iso(start), "endTime": iso(finish)}
        for key, start, finish in jobs
    ]
    legacy = {"value": rows, "@odata.count": len(rows) if total is None else total}
    return {BATCH_PATH: v3([customer("c-1")]), CUSTOMER: v3(rows, total), CUSTOMER_LEGACY: legacy,
            "/partner/customers": {"value": [customer("c-1")], "@odata.count": 1}}  # fmt: skip


def account(kind: str, api: str) -> dict[str, Any]:
    if kind == "tenant":
        return tenant(api=api)
    off = {"enabled": False}
    return partner(api=api, collectors={"customers": off, "protected_data": off, "customer_jobs": {}})


ROUTES = {"tenant": tenant_jobs, "partner": customer_jobs}
EVERY = [(kind, api) for kind in ROUTES for api in ("modern", "legacy")]


def seen(world: World, name: str) -> list[float]:
    return [value for (found, _), value in world.samples().items() if found == name]


def completed(world: World) -> float:
    return sum(seen(world, "avepoint_jobs_completed_total"))


@pytest.mark.parametrize(("kind", "api"), EVERY)
@pytest.mark.parametrize("finish", [NOW + 301, NOW + DAY, FUTURE, NOW - 101])
async def test_an_impossible_finish_is_neither_shown_nor_remembered(kind: str, api: str, finish: float) -> None:
    world = World(FakeApi(ROUTES[kind]([("j", NOW - 100, finish)])))
    await world.apply(account(kind, api))
    assert await world.refresh()
    assert seen(world, FINISH) == seen(world, SUCCESS) == seen(world, "avepoint_last_job_duration_seconds") == []
    assert seen(world, "avepoint_last_job_start_timestamp_seconds") == [NOW - 100]
    assert len(seen(world, "avepoint_parse_errors_total")) == 1
    world.api.routes.update(ROUTES[kind]([("k", NOW - 50, NOW - 20)]))
    assert await world.refresh()
    assert seen(world, SUCCESS) == [NOW - 20]
    await world.accounts.stop()


@pytest.mark.parametrize(("kind", "api"), EVERY)
async def test_a_start_in_the_future_is_not_shown(kind: str, api: str) -> None:
    world = World(FakeApi(ROUTES[kind]([("j", FUTURE, FUTURE + 100)])))
    await world.apply(account(kind, api))
    assert await world.refresh()
    for name in (FINISH, SUCCESS, "avepoint_last_job_start_timestamp_seconds"):
        assert seen(world, name) == []
    assert completed(world) == 0
    await world.accounts.stop()


@pytest.mark.parametrize("kind", ROUTES)
async def test_an_impossible_success_of_older_state_is_not_shown_and_is_replaced(kind: str) -> None:
    world = World(FakeApi(ROUTES[kind]([("j", NOW - 100, NOW - 60)])))
    await world.apply(account(kind, "modern"))
    assert await world.refresh()
    (refresher,) = world.accounts.refreshers()
    collector: Any = refresher.collector
    if kind == "tenant":
        state = json.loads(json.dumps(collector.dump_state()))
        state["locations"][""]["last_success"][0][-1] = round(FUTURE * 10**7)
        collector.load_state(state)
    else:
        history = collector._history("c-1")
        history.last_success = dict.fromkeys(history.last_success, Ticks(round(FUTURE * 10**7)))
        collector._histories["c-1"] = history.packed()
    world.api.routes.update(ROUTES[kind]([]))
    assert await world.refresh()
    assert seen(world, SUCCESS) == []
    world.api.routes.update(ROUTES[kind]([("k", NOW - 50, NOW - 20)]))
    assert await world.refresh()
    assert seen(world, SUCCESS) == [NOW - 20]
    await world.accounts.stop()


@pytest.mark.parametrize(("kind", "api"), EVERY)
async def test_a_short_list_is_never_the_base_of_a_counter(kind: str, api: str) -> None:
    jobs = [(f"j{number}", NOW - 5000 - number, NOW - 4000 - number) for number in range(12)]
    world = World(FakeApi(ROUTES[kind](jobs[:5], 12)))
    await world.apply(account(kind, api))
    assert not await world.refresh()
    assert seen(world, SUCCESS) == []
    lists = {dict(labels)["path"] for (name, labels), _ in world.samples().items() if "incomplete_lists" in name}
    assert len(lists) == 1
    world.api.routes.update(ROUTES[kind](jobs))
    assert await world.refresh()
    assert completed(world) == 0
    world.clock.advance(300)
    world.api.routes.update(ROUTES[kind]([*jobs, ("new", NOW + 10, NOW + 200)]))
    assert await world.refresh()
    assert completed(world) == 1
    await world.accounts.stop()


@pytest.mark.parametrize(("kind", "api"), EVERY)
async def test_a_short_list_that_stays_the_same_hides_no_completed_job_that_counts_later(kind: str, api: str) -> None:
    jobs = [(f"j{number}", NOW - 5000 - number, NOW - 4000 - number) for number in range(12)]
    world = World(FakeApi(ROUTES[kind](jobs[:5], 12)))
    await world.apply(account(kind, api))
    outcomes = []
    for _ in range(4):
        outcomes.append(await world.refresh())
        world.clock.advance(300)
    assert outcomes == [False, False, True, True]
    world.api.routes.update(ROUTES[kind]([*jobs, ("new", NOW + 1000, NOW + 1100)]))
    assert await world.refresh()
    assert completed(world) == 1
    await world.accounts.stop()


async def test_a_short_list_keeps_what_is_known() -> None:
    jobs = [(f"j{number}", NOW - 500 - number, NOW - 400 - number) for number in range(5)]
    for kind, up in (("tenant", "avepoint_up"), ("partner", "avepoint_customer_up")):
        world = World(FakeApi(ROUTES[kind](jobs)))
        await world.apply(account(kind, "modern"))
        assert await world.refresh()
        before = {key: value for key, value in world.of_avepoint().items() if "last" in key[0]}
        world.api.routes.update(ROUTES[kind](jobs[:2], 5))
        assert not await world.refresh()
        after = world.of_avepoint()
        assert {key: after.get(key) for key in before} == before
        assert seen(world, up) == [0.0]
        await world.accounts.stop()


@pytest.mark.parametrize("api", ["modern", "legacy"])
async def test_completed_jobs_whose_rows_contradict_each_other_are_not_shown(api: str) -> None:
    jobs = [("k", NOW - 300, NOW - 200), ("j", NOW - 100, NOW - 60), ("j", NOW - 100, NOW - 50)]
    world = World(FakeApi(tenant_jobs(jobs)))
    await world.apply(tenant(api=api))
    assert not await world.refresh()
    assert seen(world, FINISH) == seen(world, SUCCESS) == [NOW - 200]
    assert seen(world, "avepoint_up") == [0.0]
    assert sum(seen(world, "avepoint_parse_errors_total")) == 1
    world.api.routes.update(tenant_jobs(jobs[:2]))
    assert await world.refresh()
    assert seen(world, FINISH) == [NOW - 60]
    assert completed(world) == 0
    await world.accounts.stop()


async def test_a_job_that_ends_while_its_list_is_read_is_completed() -> None:
    def page(request: httpx.Request) -> dict[str, Any]:
        rows = [{"id": "j", "state": state, "startTime": iso(NOW - 100), **more}
                for state, more in (("Finished", {"finishTime": iso(NOW - 60)}), ("InProgress", {}))]  # fmt: skip
        is_first = request.url.params["PageIndex"] == "0"
        return {"data": rows if is_first else [], "metadata": {"totalCount": 2}}

    world = World(FakeApi({MODERN: page}))
    await world.apply(tenant(api="modern"))
    assert await world.refresh()
    assert seen(world, FINISH) == [NOW - 60]
    assert sum(seen(world, "avepoint_jobs")) == 1
    await world.accounts.stop()
