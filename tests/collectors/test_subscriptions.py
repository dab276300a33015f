"""Each subscription has its own series, even if AvePoint's list changes."""

import random
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collectors.partner.subscriptions import (
    INFO,
    NUMBERS,
    Subscription,
    Subscriptions,
    SubscriptionsCollector,
    Words,
)
from tests.helpers import BATCH_PATH, FakeApi, World, customer, partner, v3

PATH = "/partner/external/v3/general/customers/services/batch"
EXPIRY = "avepoint_subscription_expiry_timestamp_seconds"
SEATS = "avepoint_subscription_purchased_seats"
M365 = "Cloud Backup for Microsoft 365"
SOON, LATER = 1_798_502_400.0, 1_830_124_799.0


def product(service: str | None = M365, **values: Any) -> dict[str, Any]:
    return {"service": service, "purchasedUserSeats": "5", "expirationDate": "2026-12-29T00:00:00Z", **values}


def row(identifier: str = "c-1", *products: Any) -> dict[str, Any]:
    return {"customerId": identifier, "organization": "Org", "customer": "me@example.com", "products": [*products]}


def later(**values: Any) -> dict[str, Any]:
    return product(expirationDate="12/29/2027", **values)


async def shown(name: str, *rows: Any, **keys: Any) -> dict[tuple[str, ...], float]:
    """Refresh the collector with these rows. Return the values of a metric, keyed by all labels except `account`."""
    world = World(FakeApi({PATH: v3(list(rows))}))
    await world.apply(partner(collectors=only({}), **keys))
    assert await world.refresh()
    values = by_labels(world, name)
    await world.accounts.stop()
    return values


def only(options: dict[str, Any]) -> dict[str, Any]:
    return {"customers": {"enabled": False}, "protected_data": {"enabled": False}, "subscriptions": options}


def by_labels(world: World, name: str) -> dict[tuple[str, ...], float]:
    found = ((dict(labels), value) for (family, labels), value in world.of_avepoint().items() if family == name)
    return {
        tuple(labels[key] for key in ("customer_id", "service_type", "subscription") if key in labels): value
        for labels, value in found
    }


async def test_two_packages_are_named_by_their_words() -> None:
    both = (product(package="Standard"), later(package="Enterprise", purchasedUserSeats="7"))
    assert await shown(SEATS, row("c-1", *both)) == {("c-1", M365, "Standard"): 5, ("c-1", M365, "Enterprise"): 7}


async def test_a_renewal_in_the_same_words_is_numbered_by_expiry() -> None:
    both = (later(source="AvePoint subscription"), product(source="AvePoint subscription"))
    name = "AvePoint subscription"
    assert await shown(EXPIRY, row("c-1", *both)) == {
        ("c-1", M365, f"{name} #1"): SOON, ("c-1", M365, f"{name} #2"): LATER,
    }  # fmt: skip


async def test_without_any_words_a_number_is_left_and_never_an_empty_name() -> None:
    assert set(await shown(EXPIRY, row("c-1", later(), product()))) == {("c-1", M365, "#1"), ("c-1", M365, "#2")}
    assert set(await shown(EXPIRY, row("c-1", product(), product(package="Plus")))) == {
        ("c-1", M365, "#1"), ("c-1", M365, "Plus"),
    }  # fmt: skip


async def test_what_never_expires_comes_last_and_has_no_expiry() -> None:
    rows = row("c-1", product(expirationDate="N/A", purchasedUserSeats="1"), product(purchasedUserSeats="2"))
    assert await shown(EXPIRY, rows) == {("c-1", M365, "#1"): SOON}
    assert await shown(SEATS, rows) == {("c-1", M365, "#1"): 2, ("c-1", M365, "#2"): 1}


async def test_a_number_is_not_mistaken_for_a_word() -> None:
    three = (product(package="A"), later(package="A"), product(package="A #1"))
    assert len(await shown(EXPIRY, row("c-1", *three))) == 3


async def test_a_second_subscription_comes_and_goes() -> None:
    world = World(FakeApi())
    await world.apply(partner(collectors=only({})))
    first, second = product(package="Standard"), later(package="Enterprise")
    seen = []
    for products in ((first,), (first, second), (first, second, product(package="Plus")), (second,)):
        world.api.routes[PATH] = v3([row("c-1", *products)])
        assert await world.refresh()
        seen.append({labels[2:]: value for labels, value in by_labels(world, EXPIRY).items()})
    assert seen == [
        {(): SOON},
        {("Standard",): SOON, ("Enterprise",): LATER},
        {("Standard",): SOON, ("Enterprise",): LATER, ("Plus",): SOON},
        {(): LATER},
    ]
    await world.accounts.stop()


async def test_services_and_customers_do_not_make_each_others_plural() -> None:
    rows = (row("c-1", product("Cense"), product()), row("c-2", product()))
    assert set(await shown(EXPIRY, *rows)) == {("c-1", "Cense"), ("c-1", M365), ("c-2", M365)}


async def test_a_customer_in_two_rows_has_what_both_list() -> None:
    rows = (row("c-1", product(package="A")), row("c-2", product()), row("c-1", product(package="B"), product("Cense")))
    assert set(await shown(EXPIRY, *rows)) == {
        ("c-1", M365, "A"), ("c-1", M365, "B"), ("c-1", "Cense"), ("c-2", M365),
    }  # fmt: skip


async def test_equal_subscriptions_of_one_row_are_two_purchases() -> None:
    again = product(change="+3")  # the exporter does not read the field `change`
    assert await shown(SEATS, row("c-1", product(), again)) == {("c-1", M365, "#1"): 5, ("c-1", M365, "#2"): 5}
    three = (product(package="A"), later(package="A"), product(package="A"))
    assert await shown(EXPIRY, row("c-1", *three)) == {
        ("c-1", M365, "A #1"): SOON, ("c-1", M365, "A #2"): SOON, ("c-1", M365, "A #3"): LATER,
    }  # fmt: skip


async def test_a_row_of_a_customer_that_is_listed_twice_counts_once() -> None:
    both = (product(), product(), later())
    assert await shown(SEATS, row("c-1", *both), row("c-2", product()), row("c-1", *reversed(both))) == {
        ("c-1", M365, "#1"): 5, ("c-1", M365, "#2"): 5, ("c-1", M365, "#3"): 5, ("c-2", M365): 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("other", "services"), [(product("Cense"), {"Cense"}), (product(), set[str]()), (later(), set[str]())]
)
async def test_an_equal_subscription_in_two_different_rows_of_a_customer_is_not_shown(
    other: dict[str, Any], services: set[str]
) -> None:
    rows = (row("c-1", product()), row("c-1", product(), other), row("c-2", product()))
    world = World(FakeApi({PATH: v3(list(rows))}))
    await world.apply(partner(collectors=only({})))
    await world.refresh()
    assert by_labels(world, SEATS) == {**{("c-1", service): 5 for service in services}, ("c-2", M365): 5}
    assert world.value("avepoint_up", account="msp", collector="subscriptions") == 0
    assert world.value("avepoint_parse_errors_total", account="msp", path=PATH, field="products") == 1
    await world.accounts.stop()


async def test_rows_that_say_nothing_cost_only_themselves() -> None:
    rows: list[Any] = [
        {}, 7, {"customerId": None, "products": [product()]}, {"customerId": "me@example.com", "products": [product()]},
        {"customerId": "c-2", "products": "some"}, {"customerId": "c-3", "products": None}, {"customerId": "c-4"},
        row("c-5", 7, None, {}, product(service=None), product("me@example.com"), product("Cense", package=["x"])),
        row("c-6", product(purchasedUserSeats="many", expirationDate="soon", package="me@example.com")),
    ]  # fmt: skip
    assert set(await shown(INFO.name, *rows)) == {("c-5", "Cense"), ("c-6", M365)}
    assert set(await shown(SEATS, *rows)) == {("c-5", "Cense")}


@pytest.mark.parametrize("never", ["N/A", "", None, "0001-01-01T00:00:00Z", 0, "someday"])
async def test_never_is_no_time(never: object) -> None:
    assert await shown(EXPIRY, row("c-1", product(expirationDate=never))) == {}
    assert await shown(SEATS, row("c-1", product(expirationDate=never))) == {("c-1", M365): 5}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12-29-2026T00:00:00Z", 0), ("2026-12-29T00:00:00Z", 0), ("2026-12-29T02:00:00+02:00", 0),
        ("12-29-2026T11:00:00Z", 11 * 3600), ("2026-12-29T12:00:00Z", 12 * 3600),
        ("12/29/2026", 86_399), ("2026-12-29", 86_399), ("2026/12/29", 86_399), ("12-29-2026", 86_399),
        ("12-29-2026T12:00:00Z", 86_399), ("12-29-2026T12:00:00.0000000Z", 86_399), ("12-29-2026T12:00Z", 86_399),
        ("12-29-2026 12:00:00", 86_399), ("12/29/2026T12:00:00+00:00", 86_399), ("12/29/2026 12:00:00", 86_399),
        ("12-29-2026T12:00:00.1Z", 43_200.1), ("12-29-2026T12:00:00-08:00", 20 * 3600),
    ],
)  # fmt: skip
async def test_every_form_of_a_date(text: str, seconds: float) -> None:
    assert await shown(EXPIRY, row("c-1", product(expirationDate=text))) == {("c-1", M365): SOON + seconds}


async def test_only_customers_that_are_wanted_and_listed() -> None:
    rows = [row(name, product()) for name in ("c-1", "c-2", "c-3", "gone")]
    assert set(await shown(SEATS, *rows, customers={"include": ["c-1", "c-2"], "exclude": ["c-2"]})) == {("c-1", M365)}
    listing = v3([customer("c-1"), customer("c-2"), customer("c-3")])
    world = World(FakeApi({BATCH_PATH: listing, PATH: v3(rows)}))
    await world.apply(partner(collectors=only({}) | {"customers": {}}, customers={"exclude": ["c-2"]}))
    for _ in range(3):  # the first refresh of subscriptions runs before the exporter lists customers
        assert await world.refresh("subscriptions")
        assert await world.refresh("customers")
    assert set(by_labels(world, SEATS)) == {("c-1", M365), ("c-3", M365)}
    assert await world.refresh("subscriptions")
    assert set(by_labels(world, SEATS)) == {("c-1", M365), ("c-3", M365)}
    world.api.routes[BATCH_PATH] = v3([customer("c-3")])
    assert await world.refresh("customers")
    assert set(by_labels(world, SEATS)) == {("c-3", M365)}
    await world.accounts.stop()


async def test_an_incomplete_list_fails_and_drops_nobody() -> None:
    world = World(FakeApi({PATH: v3([row("c-1", product()), row("c-2", product())])}))
    await world.apply(partner(collectors=only({})))
    assert await world.refresh()

    def half(request: httpx.Request) -> object:
        return v3([row("c-1", later())] if request.url.params["pageIndex"] == "1" else [], total=2)

    world.api.routes[PATH] = half
    assert not await world.refresh()
    assert by_labels(world, EXPIRY) == {("c-1", M365): SOON, ("c-2", M365): SOON}
    assert world.value("avepoint_up", account="msp", collector="subscriptions") == 0
    world.clock.advance(13 * 3600)
    assert by_labels(world, EXPIRY) == {}
    await world.accounts.stop()


@pytest.mark.parametrize("count", [0, 1, 100, 101, 230])
async def test_all_pages_are_read_once(count: int) -> None:
    rows = [row(f"c-{number}", product()) for number in range(count)]

    def page(request: httpx.Request) -> object:
        assert request.content == b"{}"
        number, size = int(request.url.params["pageIndex"]), int(request.url.params["pageSize"])
        return v3(rows[(number - 1) * size : number * size], count)

    world = World(FakeApi({PATH: page}))
    await world.apply(partner(collectors=only({}), api="modern"))
    assert await world.refresh()
    assert len(by_labels(world, EXPIRY)) == count
    assert world.api.calls("services") == max(1, -(-count // 100)) + (count == 100)
    await world.accounts.stop()


async def test_a_second_row_of_a_customer_alone_on_the_next_page_is_read() -> None:
    rows = [row(f"c-{number}", product()) for number in range(100)] + [row("c-99", product("Cense"))]

    def page(request: httpx.Request) -> object:
        number = int(request.url.params["pageIndex"])
        return v3(rows[(number - 1) * 100 : number * 100], len(rows))

    world = World(FakeApi({PATH: page}))
    await world.apply(partner(collectors=only({})))
    assert await world.refresh()
    assert ("c-99", "Cense") in by_labels(world, EXPIRY)
    await world.accounts.stop()


async def test_a_legacy_api_that_ignores_skip_gives_no_phantoms() -> None:
    answers = 0

    def services(_: httpx.Request) -> object:
        nonlocal answers
        answers += 1  # each response contains the same list with a larger size
        return {"value": [row("c-1", product(consumedStorage=f"{answers} GB")), {"Products": [product()]}]}

    world = World(FakeApi({"/partner/services": services}))
    await world.apply(partner(collectors=only({}), api="legacy"))
    assert await world.refresh()
    assert by_labels(world, "avepoint_subscription_consumed_storage_bytes") == {("c-1", M365): 1024**3}
    assert answers == 2
    await world.accounts.stop()


@pytest.mark.parametrize("status", [403, 404])
async def test_it_is_off_where_the_permission_was_never_granted(status: int) -> None:
    world = World(FakeApi({PATH: httpx.Response(status)}))
    await world.apply(partner(collectors=only({})))
    assert await world.refresh()
    assert world.value("avepoint_up", account="msp", collector="subscriptions") is None
    assert world.of_avepoint() == {}
    await world.accounts.stop()


NUMBER = st.sampled_from([None, 0.0, 1.0, 2.0])
WORD = st.sampled_from(["", "A", "B", "A / B", "A #1", "#1"])
ANY = st.builds(
    Subscription,
    customer_id=st.sampled_from(["c-1", "c-2"]),
    service=st.sampled_from(["s", "t"]),
    words=st.builds(lambda one, two: Words(one, two, "", "", "", "", ""), WORD, WORD),
    numbers=st.tuples(NUMBER, *[NUMBER] * (len(NUMBERS) - 1)),
)


@given(st.lists(ANY, max_size=12), st.randoms(use_true_random=False))
def test_no_series_collides_none_is_lost_and_the_order_of_the_list_is_nothing(
    subscriptions: list[Subscription], source: random.Random
) -> None:
    samples = list(SubscriptionsCollector.samples(Subscriptions(tuple(subscriptions)), ""))
    assert len({(sample.family.name, sample.labels) for sample in samples}) == len(samples)
    assert sum(sample.family is INFO for sample in samples) == len(subscriptions)
    for family, index in ((family, index) for index, family in enumerate(NUMBERS)):
        told = sorted(one.numbers[index] or 0 for one in subscriptions if one.numbers[index] is not None)
        assert sorted(sample.value for sample in samples if sample.family is family) == told
    again = source.sample(subscriptions, len(subscriptions))
    assert set(SubscriptionsCollector.samples(Subscriptions(tuple(again)), "")) == set(samples)


@given(st.lists(ANY, min_size=2, max_size=6, unique=True))
def test_what_several_are_called_depends_on_their_own_words_alone(subscriptions: list[Subscription]) -> None:
    several = [one._replace(customer_id="c", service="s") for one in subscriptions]
    several = [one for one in dict.fromkeys(several) if sum(str(o.words) == str(one.words) for o in several) == 1]
    samples = SubscriptionsCollector.samples(Subscriptions(tuple(several)), "")
    names = {sample.labels[3:]: sample.labels[2] for sample in samples if sample.family is INFO}
    for words, name in names.items():
        text = str(Words(*words))
        assert name == ("" if len(several) == 1 else text or "#1")
