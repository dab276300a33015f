from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from avepoint_simulator import GeneratedPortfolio, Simulator, StaticPortfolio, SubscriptionRecord, Switches, unix_ns
from avepoint_simulator.request_log import returned_values

V3 = "/partner/external/v3/general/customers/services/batch"
LEGACY = "/partner/services"
START = 1_780_000_000.0
DAY = 86_400
DOCUMENTED = {
    "service": "Cloud Backup for IaaS + PaaS - Unit",
    "subscriptionModel": "N/A",
    "purchasedUserSeats": "N/A",
    "purchasedUnits": "3",
    "microsoftLicenseAssigned": "0",
    "microsoftLicenseAvailable": "N/A",
    "purchasedCapacity": "0/1 GB",
    "protectedCapacity": "0 GB",
    "storage": "Bring your own storage",
    "retention": "N/A",
    "consumedStorage": "N/A",
    "expirationDate": "2025-09-26T12:00:00Z",
    "change": "N/A",
    "source": "AvePoint pooled subscription",
    "paymentType": "Prepaid",
    "subscriptionName": "N/A",
    "package": "N/A",
    "contractEndDate": "N/A",
}


@pytest.fixture
def subscribed(simulator: Simulator, static: StaticPortfolio) -> Simulator:
    one = SubscriptionRecord(
        customer_id="customer-1",
        service="Cloud Backup for IaaS + PaaS - Unit",
        units=3,
        licenses_assigned=0,
        purchased_capacity="0/1 GB",
        protected_capacity=0,
        storage="Bring your own storage",
        expiration_unix_ns=unix_ns(1_758_888_000),
        source="AvePoint pooled subscription",
        payment_type="Prepaid",
    )
    simulator.portfolio = replace(static, subscription_list=(one, replace(one, service="Cense")))
    return simulator


async def v3(api: Any, body: Any = None, **params: Any) -> Any:
    response = await api.client.post(V3, params=params, json=body or {}, headers=api.headers)
    assert response.status_code == 200, response.text
    return response.json()


async def test_rows_as_documented(api: Any, subscribed: Simulator) -> None:
    body = await v3(api)
    assert body["metadata"] == {"pageIndex": 1, "pageSize": 50, "totalCount": 5}
    row = body["data"][1]
    assert row.pop("products") == [DOCUMENTED, {**DOCUMENTED, "service": "Cense"}]
    assert row == {"customerId": "customer-1", "organization": "Organisation 1", "customer": "owner1@example.com"}
    assert body["data"][0]["products"] == []
    legacy = await api.json(LEGACY)
    assert legacy["@odata.context"].endswith("/partner/$metadata#Collection(Portal.Api.Model.Services)")
    assert legacy["value"][1]["products"][0] == {**DOCUMENTED, "expirationDate": "09/26/2025"}
    assert subscribed.requests[-1].status == 200


async def test_the_shapes_seen_elsewhere(api: Any, subscribed: Simulator) -> None:
    subscribed.switches = Switches(subscription_dates="seen", product_keys="mixed")
    (modern, _), (legacy, _) = (await v3(api))["data"][1]["Products"], (await api.json(LEGACY))["value"][1]["Products"]
    assert (modern["expirationDate"], modern["PurchasedCapacity"]) == ("09-26-2025T12:00:00Z", "0/1 GB")
    assert legacy["expirationDate"] == "2025-09-26"


async def test_pages_and_one_customer(api: Any, subscribed: Simulator) -> None:
    assert [row["customerId"] for row in (await v3(api, pageIndex=2, pageSize=3))["data"]] == [
        "customer-3",
        "customer-4",
    ]
    assert [row["customerId"] for row in (await v3(api, {"customerId": "customer-1"}))["data"]] == ["customer-1"]
    assert [row["customerId"] for row in (await api.json(LEGACY, **{"$skip": 4}))["value"]] == ["customer-4"]
    assert len(subscribed.requests) == 4


async def test_faults_of_rows_reach_what_they_list(api: Any, subscribed: Simulator) -> None:
    subscribed.faults.script("subscriptions_v3", "nulls", "wrong_types", "endless")
    nulls, wrong = [(await v3(api))["data"][1]["products"][0] for _ in range(2)]
    assert set(nulls.values()) == {None}
    assert wrong["service"] == 7
    first = (await v3(api))["data"]
    assert len({row["customerId"] for row in first}) == len(first) == 50


def test_what_was_given_is_known_by_customer() -> None:
    body = {"data": [{"customerId": "c", "organization": "o", "products": [{"purchasedUserSeats": "5"}, 7]}]}
    assert ("c", "purchasedUserSeats", "5") in returned_values("", body)


def everything(portfolio: GeneratedPortfolio, now: float = START) -> list[SubscriptionRecord]:
    return [one for customer in portfolio.customers(now) for one in portfolio.subscriptions(customer.id, now)]


def make(**changes: Any) -> GeneratedPortfolio:
    return GeneratedPortfolio(**({"seed": 1, "customers": 40, "start": START} | changes))


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_stories_among_the_subscriptions(speed: float) -> None:
    found = everything(make(speed=speed))
    left = [
        (one.customer_id, (one.expiration_unix_ns / 10**9 - START) / DAY) for one in found if one.expiration_unix_ns
    ]

    def expiring(least: float, most: float) -> int:
        return len({customer for customer, days in left if least <= days < most})

    assert [expiring(-4, 0), expiring(4, 7), expiring(7, 14), expiring(14, 30)] == [2, 2, 2, 2]
    assert expiring(30, 800) > 30
    assert len({one.service for one in found}) == 6
    several = Counter((one.customer_id, one.service) for one in found)
    assert sum(count == 2 for count in several.values()) == 4
    assert max(several.values()) == 2
    assert any(isinstance(one.purchased_capacity, str) and "/" in one.purchased_capacity for one in found)
    assert any(one.expiration_unix_ns is None for one in found)


def test_all_follows_from_seed_and_time() -> None:
    assert everything(make()) == everything(make(customers=90))[: len(everything(make()))]
    assert everything(make()) != everything(make(seed=2))
    before, after = everything(make()), everything(make(), START + 20 * DAY)
    assert before != after
    assert [one.expiration_unix_ns for one in before] == [one.expiration_unix_ns for one in after]
    assert everything(make(), START + 20 * DAY) == everything(make(speed=60), START + 20 * DAY / 60)


def test_a_customer_that_does_not_exist_has_none() -> None:
    assert make().subscriptions("nobody", START) == ()
    assert make().subscriptions(make().customers(START)[2].id, START) == ()
