"""A reload keeps unchanged accounts running, and stops removed accounts."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporter.engine.shard import Shard
from exporter.engine.snapshot import ReadResult
from tests.helpers import BATCH_PATH, FakeApi, World, config, overview_path, partner, portfolio, tenant

LICENSE = "/backup/m365/cloudbackuplicenseconsumption"
SEATS = {"statusCode": 200, "data": {"purchasedUserSeats": 5}}
SHOWN = "avepoint_license_purchased_seats"


def licensed(name: str = "contoso", **keys: Any) -> dict[str, Any]:
    return tenant(name, collectors={"license": {}}, **keys)


async def started() -> World:
    world = World(FakeApi({LICENSE: SEATS}))
    await world.apply(licensed("a"), licensed("b"))
    assert await world.refresh()
    return world


async def test_an_unchanged_account_keeps_snapshot_tokens_and_pace() -> None:
    world = await started()
    kept = world.accounts.refreshers("a")[0]
    pace = world.accounts._running["a"].client._throttle
    await world.apply(licensed("b", api="modern"), licensed("a"))
    assert world.accounts.names == ("b", "a")
    assert world.accounts.refreshers("a")[0] is kept
    assert world.accounts._running["a"].client._throttle is pace
    assert world.accounts.ready
    tokens = world.api.tokens
    assert await kept.refresh()
    assert world.api.tokens == tokens
    await world.accounts.stop()


class ClosingTransport(httpx.MockTransport):
    """A transport that records whether it was closed."""

    is_closed = False

    async def aclose(self) -> None:
        self.is_closed = True


async def test_a_removed_or_stopped_account_closes_its_connections() -> None:
    api, transports = FakeApi({LICENSE: SEATS}), list[ClosingTransport]()

    def transport() -> httpx.AsyncBaseTransport:
        transports.append(ClosingTransport(api.answer))
        return transports[-1]

    world = World(api, transport=transport)
    await world.apply(licensed("a"), licensed("b"))
    assert await world.refresh()
    await world.apply(licensed("b"))
    assert [one.is_closed for one in transports] == [True, False]
    await world.accounts.stop()
    assert all(one.is_closed for one in transports)


async def test_a_changed_account_of_the_same_registration_keeps_its_values_and_stays_ready() -> None:
    world = await started()
    before = world.samples()
    await world.apply(licensed("a", requests={"concurrency": 1}), licensed("b"))
    assert world.samples() == before
    assert world.accounts.ready
    assert await world.accounts.first_refreshes(within=0)
    await world.accounts.stop()


async def test_a_changed_account_that_was_not_ready_is_waited_for() -> None:
    world = World(FakeApi({LICENSE: SEATS}))
    await world.apply(licensed("a"))
    await world.apply(licensed("a", api="modern"))
    assert not await world.accounts.first_refreshes(within=0.01)
    await world.refresh()
    assert world.accounts.ready
    await world.accounts.stop()


@pytest.mark.parametrize(
    "change",
    [{"auth": {"client_id": "another", "client_secret": "x"}}, {"base_url": "https://other.example.com"}],
    ids=["app", "address"],
)
async def test_an_account_of_another_registration_starts_from_nothing(change: dict[str, Any]) -> None:
    world = await started()
    await world.apply(licensed("a", **change), licensed("b"))
    assert world.labels(SHOWN, "account") == {"b"}
    await world.accounts.stop()


async def test_what_a_changed_account_still_reads_does_not_reach_its_successor() -> None:
    world = World(FakeApi(portfolio(["x", "y"])))
    await world.apply(partner())
    assert await world.refresh()
    old = world.accounts.refreshers()[-1]
    await world.apply(partner(customers={"exclude": ["y"]}))
    old.entry.record_read("z", ReadResult((), 0.0, 0.0))
    assert "z" not in world.accounts.refreshers()[-1].entry.reads
    await world.refresh()
    assert world.labels("avepoint_customer_up", "customer_id") == {"x"}
    assert world.labels("avepoint_customer_info", "customer_id") == {"x"}
    await world.accounts.stop()


class Unlistable(FakeApi):
    """A partner with three customers. After `end_listing`, requests for the customer list fail."""

    def __init__(self) -> None:
        super().__init__(portfolio(["x", "y", "z"]))

    def end_listing(self) -> None:
        self.routes[BATCH_PATH] = httpx.Response(503)


async def unlistable(folder: Path | None = None) -> World:
    """Return a `World` after a refresh that failed for one customer. Later requests for the customer list fail."""
    world = World(api := Unlistable(), folder=folder)
    api.routes[overview_path("y")] = httpx.Response(500)
    await world.apply(partner())
    assert await world.refresh()
    assert customers_shown(world) == {"x", "y", "z"}
    api.end_listing()
    return world


def customers_shown(world: World) -> set[str]:
    """Return the customers that occur on the page or in the snapshot."""
    known = {one for refresher in world.accounts.refreshers() for one in refresher.entry.customers()}
    shown = {dict(labels)["customer_id"] for _, labels in world.samples() if "customer_id" in dict(labels)}
    return known | shown


NARROWED: tuple[tuple[dict[str, Any], set[str]], ...] = (
    ({"exclude": ["y"]}, {"x", "z"}),
    ({"include": ["x", "y"], "exclude": ["y"]}, {"x"}),
    ({"include": ["w"]}, set()),
    ({"include": ["z", "y", "x"]}, {"x", "y", "z"}),
)


@pytest.mark.parametrize(("customers", "left"), NARROWED)
async def test_customers_that_a_reload_excludes_leave_at_once(customers: dict[str, Any], left: set[str]) -> None:
    world = await unlistable()
    await world.apply(partner(customers=customers))
    assert customers_shown(world) == left
    await world.refresh("customers")
    assert customers_shown(world) == left
    await world.accounts.stop()


@pytest.mark.parametrize(("customers", "left"), NARROWED)
async def test_customers_that_a_restart_excludes_are_not_shown_again(
    customers: dict[str, Any], left: set[str], tmp_path: Path
) -> None:
    world = await unlistable(tmp_path)
    await world.restart(config(partner(customers=customers)))
    assert customers_shown(world) == left
    await world.accounts.stop()


async def test_customers_of_another_shard_are_not_shown_again(tmp_path: Path) -> None:
    world = await unlistable(tmp_path)
    await world.accounts.stop()
    seen = []
    for index in range(2):
        world.accounts = world.fresh()
        world.accounts._shard = Shard(index, 2)
        await world.accounts.apply(config(partner()), start=False)
        seen.append(customers_shown(world))
        await world.accounts.stop()
    assert seen == [{one for one in "xyz" if Shard(index, 2).owns(one)} for index in range(2)]
    assert all(seen)


async def test_a_removed_account_leaves_the_page_and_the_counters() -> None:
    world = await started()
    observer = world.accounts._running["a"].client._observer
    await world.apply(licensed("b"))
    assert {dict(labels).get("account") for _, labels in world.samples()} == {"b", None}
    # Results that arrive after the removal of the account must not create series.
    observer.token("timeout")
    observer.request("/x", "200", 1.0)
    observer.throttled(1.0)
    observer.certificate(1.0)
    observer.unknown("state")
    observer.unreadable("/x", "field")
    assert {dict(labels).get("account") for _, labels in world.samples()} == {"b", None}
    await world.apply(licensed("a"), licensed("b"))
    await world.refresh()
    assert world.value("avepoint_token_requests_total", account="a", result="success") == 1
    await world.accounts.stop()


async def test_a_collector_that_is_switched_off_leaves_the_page_and_one_switched_on_appears() -> None:
    world = await started()
    await world.apply(tenant("a", collectors={"jobs": {}, "license": {"enabled": False}}), licensed("b"))
    assert [one.collector.name for one in world.accounts.refreshers("a")] == ["jobs"]
    assert world.labels(SHOWN, "account") == {"b"}
    await world.accounts.stop()


async def test_a_broken_file_of_one_account_affects_no_other_account(tmp_path: Path) -> None:
    garbage = tmp_path / "ca.pem"
    garbage.write_text("no certificate")
    files = ({"tls": {"ca_file": str(garbage)}}, {"auth": {"client_id": "x", "certificate_file": str(garbage)}},
             {"auth": {"client_id": "x", "client_secret_file": str(garbage)}})  # fmt: skip
    garbage.write_bytes(b"\xff\xfe\xfd no secret either")
    for changes in files:
        world = await started()
        await world.apply(licensed("a", **changes), licensed("b"))
        await world.refresh()
        assert world.value("avepoint_up", account="a", collector="license") == 0
        assert world.value("avepoint_up", account="b", collector="license") == 1
        await world.accounts.stop()


async def test_accounts_that_are_started_refresh_by_themselves_and_stop() -> None:
    world = World(FakeApi({LICENSE: SEATS}))
    await world.apply(licensed("a"), start=True)
    assert await world.accounts.first_refreshes("a", within=5)
    assert world.value(SHOWN, account="a") == 5
    running = world.accounts._running["a"]
    await world.apply(licensed("a"), start=True)
    assert world.accounts._running["a"] is running
    await world.apply(licensed("b"), start=True)
    assert not running.tasks._tasks
    assert world.accounts.refreshers("a") == ()
    await world.accounts.stop()


async def test_an_account_removed_while_it_asks_for_a_token_stays_gone() -> None:
    asked, ended = asyncio.Event(), asyncio.Event()
    api = FakeApi({LICENSE: SEATS})

    async def hang(_: httpx.Request) -> httpx.Response:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError("unreachable")

    api.handler = hang
    world = World(api)
    await world.apply(licensed("a", requests={"timeout": "100ms", "retries": 0}), start=True)
    await asyncio.wait_for(asked.wait(), 60)
    await world.apply(licensed("b"))
    await asyncio.wait_for(ended.wait(), 60)  # the token request is canceled, or times out
    await world.accounts.stop()
    assert {dict(labels).get("account") for _, labels in world.samples()} == {"b", None}


@pytest.mark.parametrize("path", [BATCH_PATH, "/connect/token", overview_path("x")])
async def test_nothing_is_requested_for_an_account_after_its_removal(path: str) -> None:
    """The account is removed while a request for a customer list, a token or a customer is running."""
    reached, released = asyncio.Event(), asyncio.Event()
    api = FakeApi(portfolio([f"c{number:04}" for number in range(500)] + ["x"]))
    answer, sent = api.answer, list[str]()

    async def hold(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        if request.url.path == path:
            reached.set()
            await released.wait()
        return await answer(request)

    api.handler = hold
    world = World(api)
    await world.apply(partner(), start=True)
    await asyncio.wait_for(reached.wait(), 20)
    before = set(asyncio.all_tasks())
    await world.apply(licensed("other"))
    released.set()
    count = len(sent)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert len(sent) == count
    assert asyncio.all_tasks() < before, "all tasks of the account have ended"
    assert {dict(labels).get("account") for _, labels in world.samples()} == {None, "other"}
    await world.accounts.stop()


async def test_a_shard_reads_its_share() -> None:
    world = World(FakeApi({LICENSE: SEATS}))
    world.accounts._shard = Shard(0, 2)
    names = [f"t{number}" for number in range(20)]
    await world.accounts.apply(config(*(licensed(name) for name in names), partner()), start=False)
    assert world.accounts.names == (*(name for name in names if Shard(0, 2).owns(name)), "msp")
    await world.accounts.stop()
