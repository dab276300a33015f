"""Log lines about failures contain all known fields of the failed request."""

import io
import json
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from exporter.logs import setup
from tests.diagnose.support import partner_with, tenant_with
from tests.helpers import BATCH_PATH, FakeApi, World, overview_path, portfolio

LICENSE = "/backup/m365/cloudbackuplicenseconsumption"
JOBS = "/backup/m365/cloudbackupjobs"
OVERVIEW = "/partner/external/v3/general/customers/{customerId}/cloud-backup-m365/overview"
NAMED = {"x-request-id": "r-1"}
Lines = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Return a function that finds the log lines with a message. The function omits the common fields."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    setup("debug", "json")

    def found(message: str) -> list[dict[str, Any]]:
        every = [json.loads(line) for line in stream.getvalue().splitlines()]
        return [
            {key: value for key, value in line.items() if key not in ("ts", "msg", "level", "hint", "error")}
            for line in every
            if line["msg"] == message
        ]

    return found


async def refreshed(api: FakeApi, account: dict[str, Any]) -> None:
    world = World(api)
    await world.apply(account)
    await world.refresh()
    await world.accounts.stop()


FAILURES: dict[str, tuple[Any, dict[str, str]]] = {
    "400": (httpx.Response(400, headers=NAMED), {"request_id": "r-1"}),
    "401": (httpx.Response(401, headers=NAMED), {"request_id": "r-1"}),
    "403": (httpx.Response(403, headers=NAMED), {"request_id": "r-1"}),
    "404": (httpx.Response(404, headers=NAMED), {"request_id": "r-1"}),
    "418": (httpx.Response(418, headers=NAMED), {"request_id": "r-1"}),
    "429": (httpx.Response(429, headers=NAMED), {"request_id": "r-1"}),
    "500": (httpx.Response(500, headers=NAMED), {"request_id": "r-1"}),
    "302": (httpx.Response(302, headers=NAMED | {"location": "https://x.example.com"}), {"request_id": "r-1"}),
    "html": (httpx.Response(200, headers=NAMED, text="<html>"), {"request_id": "r-1"}),
    "envelope-status": ({"statusCode": 500, "requestId": "r-1"}, {"request_id": "r-1"}),
    "envelope-errors": ({"statusCode": 200, "errors": ["x"], "requestId": "r-1"}, {"request_id": "r-1"}),
    "shape": ({"statusCode": 200, "x": 1}, {}),
    "timeout": (httpx.ReadTimeout("slow"), {}),
    "connect": (httpx.ConnectError("refused"), {}),
    "proxy": (httpx.ProxyError("407"), {}),
}


@pytest.mark.parametrize("kind", FAILURES)
async def test_an_account_collector(kind: str, lines: Lines) -> None:
    answer, known = FAILURES[kind]
    await refreshed(FakeApi({LICENSE: answer}), tenant_with("license", api="modern"))
    assert lines("refresh failed") == [{"account": "contoso", "collector": "license", "path": LICENSE, **known}]


@pytest.mark.parametrize("kind", FAILURES)
async def test_a_customer(kind: str, lines: Lines) -> None:
    answer, known = FAILURES[kind]
    api = FakeApi(portfolio(["c1", "c2"]) | {overview_path("c2"): answer})
    await refreshed(api, partner_with("customers", "protected_data", api="modern"))
    assert lines("customer failed") == [
        {"account": "msp", "collector": "protected_data", "customer_id": "c2", "path": OVERVIEW, **known}
    ]


@pytest.mark.parametrize("kind", FAILURES)
async def test_customers_that_cannot_be_listed(kind: str, lines: Lines) -> None:
    answer, known = FAILURES[kind]
    endpoint = "/partner/external/v3/general/customers/batch"
    account = partner_with("protected_data", api="modern", customers={"include": ["c1"]})
    await refreshed(FakeApi(portfolio(["c1"]) | {BATCH_PATH: answer}), account)
    assert lines("cannot read the customer list; the last known customers are used") == [
        {"account": "msp", "collector": "protected_data", "path": endpoint, **known}
    ]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_request_for_patience(status: int, lines: Lines) -> None:
    busy = httpx.Response(status, headers=NAMED | {"retry-after": "7"})
    api = FakeApi(portfolio(["c1"]) | {overview_path("c1"): busy})
    await refreshed(api, partner_with("customers", "protected_data", api="modern"))
    assert lines("AvePoint throttles the account") == [
        {"account": "msp", "collector": "protected_data", "customer_id": "c1", "path": OVERVIEW,
         "request_id": "r-1", "retry_after": 7.0}
    ]  # fmt: skip


async def test_a_503_without_retry_after_may_be_an_outage(lines: Lines) -> None:
    api = FakeApi({LICENSE: httpx.Response(503, headers=NAMED)})
    await refreshed(api, tenant_with("license", api="modern"))
    assert lines("AvePoint throttles the account") == []
    assert lines("AvePoint may be unavailable") == [
        {"account": "contoso", "collector": "license", "path": LICENSE, "request_id": "r-1", "retry_after": None}
    ]


async def test_a_token_service_that_asks_for_patience_names_no_customer(lines: Lines) -> None:
    def busy(request: httpx.Request) -> httpx.Response:
        is_data = b"cbprotected" in request.content
        good = httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        return httpx.Response(429, headers=NAMED | {"retry-after": "1"}) if is_data else good

    api = FakeApi(portfolio(["c1"]) | {"/connect/token": busy})
    await refreshed(api, partner_with("customers", "protected_data", api="modern"))
    assert lines("AvePoint throttles the account") == [
        {"account": "msp", "collector": "protected_data", "path": "token", "request_id": "r-1", "retry_after": 1.0}
    ]


async def test_a_throttled_token_request_names_no_customer_although_one_began_it(lines: Lines) -> None:
    def busy(request: httpx.Request) -> httpx.Response:
        is_list = b"customers.read" in request.content
        good = httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        return good if is_list else httpx.Response(429, headers=NAMED | {"retry-after": "1"})

    # An optional collector requests a token only when it reads its first customer.
    api = FakeApi(portfolio(["c1"]) | {"/connect/token": busy})
    await refreshed(api, partner_with("customers", "customer_jobs", api="modern"))
    (line,) = lines("AvePoint throttles the account")
    assert line == {
        "account": "msp", "collector": "customer_jobs", "path": "token", "request_id": "r-1", "retry_after": 1.0
    }  # fmt: skip


@pytest.mark.parametrize("answer", [
    httpx.Response(400, json={"error": "invalid_client"}, headers=NAMED), httpx.Response(418, headers=NAMED),
    httpx.Response(200, json=[], headers=NAMED), httpx.Response(500, headers=NAMED),
])  # fmt: skip
async def test_no_token(answer: httpx.Response, lines: Lines) -> None:
    await refreshed(FakeApi({"/connect/token": lambda _: answer}), tenant_with("license", api="modern"))
    assert lines("refresh failed") == [
        {"account": "contoso", "collector": "license", "path": "token", "request_id": "r-1"}
    ]


async def test_values_and_names_that_nobody_understands(lines: Lines) -> None:
    odd = {"serviceModule": "Holograms", "totalScannedObjects": "many"}
    page = {"data": [odd], "metadata": {"totalCount": 1}}
    api = FakeApi(portfolio(["c1"]) | {overview_path("c1"): page})
    await refreshed(api, partner_with("customers", "protected_data", api="modern"))
    known = {"account": "msp", "collector": "protected_data", "customer_id": "c1", "path": OVERVIEW}
    (line,) = lines("value is unreadable")
    assert {key: line[key] for key in known} == known


async def test_a_refused_filter(lines: Lines) -> None:
    def jobs(request: httpx.Request) -> Any:
        params = request.url.params
        if params["ObjectType"] == "3":
            return httpx.Response(400, headers=NAMED)
        row = {"id": "j", "state": "Finished", "startTime": "2026-11-18T10:00:00Z"}
        rows = [row] if params["ObjectType"] == "0" and params["JobType"] in "01" else []
        return {"statusCode": 200, "data": rows, "metadata": {"totalCount": len(rows)}}

    await refreshed(FakeApi({JOBS: jobs}), tenant_with("jobs", api="modern"))
    (line,) = lines("AvePoint rejected the filter")
    assert line == {"account": "contoso", "collector": "jobs", "path": JOBS, "request_id": "r-1",
                    "filter": "object_type", "value": "OneDrive"}  # fmt: skip


async def test_a_line_after_a_customer_names_no_customer(lines: Lines) -> None:
    """Log lines about a whole refresh contain no customer id, even after the request for a customer failed."""
    api = FakeApi(portfolio(["c1"]) | {overview_path("c1"): httpx.Response(403)})
    await refreshed(api, partner_with("customers", "protected_data", api="modern"))
    assert [line.get("customer_id") for line in lines("refresh failed")] == [None]
