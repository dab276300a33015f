"""Test the collector that reads a partner's customer list."""

import asyncio
import json
from collections.abc import Collection
from typing import Any

import httpx
import pytest

from exporter.avepoint.endpoints import CUSTOMERS
from exporter.avepoint.lists import PAGE_SIZE
from exporter.collectors.customer import Customer
from exporter.collectors.customer_list import CustomerList
from exporter.errors import BadRequestError, IncompleteListError, TokenError, UnavailableError
from tests.fakes import FAST, ClientHarness, good_token, make_account, payload
from tests.helpers import BATCH_PATH, FakeApi, World, customer, customer_jobs_path, partner, portfolio, v3


class Portfolio:
    """A fake service that returns a customer list through only one API version."""

    def __init__(self, more: str = "", *, modern: bool = True, account: str = FAST) -> None:
        self.ids: list[str] = ["a", "b", "c"]
        self.total: int | None = None
        self.fails = False
        self.modern = modern
        self.asked: list[Any] = []
        self.open = asyncio.Event()
        self.open.set()
        self.world = ClientHarness(self._answer, make_account("partner", f"{account}\n{more}".strip()))
        self.customer_list = CustomerList(self.world.account, self.world.client, self.world.clock, self.world.log.bound)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        await self.open.wait()
        if self.fails:
            return httpx.Response(400)
        named = [
            {"id": key, "organization": f"Org {key}", "jobStatus": 1, "ownerEmail": "o@example.com"} for key in self.ids
        ]
        if request.url.path == CUSTOMERS.modern.template and self.modern:
            self.asked.append(json.loads(request.content))
            start = (int(request.url.params["pageIndex"]) - 1) * PAGE_SIZE
            page = named[start : start + PAGE_SIZE]
            total = len(named) if self.total is None else self.total
            return httpx.Response(200, json={"data": page, "metadata": {"totalCount": total}})
        if request.url.path == "/partner/customers" and not self.modern:
            start = int(request.url.params["$skip"])
            return httpx.Response(200, json={"value": named[start : start + PAGE_SIZE]})
        return httpx.Response(404)

    @property
    def lists(self) -> int:
        return len(self.world.calls)


async def ids(customer_list: CustomerList, max_age: float) -> tuple[str, ...]:
    return tuple([customer_id async for customer_id in customer_list.ids(max_age)])


@pytest.mark.parametrize("modern", [True, False])
@pytest.mark.parametrize("count", [0, 1, 100, 300])
async def test_lists_all_in_either_version(modern: bool, count: int) -> None:
    portfolio = Portfolio(modern=modern)
    portfolio.ids = [f"c{number}" for number in range(count)]
    listing = await portfolio.customer_list.refresh()
    assert list(listing.customers) == portfolio.ids
    assert portfolio.customer_list.api_versions.answered == ("modern" if modern else "legacy")
    assert portfolio.lists <= max(1, count // 100) + 1 + (not modern)


@pytest.mark.parametrize("modern", [True, False])
async def test_the_documented_samples(modern: bool) -> None:
    body = payload("customers-v3" if modern else "customers-legacy")

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("$skip", "0") != "0":
            return httpx.Response(200, json={"value": []})
        return httpx.Response(200, json=body)

    world = ClientHarness(handler, make_account("partner", f"api: {'modern' if modern else 'legacy'}"))
    listing = await CustomerList(world.account, world.client, world.clock, world.log.bound).refresh()
    tenants = {"t-1": "contoso.example.com"} if modern else {}
    mode = "partner" if modern else None
    assert listing.customers["c-1"] == Customer(
        "c-1", "Contoso", "Germany", "multiple_issues_found", tenants=tenants, management_mode=mode
    )
    if modern:
        assert listing.customers["c-2"] == Customer("c-2", "Fabrikam", "France", None, management_mode="customer")


async def test_a_permission_not_granted_falls_back() -> None:
    portfolio = Portfolio(modern=False)

    def tokens(request: httpx.Request) -> httpx.Response:
        granted = b"partner.customers" in request.content
        return good_token(request) if granted else httpx.Response(400, json={"error": "invalid_scope"})

    portfolio.world._tokens = tokens
    assert list((await portfolio.customer_list.refresh()).customers) == portfolio.ids


async def test_include_asks_for_those_and_exclude_wins() -> None:
    portfolio = Portfolio('customers: {include: [b, c, z], exclude: ["c"]}')
    listing = await portfolio.customer_list.refresh()
    assert list(listing.customers) == ["b"]
    assert portfolio.asked == [{"customerIds": ["b", "z"]}]
    assert portfolio.customer_list.wanted.unlisted == ["z"]
    assert not portfolio.customer_list.wanted.are_none_listed
    assert await ids(portfolio.customer_list, 60) == ("b",)


GUID = "a1cdf2af-0000-4000-8000-00000000000a"


@pytest.mark.parametrize("spelled", [GUID, GUID.upper(), f"{{{GUID}}}", GUID.replace("-", "")])
async def test_all_spellings_of_an_id_are_equal(spelled: str) -> None:
    including, excluding = (Portfolio(f'customers: {{{key}: ["{spelled}"]}}') for key in ("include", "exclude"))
    for one, read in ((including, [GUID]), (excluding, ["b"])):
        one.ids = [GUID, "b"]
        assert list((await one.customer_list.refresh()).customers) == read
        assert one.customer_list.wanted.unlisted == []
    assert including.asked == [{"customerIds": [GUID]}]


@pytest.mark.parametrize(("key", "is_nobody"), [("include", True), ("exclude", False)])
async def test_configured_customers_that_are_not_listed_are_logged_once(key: str, is_nobody: bool) -> None:
    portfolio = Portfolio(f'customers: {{{key}: ["*", "y"]}}')
    for _ in range(2):
        await portfolio.customer_list.refresh()
    assert sorted(portfolio.customer_list.wanted.unlisted) == ["*", "y"]
    assert portfolio.customer_list.wanted.are_none_listed is is_nobody
    assert str(portfolio.world.log.lines).count("contains customers that AvePoint does not list") == 1
    assert "*, y" in str(portfolio.world.log.lines)
    portfolio.ids = ["*", "y"]
    await portfolio.customer_list.refresh()
    assert list(portfolio.customer_list.wanted.unlisted) == []


async def test_excluded_customers_are_not_looked_for_in_a_list_of_the_included_ones() -> None:
    portfolio = Portfolio('customers: {include: ["a"], exclude: ["y"]}')
    await portfolio.customer_list.refresh()
    assert portfolio.customer_list.wanted.unlisted == []


async def test_an_include_of_many_lists_all() -> None:
    many = ", ".join(f"c{number}" for number in range(101))
    portfolio = Portfolio(f"customers: {{include: [{many}]}}")
    portfolio.ids = ["a", "c1"]
    assert list((await portfolio.customer_list.refresh()).customers) == ["c1"]
    assert portfolio.asked == [{}]


async def test_exclude_alone() -> None:
    portfolio = Portfolio('customers: {exclude: ["b"]}')
    assert list((await portfolio.customer_list.refresh()).customers) == ["a", "c"]
    assert portfolio.asked == [{}]


async def test_an_incomplete_list_is_an_error_and_no_customer_leaves() -> None:
    portfolio = Portfolio()
    await portfolio.customer_list.refresh()
    portfolio.ids, portfolio.total = ["a", "d"], 9
    with pytest.raises(IncompleteListError, match="received 2 of 9 rows"):
        await portfolio.customer_list.refresh()
    assert portfolio.customer_list.lists("b")
    assert await ids(portfolio.customer_list, 0) == ("a", "d", "b", "c")
    assert "the list is incomplete" in portfolio.world.log
    portfolio.total = None
    listing = await portfolio.customer_list.refresh()
    assert list(listing.customers) == ["a", "d"]
    assert not portfolio.customer_list.lists("b")


async def test_before_the_first_listing_everyone_is_a_customer() -> None:
    portfolio = Portfolio()
    assert portfolio.customer_list.lists("anyone")
    await portfolio.customer_list.refresh()
    assert portfolio.customer_list.lists("a")
    assert not portfolio.customer_list.lists("anyone")


async def test_who_waits_for_a_listing_shares_it() -> None:
    portfolio = Portfolio()
    portfolio.open.clear()
    listing = [asyncio.create_task(portfolio.customer_list.refresh()) for _ in range(5)]
    knowing = [asyncio.create_task(ids(portfolio.customer_list, 3600)) for _ in range(5)]
    await asyncio.sleep(0.001)
    portfolio.world.clock.advance(1)
    late = asyncio.create_task(ids(portfolio.customer_list, 0.1))
    await asyncio.sleep(0.001)
    portfolio.open.set()
    await asyncio.gather(*listing, *knowing, late)
    assert portfolio.lists == 1


async def test_a_listing_is_used_until_it_is_too_old() -> None:
    portfolio = Portfolio()
    for passed, lists in ((0, 1), (59, 1), (2, 2)):
        portfolio.world.clock.advance(passed)
        assert await ids(portfolio.customer_list, 60) == ("a", "b", "c")
        assert portfolio.lists == lists


async def test_watchers_are_told_of_every_listing() -> None:
    portfolio = Portfolio()
    told: list[Collection[str]] = []
    portfolio.customer_list.watch(lambda ids: told.append(tuple(ids)))
    await portfolio.customer_list.refresh()
    portfolio.world.clock.advance(1)
    portfolio.ids = ["b"]
    await portfolio.customer_list.refresh()
    portfolio.fails = True
    portfolio.world.clock.advance(1)
    assert await ids(portfolio.customer_list, 0.5) == ("b",)
    assert told == [("a", "b", "c"), ("b",)]


async def test_when_listing_fails_those_known_are_read() -> None:
    portfolio = Portfolio()
    await portfolio.customer_list.refresh()
    portfolio.fails = True
    portfolio.world.clock.advance(100)
    assert await ids(portfolio.customer_list, 60) == ("a", "b", "c")
    assert "cannot read the customer list" in portfolio.world.log


async def test_when_listing_never_worked_those_named_are_read() -> None:
    portfolio = Portfolio("customers: {include: [y, x, z], exclude: [z]}")
    portfolio.fails = True
    assert await ids(portfolio.customer_list, 60) == ("x", "y")
    nobody = Portfolio()
    nobody.fails = True
    with pytest.raises(Exception, match="HTTP 400"):
        await ids(nobody.customer_list, 60)


async def test_all_who_wait_for_a_listing_that_fails_learn_of_it() -> None:
    portfolio = Portfolio(account=FAST.replace("retries: 3", "retries: 0"))
    portfolio.world._tokens = lambda _: httpx.Response(400, json={"error": "invalid_client"})
    results = await asyncio.gather(*(portfolio.customer_list.refresh() for _ in range(3)), return_exceptions=True)
    assert all(isinstance(result, TokenError | UnavailableError) for result in results)


async def test_rows_without_an_id_or_with_an_address_are_left_out() -> None:
    rows = [
        {"id": ["x"]},
        {},
        {"Id": "ok", "organization": "it@example.com"},
        {"id": "it@example.com"},
        7,
        {"id": "ok"},
    ]
    world = ClientHarness(lambda _: httpx.Response(200, json=rows), make_account("partner"))
    listing = await CustomerList(world.account, world.client, world.clock, world.log.bound).refresh()
    assert listing.customers == {"ok": Customer("ok", "", "", None)}
    assert world.observer.unread[CUSTOMERS.modern.template, "id"] == 4
    assert "example.com" not in str(world.log.lines)


async def test_only_what_this_process_owns() -> None:
    portfolio = Portfolio()
    world = portfolio.world
    customer_list = CustomerList(world.account, world.client, world.clock, world.log.bound, owns=lambda key: key != "a")
    assert await ids(customer_list, 60) == ("b", "c")


OURS, THEIRS = "caf94a75-2cc6-43aa-b04b-794cb9af5ea3", "f1626c49-2cc6-43aa-b04b-794cb9af5ea3"


@pytest.mark.parametrize("named", [THEIRS, THEIRS.upper(), f"{{{THEIRS}}}", THEIRS.replace("-", "")])
@pytest.mark.parametrize("more", ["", f'customers: {{exclude: ["{THEIRS}"]}}', "customers: {exclude: [a]}"])
async def test_a_customer_of_the_account_is_known_for_ever_in_any_spelling(more: str, named: str) -> None:
    portfolio = Portfolio(more)
    portfolio.ids = [OURS, THEIRS]
    for _ in range(2):
        await portfolio.customer_list.refresh()
        assert portfolio.customer_list.has_listed(named) is True
        portfolio.ids = [OURS]
    assert portfolio.customer_list.has_listed("unlisted") is False


async def test_a_customer_of_another_shard_is_known() -> None:
    portfolio = Portfolio()
    world = portfolio.world
    customer_list = CustomerList(world.account, world.client, world.clock, world.log.bound, owns=lambda key: key != "a")
    await customer_list.refresh()
    assert customer_list.has_listed("a") is True
    assert customer_list.has_listed("z") is False


async def test_whether_a_customer_exists_is_unknown_until_all_customers_are_listed() -> None:
    portfolio = Portfolio()
    assert portfolio.customer_list.has_listed("a") is None
    portfolio.total = 9
    with pytest.raises(IncompleteListError):
        await portfolio.customer_list.refresh()
    assert portfolio.customer_list.has_listed("a") is True
    assert portfolio.customer_list.has_listed("z") is None
    few = Portfolio("customers: {include: [a, b], exclude: [y]}")
    await few.customer_list.refresh()
    assert [few.customer_list.has_listed(name) for name in ("a", "b", "y", "z")] == [True, True, True, None]


async def test_a_row_without_a_readable_id_may_be_any_customer() -> None:
    rows = v3([{"id": "a"}, {"id": ["x"]}])
    world = ClientHarness(lambda _: httpx.Response(200, json=rows), make_account("partner"))
    customer_list = CustomerList(world.account, world.client, world.clock, world.log.bound)
    await customer_list.refresh()
    assert customer_list.has_listed("z") is None


class Paged:
    """A service that returns each page of customers only when the test releases the page."""

    def __init__(self, count: int) -> None:
        self.answers: asyncio.Queue[int] = asyncio.Queue()
        self.names = [f"c{number:03}" for number in range(count)]
        self.world = ClientHarness(self._answer, make_account("partner", FAST))
        self.customer_list = CustomerList(self.world.account, self.world.client, self.world.clock, self.world.log.bound)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        code = await self.answers.get()
        start = (int(request.url.params["pageIndex"]) - 1) * PAGE_SIZE
        rows = [{"id": name} for name in self.names[start : start + PAGE_SIZE]]
        return httpx.Response(code, json={"data": rows, "metadata": {"totalCount": len(self.names)}})


async def test_customers_are_given_as_their_page_comes_and_count_as_customers() -> None:
    paged = Paged(250)
    await paged.answers.put(200)
    given = paged.customer_list.ids(60)
    assert [await anext(given) for _ in range(100)] == paged.names[:100]
    late = asyncio.create_task(ids(paged.customer_list, 60))
    waiting = asyncio.ensure_future(anext(given))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    for _ in range(2):
        await paged.answers.put(200)
    assert [await waiting] + [one async for one in given] == paged.names[100:]
    assert await late == tuple(paged.names)
    assert len(paged.world.calls) == 3
    paged.names.insert(0, "new")
    paged.world.clock.advance(60)
    await paged.answers.put(200)
    again = paged.customer_list.ids(60)
    assert await anext(again) == "new"
    assert paged.customer_list.lists("new"), "the customer is known before the listing is complete"
    await again.aclose()
    for _ in range(2):
        await paged.answers.put(200)
    assert "new" in (await paged.customer_list.refresh()).customers, (
        "the listing continued, because other collectors may be waiting for it"
    )
    assert len(paged.world.calls) == 6
    leaving = asyncio.create_task(ids(paged.customer_list, 0))
    await asyncio.sleep(0.01)
    leaving.cancel()
    await asyncio.sleep(0.01)
    assert not paged.customer_list._lock.locked(), "a canceled caller cancels the listing that it started"


async def test_a_listing_that_fails_halfway_tells_so_after_what_it_gave() -> None:
    paged = Paged(150)
    for code in (200, 400):
        await paged.answers.put(code)
    arriving = paged.customer_list.ids(60)
    assert [await anext(arriving) for _ in range(100)] == paged.names[:100]
    with pytest.raises(BadRequestError):
        await anext(arriving)
    for _ in range(2):
        await paged.answers.put(200)
    await paged.customer_list.refresh()
    paged.world.clock.advance(60)
    paged.names[99] = "new"
    for code in (200, 400):
        await paged.answers.put(code)
    assert await ids(paged.customer_list, 60) == (*paged.names[:100], "c099", *paged.names[100:])


async def test_an_incomplete_list_counts_once_per_round_of_refreshes() -> None:
    api = FakeApi({**portfolio(["c-1", "c-2"]), BATCH_PATH: v3([customer("c-1"), customer("c-2")], 3)})
    world = World(api)
    await world.apply(partner(collectors={"customer_jobs": {}}))
    api.routes |= {customer_jobs_path(name): v3([]) for name in ("c-1", "c-2")}
    for _ in range(2):
        await world.refresh()
        await world.refresh("customer_jobs")
        assert world.value("avepoint_up", account="msp", collector="customers") == 0
        assert world.value("avepoint_up", account="msp", collector="protected_data") == 0
        assert world.labels("avepoint_scanned_objects", "customer_id") == {"c-1", "c-2"}
        world.clock.advance(3600)
    requests = api.calls("/customers/batch")
    await world.refresh()
    assert world.value("avepoint_up", account="msp", collector="customers") == 1
    assert world.value("avepoint_up", account="msp", collector="protected_data") == 1
    assert requests == 2 * 2 * 2, "each of two refreshes reads two pages twice"
    await world.accounts.stop()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("order", [1, -1])
async def test_rows_that_contradict_each_other_make_values_unknown_and_no_customer_vanish(
    *, legacy: bool, order: int
) -> None:
    tenants = [{"id": "t-1", "name": "one"}, {"id": "t-2", "name": "two"}]
    rows = [
        customer("c-1", tenants=tenants),
        customer("c-1", organization="Other", jobStatus=2, tenants=[{"id": "t-1", "name": "uno"}]),
        customer("c-2"), customer("c-2"),
    ][::order]  # fmt: skip
    world = World(FakeApi({"/partner/customers": {"value": rows}} if legacy else {BATCH_PATH: v3(rows, 3)}))
    await world.apply(partner(collectors={"protected_data": {"enabled": False}}))
    assert not await world.refresh()
    known = {"account": "msp", "country": "Iceland"}
    assert world.value("avepoint_customer_info", customer_id="c-1", **known) == 1
    assert world.value("avepoint_customer_info", customer_id="c-2", organization="Org c-2", **known) == 1
    assert world.labels("avepoint_customer_status", "customer_id") == {"c-2"}
    assert world.labels("avepoint_customer_tenant_info", "tenant") == {"", "two"}
    assert world.value("avepoint_up", account="msp", collector="customers") == 0
    assert sum(value for (name, _), value in world.samples().items() if name == "avepoint_parse_errors_total") == 1
    await world.accounts.stop()


@pytest.mark.parametrize("identifier", [None, ["c-2"], "me@example.com"])
async def test_a_customer_whose_id_cannot_be_read_has_not_left(identifier: object) -> None:
    world = World(FakeApi({BATCH_PATH: v3([customer("c-1"), customer("c-2")])}))
    await world.apply(partner(collectors={"protected_data": {"enabled": False}}))
    assert await world.refresh()
    world.api.routes[BATCH_PATH] = v3([customer("c-1", organization="New"), {**customer("c-2"), "id": identifier}])
    assert not await world.refresh()
    assert world.labels("avepoint_customer_info", "organization") == {"New", "Org c-2"}
    assert world.value("avepoint_up", account="msp", collector="customers") == 0
    world.api.routes[BATCH_PATH] = v3([customer("c-1")])
    assert await world.refresh()
    assert world.labels("avepoint_customer_info", "customer_id") == {"c-1"}
    await world.accounts.stop()
