from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from avepoint_simulator import StaticPortfolio, Switches

OVERVIEW = "/partner/external/v3/general/customers/{}/cloud-backup-m365/overview"
PROTECTED = "/partner/customers/{}/protected"


async def test_legacy_customers(api: Any) -> None:
    body = await api.json("/partner/customers")
    assert body["@odata.context"].endswith("/partner/$metadata#Collection(Portal.Api.Model.Customer)")
    assert "@odata.nextLink" not in body
    assert body["value"][0] == {
        "id": "customer-0",
        "organization": "Organisation 0",
        "ownerEmail": "owner0@example.com",
        "jobStatus": "Finished with exception",
        "countryOrRegion": "Denmark",
    }


async def test_odata_top_and_skip(api: Any) -> None:
    body = await api.json("/partner/customers", **{"$top": 2, "$skip": 3})
    assert [row["id"] for row in body["value"]] == ["customer-3", "customer-4"]
    assert (await api.json("/partner/customers", **{"$skip": 9}))["value"] == []
    assert len((await api.json("/partner/customers", **{"$top": 2}))["value"]) == 2


async def test_odata_links_when_the_server_stops_early(api: Any) -> None:
    api.simulator.switches = Switches(page_size_cap=2)
    for first, expected in (("/partner/customers", 5), ("/partner/customers?$top=3&$skip=1", 3)):
        seen, url = [], first
        while url:
            body = (await api.client.get(url, headers=api.headers)).json()
            seen += [row["id"] for row in body["value"]]
            url = body.get("@odata.nextLink")
        assert len(seen) == len(set(seen)) == expected


@pytest.mark.parametrize("params", [{"$filter": "id eq 'x'"}, {"$top": 0}, {"$skip": -1}])
async def test_odata_refuses_what_it_cannot_answer(api: Any, params: dict[str, Any]) -> None:
    assert (await api.get("/partner/customers", **params)).status_code == 400


async def test_protected_rows_of_both_versions_are_the_same(api: Any) -> None:
    legacy = await api.json(PROTECTED.format("customer-0"))
    modern = await api.json(OVERVIEW.format("customer-0"))
    assert legacy["value"] == modern["data"]
    assert modern["metadata"] == {"pageIndex": 1, "pageSize": 50, "totalCount": 3}
    assert legacy["value"][0] == {
        "customerId": "customer-0",
        "customer": "owner@example.com",
        "serviceType": "Cloud Backup for Microsoft 365",
        "serviceModule": "Exchange Online",
        "totalScannedObjects": 25,
        "totalProtectedObjects": 24,
        "dataSizeStoredInAvePoint": "1.02 TB",
        "dataSizeStoredInBYOS": "N/A",
    }


async def test_a_customer_without_the_product_has_an_empty_list(api: Any) -> None:
    assert (await api.json(PROTECTED.format("customer-1")))["value"] == []
    assert (await api.json(OVERVIEW.format("customer-1")))["data"] == []


async def test_an_unknown_customer_gets_404(api: Any) -> None:
    for path in (PROTECTED, OVERVIEW):
        assert (await api.get(path.format("nobody"))).status_code == 404


async def test_overview_pages(api: Any) -> None:
    body = await api.json(OVERVIEW.format("customer-0"), pageIndex=2, pageSize=2)
    assert [row["serviceModule"] for row in body["data"]] == ["Power BI"]
    assert body["metadata"] == {"pageIndex": 2, "pageSize": 2, "totalCount": 3}


async def test_v3_customers(api: Any) -> None:
    body = (await api.batch()).json()
    assert body["metadata"] == {"pageIndex": 1, "pageSize": 50, "totalCount": 5}
    assert body["data"][0] == {
        "id": "customer-0",
        "organization": "Organisation 0",
        "ownerEmail": "owner0@example.com",
        "jobStatus": 5,
        "countryOrRegion": "Denmark",
        "managementMode": 0,
        "tenants": [{"id": "tenant-0", "name": "t.example.com"}],
    }


async def test_v3_customers_by_id(api: Any) -> None:
    body = (await api.batch({"customerIds": ["customer-3", "nobody", 7]})).json()
    assert [row["id"] for row in body["data"]] == ["customer-3"]
    assert len((await api.batch({"customerIds": []})).json()["data"]) == 5


async def test_v3_pages_start_at_one_and_hold_at_most_100(api: Any, static: StaticPortfolio) -> None:
    many = tuple(replace(static.customer_list[0], id=str(number)) for number in range(230))
    api.simulator.portfolio = replace(static, customer_list=many)
    pages = [(await api.batch(pageIndex=index, pageSize=500)).json() for index in (1, 2, 3, 4)]
    assert [len(page["data"]) for page in pages] == [100, 100, 30, 0]
    assert pages[0]["metadata"] == {"pageIndex": 1, "pageSize": 100, "totalCount": 230}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b"", "application/json", 200),
        (b"{}", "Application/JSON; charset=utf-8", 200),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"customerIds": 3}', "application/json", 400),
    ],
)
async def test_v3_wants_a_json_object(api: Any, content: bytes, kind: str, status: int) -> None:
    headers = api.headers | {"Content-Type": kind}
    path = "/partner/external/v3/general/customers/batch"
    response = await api.client.post(path, content=content, headers=headers)
    assert response.status_code == status
