"""Refreshes run at the right times. If one customer fails, other customers are not affected."""

import asyncio
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from exporter.collectors.base import Sample
from exporter.collectors.partner.customers import CustomersCollector
from exporter.collectors.partner.protected_data import SCANNED, ProtectedDataCollector
from exporter.engine.refresh import Refresher
from tests.collectors.test_jobs_truth import JobApi, Raw
from tests.helpers import (
    BATCH_PATH,
    DAY,
    FakeApi,
    World,
    customer,
    module,
    overview_path,
    partner,
    portfolio,
    tenant,
    v3,
)

LICENSE = "/backup/m365/cloudbackuplicenseconsumption"
LICENSE_ANSWER = {"statusCode": 200, "data": {"purchasedUserSeats": 5, "outOfPolicyTime": None}}


def names(count: int) -> list[str]:
    return [f"c{number:04}" for number in range(count)]


def up(world: World) -> dict[str, float]:
    return {
        dict(labels)["customer_id"]: value
        for (name, labels), value in world.samples().items()
        if name == "avepoint_customer_up"
    }


async def test_results_of_a_customer_are_seen_as_they_arrive() -> None:
    api = FakeApi(portfolio(names(4)))
    reached, released = asyncio.Event(), asyncio.Event()
    kept = api.answer

    async def slow(request: httpx.Request) -> httpx.Response:
        if request.url.path == overview_path("c0002"):
            reached.set()
            await released.wait()
        return await kept(request)

    api.handler = slow
    world = World(api)
    await world.apply(partner(requests={"concurrency": 1, "per_second": 1000, "retries": 0}))
    task = asyncio.create_task(world.refresh())
    await asyncio.wait_for(reached.wait(), 10)
    assert world.labels("avepoint_scanned_objects", "customer_id") == {"c0000", "c0001"}
    assert (await world.accounts.first_refreshes(within=0.01)) is False
    released.set()
    assert await task
    assert world.labels("avepoint_scanned_objects", "customer_id") == set(names(4))
    assert world.accounts.ready
    await world.accounts.stop()


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(500), httpx.Response(404), httpx.Response(403), httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"data": "text"}), httpx.ReadTimeout("slow"), httpx.Response(429),
    ],
    ids=["500", "404", "403", "html", "shape", "timeout", "429"],
)  # fmt: skip
async def test_a_failing_customer_harms_no_other_and_keeps_its_values(failure: Any) -> None:
    api = FakeApi(portfolio(names(5)))
    world = World(api)
    await world.apply(partner())
    assert await world.refresh()
    before = world.of_avepoint()
    api.routes[overview_path("c0002")] = failure
    assert await world.refresh()
    assert world.of_avepoint() == before
    assert up(world) == dict.fromkeys(names(5), 1.0) | {"c0002": 0.0}
    assert world.value("avepoint_up", account="msp", collector="protected_data") == 1
    api.routes[overview_path("c0002")] = v3([module(totalScannedObjects=77)])
    assert await world.refresh()
    assert 77 in [value for (name, _), value in world.samples().items() if name == "avepoint_scanned_objects"]
    assert up(world) == dict.fromkeys(names(5), 1.0)
    await world.accounts.stop()


@pytest.mark.parametrize("failure", [httpx.ConnectError("down"), httpx.Response(503), httpx.Response(403)])
async def test_a_dead_server_ends_a_refresh_of_many_customers_soon(failure: Any) -> None:
    api = FakeApi(portfolio(names(120)))
    world = World(api)
    await world.apply(partner())
    assert await world.refresh()
    for name in names(120):
        api.routes[overview_path(name)] = failure
    for _ in range(2):
        api.requests.clear()
        assert not await world.refresh("protected")
        assert api.calls("overview") <= 20
        assert world.value("avepoint_up", account="msp", collector="protected_data") == 0
        assert set(up(world).values()) == {0}
    assert len(world.labels("avepoint_scanned_objects", "customer_id")) == 120, "the last values stay"
    api.routes.update(portfolio(names(120)))
    assert await world.refresh()
    assert set(up(world).values()) == {1}
    await world.accounts.stop()


async def test_a_server_that_is_dead_from_the_first_is_tried_customer_by_customer_in_turn() -> None:
    api = FakeApi(portfolio(names(30)))
    for name in names(30):
        api.routes[overview_path(name)] = httpx.ConnectError("down")
    world = World(api)
    await world.apply(partner())
    tried: list[str] = []
    for _ in range(5):
        api.requests.clear()
        assert not await world.refresh("protected")
        tried += [request.url.path for request in api.requests if "overview" in request.url.path]
        assert api.calls("overview") <= 14
    assert set(tried) == {overview_path(name) for name in names(30)}
    await world.accounts.stop()


async def test_a_row_of_failing_customers_starves_none_behind_them() -> None:
    api = FakeApi(portfolio(names(100)))
    broken = names(100)[10:40]
    for name in broken:
        api.routes[overview_path(name)] = httpx.Response(500)
    world = World(api)
    await world.apply(partner())
    for _ in range(4):
        await world.refresh("protected")
    assert {name for name, value in up(world).items() if value} == set(names(100)) - set(broken)
    assert world.value("avepoint_up", account="msp", collector="protected_data") == 1
    await world.accounts.stop()


async def test_customers_without_the_product_are_all_tried_and_do_not_count_as_a_dead_server() -> None:
    api = FakeApi(portfolio(names(100)))
    for name in names(100)[:99]:
        api.routes[overview_path(name)] = httpx.Response(404)
    world = World(api)
    await world.apply(partner(api="modern"))
    assert await world.refresh("protected")
    assert api.calls("overview") == 100
    assert [name for name, value in up(world).items() if value] == ["c0099"]
    await world.accounts.stop()


async def test_where_no_customer_can_be_read_the_account_is_down() -> None:
    api = FakeApi(portfolio(names(3)))
    for name in names(3):
        api.routes[overview_path(name)] = httpx.Response(404)
    world = World(api)
    await world.apply(partner(api="modern"))
    assert not await world.refresh("protected")
    assert await world.refresh("customers")
    view = next(view for view in world.accounts.snapshot.views() if view.collector == "protected_data")
    assert view.status.failure is not None
    assert "404" in view.status.failure.message
    assert "license of the product" in view.status.failure.hint
    await world.accounts.stop()


async def test_a_refused_token_ends_a_refresh_at_once() -> None:
    api = FakeApi(portfolio(names(120)))

    def token(request: httpx.Request) -> httpx.Response:
        if b"cbprotected" in request.content:
            return httpx.Response(400, json={"error": "invalid_client"})
        return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})

    api.routes["/connect/token"] = token
    world = World(api)
    await world.apply(partner())
    assert not await world.refresh("protected")
    assert api.calls("overview") == 0
    assert await world.refresh("customers")
    assert world.accounts.ready
    await world.accounts.stop()


async def test_a_customer_leaves_all_collectors_at_once_after_a_complete_listing_whoever_asked() -> None:
    for collector in ("customers", "protected"):
        api = FakeApi(portfolio(names(3)))
        world = World(api)
        await world.apply(partner())
        assert await world.refresh()
        for family in ("customer_info", "customer_status", "scanned_objects", "customer_up"):
            assert world.labels(f"avepoint_{family}", "customer_id") == set(names(3))
        api.routes.update(portfolio(["c0000", "c0002"]))
        world.clock.advance(3600)
        assert await world.refresh(collector)
        for family in ("customer_info", "customer_status", "scanned_objects", "customer_up"):
            assert world.labels(f"avepoint_{family}", "customer_id") == {"c0000", "c0002"}, (collector, family)
        await world.accounts.stop()


async def test_a_customer_stays_after_an_incomplete_listing() -> None:
    api = FakeApi(portfolio(names(3)))
    world = World(api)
    await world.apply(partner())
    assert await world.refresh()
    api.routes[BATCH_PATH] = lambda request: v3(
        [customer("c0000")] if request.url.params["pageIndex"] == "1" else [], total=3
    )
    world.clock.advance(3600)
    await world.refresh()
    for family in ("customer_info", "scanned_objects"):
        assert world.labels(f"avepoint_{family}", "customer_id") == set(names(3))
    await world.accounts.stop()


@pytest.mark.parametrize("outcome", ["good", "bad", "token"])
async def test_a_customer_that_leaves_while_it_is_read_does_not_come_back(outcome: str) -> None:
    api = FakeApi(portfolio(names(12)))
    world = World(api)
    await world.apply(partner(requests={"concurrency": 3, "per_second": 1000}))
    assert await world.refresh()
    customer_list = world.accounts.refreshers()[1].collector._customer_list
    left: list[str] = []

    async def leave(request: httpx.Request) -> httpx.Response:
        if request.url.path == overview_path("c0005") and not left:
            left.append("c0005")
            staying = names(12)[:5]
            api.routes[BATCH_PATH] = portfolio(staying)[BATCH_PATH]
            await customer_list.refresh()
            if outcome != "good":
                return httpx.Response(500)
        return await api.answer(request)

    api.handler = leave
    if outcome == "token":
        for name in names(12)[6:]:
            api.routes[overview_path(name)] = httpx.ConnectError("gone")
    await world.refresh("protected")
    assert left
    assert set(up(world)) == set(names(12)[:5])
    assert world.labels("avepoint_scanned_objects", "customer_id") == set(names(12)[:5])
    await world.accounts.stop()


async def test_where_customers_cannot_be_listed_the_collector_is_down_and_its_customers_unread() -> None:
    api = FakeApi(portfolio(names(2)))
    world = World(api)
    await world.apply(partner())
    assert await world.refresh()
    await world.apply(partner(collectors={"protected_data": {"interval": "2h"}}))  # this reload drops the customer list
    api.routes[BATCH_PATH] = httpx.Response(500)
    assert not await world.refresh()
    assert up(world) == {"c0000": 0, "c0001": 0}
    assert world.labels("avepoint_scanned_objects", "customer_id") == {"c0000", "c0001"}
    await world.accounts.stop()


async def test_accounts_harm_no_other_and_share_no_label() -> None:
    api = FakeApi(portfolio(names(3)) | {LICENSE: LICENSE_ANSWER})
    broken = FakeApi({"/connect/token": lambda _: httpx.Response(500)})
    kept = api.answer
    other = {"base_url": "https://other.example.com", "token_url": "https://other.example.com/connect/token"}

    async def answer(request: httpx.Request) -> httpx.Response:
        return await (broken.answer if request.url.host == "other.example.com" else kept)(request)

    api.handler = answer
    world = World(api)
    await world.apply(partner(), tenant(collectors={"license": {}}), tenant("bad", collectors={"license": {}}, **other))
    assert not await world.refresh()
    assert world.value("avepoint_up", account="bad", collector="license") == 0
    assert world.value("avepoint_up", account="contoso", collector="license") == 1
    assert world.labels("avepoint_license_purchased_seats", "account") == {"contoso"}
    assert world.labels("avepoint_scanned_objects", "account") == {"msp"}
    assert world.accounts.ready
    await world.accounts.stop()


async def test_old_values_are_dropped_but_ages_and_history_stay() -> None:
    start = (1_795_000_000 - 3600) * 10**7
    api = JobApi([Raw("a", 1, 1, 2, start, start + 10**7, (1, 0, 0))])
    world = World(api)
    await world.apply(tenant(collectors={"jobs": {"max_age": "1h"}}))
    assert await world.refresh()
    shown = {name for name, _ in world.of_avepoint()}
    assert "avepoint_jobs" in shown
    api.fail_after = 0
    world.clock.advance(3601)
    assert not await world.refresh()
    history = {"avepoint_last_success_timestamp_seconds", "avepoint_jobs_completed_total"}
    history.add("avepoint_customer_backups_completed_total")
    assert {name for name, _ in world.of_avepoint()} == history
    labels = {"account": "contoso", "collector": "jobs"}
    assert world.value("avepoint_up", **labels) == 0
    assert world.value("avepoint_collector_last_success_timestamp_seconds", **labels) == pytest.approx(1_795_000_000)
    assert world.value("avepoint_collector_last_attempt_timestamp_seconds", **labels) == pytest.approx(1_795_003_601)
    assert world.value("avepoint_collector_duration_seconds", **labels) == pytest.approx(0, abs=0.1)
    api.fail_after = None
    assert await world.refresh()
    assert {name for name, _ in world.of_avepoint()} == shown
    await world.accounts.stop()


@pytest.mark.parametrize("step", [DAY, -DAY])
async def test_steps_of_the_wall_clock_neither_drop_nor_keep_values(step: float) -> None:
    api = FakeApi({LICENSE: LICENSE_ANSWER})
    world = World(api)
    await world.apply(tenant(collectors={"license": {"max_age": "1h"}}))
    assert await world.refresh()
    world.clock.step(step)
    assert world.value("avepoint_license_purchased_seats", account="contoso") == 5
    world.clock.advance(3601)
    assert world.value("avepoint_license_purchased_seats", account="contoso") is None
    await world.accounts.stop()


class Stop(Exception):  # noqa: N818 - no error
    """Raised to stop the endless loop of a refresher."""


async def pauses(world: World, outcomes: list[bool]) -> list[float]:
    """Run one refresh per item of `outcomes`, and return the pauses between the refreshes."""
    refresher = world.accounts.refreshers()[0]
    slept: list[float] = []
    left = list(outcomes)

    async def sleep(seconds: float) -> None:
        if seconds < 1:
            world.clock.advance(seconds)  # the client waits because of the rate limit
            return
        slept.append(seconds)
        if not left:
            raise Stop
        world.api.routes[LICENSE] = LICENSE_ANSWER if left.pop(0) else httpx.Response(500)

    world.clock.sleep = sleep  # type: ignore[method-assign] # a fake's own
    world.api.routes[LICENSE] = LICENSE_ANSWER if left.pop(0) else httpx.Response(500)
    with pytest.raises(Stop):
        await refresher.run()
    return slept


async def test_a_collector_runs_on_its_interval_and_sooner_after_a_failure() -> None:
    world = World(FakeApi())
    await world.apply(tenant(collectors={"license": {"interval": "10m"}}))
    slept = await pauses(world, [True, False, False, False, False, False, False, True])
    assert slept == pytest.approx([600, 30, 60, 120, 240, 480, 600, 600], abs=0.1)
    status = world.accounts.refreshers()[0].entry.status
    assert status.next_attempt == pytest.approx(world.clock.time() + 600, abs=0.1)
    await world.accounts.stop()


async def test_a_refresh_longer_than_the_interval_is_followed_by_a_short_pause() -> None:
    world = World(FakeApi())
    await world.apply(tenant(collectors={"license": {"interval": "10s"}}))

    def slow(_: httpx.Request) -> object:
        world.clock.advance(60)
        return LICENSE_ANSWER

    world.api.routes[LICENSE] = slow
    refresher = world.accounts.refreshers()[0]
    began = world.clock.monotonic()
    await refresher.refresh()
    assert refresher._pause(began, 0) == 1
    await world.accounts.stop()


async def test_a_refresh_never_overlaps_itself() -> None:
    at_once = most = 0
    world = World(FakeApi())

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return await world.api.answer(request)

    world.api.handler = answer
    world.api.routes[LICENSE] = LICENSE_ANSWER
    await world.apply(tenant(collectors={"license": {}}))
    await asyncio.gather(*(world.refresh() for _ in range(5)))
    assert most == 1
    await world.accounts.stop()


def refresher_of(world: World, collector: Any, **options: Any) -> Refresher:
    former = world.accounts.refreshers()[-1]
    return Refresher(collector, former.entry, workers=2, clock=world.clock, log=former._log, **options)


async def test_a_mistake_of_ours_costs_its_customer_alone() -> None:
    class Buggy(ProtectedDataCollector):
        async def read(self, customer_id: str) -> Any:
            return 1 / 0 if customer_id == "c0001" else await super().read(customer_id)

    world = World(FakeApi(portfolio(names(3))))
    await world.apply(partner())
    good = world.accounts.refreshers()[-1].collector
    good.__class__ = Buggy
    with capture_logs() as logs:
        assert await world.refresh()
    assert up(world) == {"c0000": 1, "c0001": 0, "c0002": 1}
    assert any(log["event"] == "customer failed unexpectedly" for log in logs)
    await world.accounts.stop()


async def test_a_mistake_of_ours_in_a_collector_is_a_failed_refresh() -> None:
    world = World(FakeApi({LICENSE: LICENSE_ANSWER}))
    await world.apply(tenant(collectors={"license": {}}))

    async def broken() -> Any:
        raise ZeroDivisionError

    world.accounts.refreshers()[0].collector.read = broken  # type: ignore[attr-defined] # a mistake on purpose
    with capture_logs() as logs:
        assert not await world.refresh()
    view = world.accounts.snapshot.views()[0]
    assert view.status.failure is not None
    assert (view.status.failure.message, view.status.failure.hint) == (
        "unexpected ZeroDivisionError",
        "please report this",
    )
    assert [log["event"] for log in logs] == ["refresh failed unexpectedly", "refresh failed"]
    await world.accounts.stop()


async def test_a_series_that_a_collector_gives_twice_is_shown_once() -> None:
    class Twice(ProtectedDataCollector):
        @classmethod
        def samples(cls, records: Any, customer_id: str) -> Any:
            labels = (customer_id, "", "", "Teams")
            return [Sample(SCANNED, labels, 1.0), Sample(SCANNED, labels, 2.0)]

    world = World(FakeApi(portfolio(names(1))))
    await world.apply(partner())
    world.accounts.refreshers()[-1].collector.__class__ = Twice
    with capture_logs() as logs:
        assert await world.refresh()
    assert world.value("avepoint_scanned_objects", account="msp", customer_id="c0000", workload="Teams") == 1
    assert any("duplicate series dropped" in log["event"] for log in logs)
    await world.accounts.stop()


async def test_no_customers_is_a_good_refresh_and_a_repeated_failure_is_logged_once_aloud() -> None:
    world = World(FakeApi(portfolio([])))
    await world.apply(partner())
    assert await world.refresh()
    world.api.routes.update(portfolio(names(2)))
    world.api.routes[overview_path("c0001")] = httpx.Response(500)
    with capture_logs() as logs:
        for _ in range(3):
            world.clock.advance(3600)
            assert await world.refresh()
    assert [log["log_level"] for log in logs if log["event"] == "customer failed"] == ["warning", "debug", "debug"]
    await world.accounts.stop()


async def test_a_customer_that_leaves_while_a_list_is_made_ready_is_not_shown_again() -> None:
    api = FakeApi(portfolio(names(3)))
    world = World(api)
    await world.apply(partner())
    refresher = next(one for one in world.accounts.refreshers() if one.collector.name == "customers")
    loop = asyncio.get_running_loop()

    async def leave() -> None:
        refresher._keep_only(["c0001"])

    class Leaving(CustomersCollector):
        @classmethod
        def samples(cls, records: Any, customer_id: str) -> Any:
            # This method runs on another thread, and waits until the event loop has run `leave`.
            asyncio.run_coroutine_threadsafe(leave(), loop).result(10)
            return super().samples(records, customer_id)

    refresher.collector.__class__ = Leaving
    assert await refresher.refresh()
    assert world.labels("avepoint_customer_info", "customer_id") == {"c0001"}
    await world.accounts.stop()


async def test_a_refresh_takes_one_call_a_customer_one_a_hundred_to_list_and_one_token_a_permission() -> None:
    api = FakeApi(portfolio(names(250)))
    world = World(api)
    await world.apply(partner(collectors={"subscriptions": {"enabled": False}}))
    for _ in range(2):
        api.requests.clear()
        assert await world.refresh()
        assert (api.calls("overview"), api.calls("batch"), len(api.requests)) == (250, 3, 253)
        assert len({request.url.path for request in api.requests}) == 251
        assert api.tokens == 2
        world.clock.advance(3000)
    await world.accounts.stop()


async def test_success_is_logged_once_and_again_only_after_a_failure() -> None:
    world = World(FakeApi({LICENSE: LICENSE_ANSWER}))
    await world.apply(tenant(collectors={"license": {}}))

    async def events() -> list[str]:
        with capture_logs() as logs:
            await world.refresh()
        return [log["event"] for log in logs]

    assert await events() == ["refreshed"]
    assert await events() == []
    world.api.routes[LICENSE] = httpx.Response(500)
    assert await events() == ["refresh failed"]
    world.api.routes[LICENSE] = LICENSE_ANSWER
    assert await events() == ["refreshed"]
    assert await events() == []
    await world.accounts.stop()


async def test_a_successful_collector_is_not_off() -> None:
    world = World(FakeApi({LICENSE: LICENSE_ANSWER}))
    await world.apply(tenant(collectors={"license": {}}))
    assert await world.refresh()
    (view,) = world.accounts.snapshot.views()
    assert (view.status.up, view.status.off, view.status.failure) == (True, False, None)
    await world.accounts.stop()


async def test_a_customer_that_recovered_is_read_in_its_order_again() -> None:
    world = World(FakeApi(portfolio(names(3))))
    await world.apply(partner(requests={"concurrency": 1, "per_second": 1000, "retries": 0}))

    async def order() -> list[str]:
        world.api.requests.clear()
        await world.refresh("protected_data")
        return [one.url.path.split("/")[6] for one in world.api.requests if one.url.path.endswith("overview")]

    world.api.routes[overview_path("c0000")] = httpx.Response(403)
    assert await order() == names(3)
    world.api.routes[overview_path("c0000")] = v3([module()])
    assert await order() == ["c0001", "c0002", "c0000"]
    assert await order() == names(3)
    await world.accounts.stop()
