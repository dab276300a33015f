"""The server responds correctly to every path and method of the contract."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.errors import ConfigError
from exporter.exposition.page import OPENMETRICS, TEXT
from exporter.web.app import App, Services, accepts_gzip, first_refresh_wait, wants_openmetrics
from exporter.web.status_data import ConfigStatus
from tests.helpers import FakeApi, World, partner, portfolio, tenant

LICENSE = "/backup/m365/cloudbackuplicenseconsumption"
SEATS = {"statusCode": 200, "data": {"purchasedUserSeats": 5}}


@asynccontextmanager
async def browser(world: World, reload: Any = None) -> AsyncIterator[httpx.AsyncClient]:
    app = App(Services(world.accounts, world.page, world.own, world.clock, ConfigStatus, reload))
    transport = httpx.ASGITransport(app=app.asgi(), raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            yield client
    finally:
        app.close()


@asynccontextmanager
async def ready(reload: Any = None) -> AsyncIterator[tuple[World, httpx.AsyncClient]]:
    world = World(FakeApi({LICENSE: SEATS}))
    await world.apply(tenant("a", collectors={"license": {}}), tenant("b", collectors={"license": {}}))
    await world.refresh()
    async with browser(world, reload) as client:
        yield world, client
    await world.accounts.stop()


async def test_metrics_return_everything_without_requests_to_avepoint() -> None:
    async with ready() as (world, client):
        world.api.requests.clear()
        answer = await client.get("/metrics", headers={"Accept-Encoding": ""})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == TEXT
        assert "content-encoding" not in answer.headers
        assert answer.headers["vary"] == "Accept, Accept-Encoding"
        assert answer.text == world.text()
        assert world.api.requests == []


async def test_every_path_responds_while_the_persistent_state_is_being_loaded() -> None:
    world = World(FakeApi({LICENSE: SEATS}))
    async with browser(world) as client:
        world.clock.advance(60)  # after the startup period, no request waits
        answers = {path: await client.get(path) for path in ("/-/healthy", "/metrics", "/", "/-/ready")}
        assert [answer.status_code for answer in answers.values()] == [200, 200, 200, 503]
        assert answers["/-/ready"].text == "not ready: the persistent state is being loaded\n"
        scrape = asyncio.create_task(world.accounts.first_refreshes(within=30))
        probe = asyncio.create_task(world.accounts.has_account("a", within=30))
        await world.apply(tenant("a", collectors={"license": {}}))
        assert await probe
        assert not scrape.done()
        await world.refresh()
        assert await scrape
    await world.accounts.stop()


async def test_fifty_concurrent_scrapes_succeed_without_requests_to_avepoint() -> None:
    async with ready() as (world, client):
        world.api.requests.clear()
        answers = await asyncio.gather(*(client.get("/metrics") for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.text for answer in answers} == {world.text()}
        assert world.api.requests == []


async def test_gzip_if_it_is_accepted() -> None:
    async with ready() as (world, client):
        async with client.stream("GET", "/metrics", headers={"Accept-Encoding": "gzip"}) as answer:
            raw = b"".join([piece async for piece in answer.aiter_raw()])
        assert answer.headers["content-encoding"] == "gzip"
        assert gzip.decompress(raw).decode() == world.text()
        refused = await client.get("/metrics", headers={"Accept-Encoding": "gzip;q=0, identity"})
        assert "content-encoding" not in refused.headers


async def test_openmetrics_if_it_is_preferred() -> None:
    async with ready() as (_, client):
        accept = (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
            "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        )
        answer = await client.get("/metrics", headers={"Accept": accept})
        assert answer.headers["content-type"] == OPENMETRICS
        assert answer.text.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False), ("*/*", False), ("text/html", False), ("text/plain", False), ("garbage;;q=,", False),
        ("application/openmetrics-text", True), ("Application/OpenMetrics-Text; version=1.0.0", True),
        ("application/openmetrics-text;q=0", False), ("application/openmetrics-text; q=0.0,text/plain;q=0", False),
        ("application/openmetrics-text;q=0.4,text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.5", True),
        ("text/plain;q=0.5,application/openmetrics-text;q=0.4,application/openmetrics-text;q=0.6", True),
        ("application/openmetrics-text;q=0.5,*/*", False), ("application/openmetrics-text;q=0.5,text/*;q=0.6", False),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.1,*/*", True), ("application/*", False),
        ("application/openmetrics-text;q=high", True),
    ],
)  # fmt: skip
def test_negotiation_by_quality(accept: str, openmetrics: bool) -> None:
    assert wants_openmetrics(accept) is openmetrics


@pytest.mark.parametrize(
    ("header", "accepted"),
    [("", False), ("gzip", True), ("deflate, GZIP;q=0.1", True), ("gzip;q=0", False), ("gzip; q=0.000", False),
     ("identity", False), ("gzipped", False), ("br;q=1.0, gzip;q=0.8, *;q=0.1", True)],
)  # fmt: skip
def test_gzip_by_quality(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


@pytest.mark.parametrize("path", ["/metrics", "/probe?account=a", "/", "/-/healthy", "/-/ready"])
async def test_head_has_the_headers_of_get_without_a_body(path: str) -> None:
    async with ready() as (_, client):
        headers = {"Accept-Encoding": "gzip"}
        head, got = await client.head(path, headers=headers), await client.get(path, headers=headers)
        assert (head.status_code, head.headers["content-type"]) == (200, got.headers["content-type"])
        assert head.headers.get("content-encoding") == got.headers.get("content-encoding")
        if "metrics" in path or "probe" in path:
            assert head.content == b""
            assert "content-length" not in head.headers


@pytest.mark.parametrize("path", ["/metrics", "/probe", "/", "/-/healthy", "/-/ready"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_nothing_else_is_writable(path: str, method: str) -> None:
    async with ready() as (_, client):
        assert (await client.request(method, path)).status_code == 405


async def test_unknown_paths_return_404() -> None:
    async with ready() as (_, client):
        for path in ("/-/quit", "/metrics/x", "/debug/pprof", "/status.html", "/../etc/passwd"):
            assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/metrics/", "/probe/?account=a", "/-/healthy/", "/-/ready/", "/nothing/"])
async def test_a_slash_at_the_end_never_redirects(path: str) -> None:
    async with ready() as (_, client):
        answer = await client.get(path)
        assert answer.status_code == (200 if path.startswith(("/metrics", "/probe")) else 404)
        assert "location" not in answer.headers


async def test_names_select_families_and_unknown_ones_give_an_empty_page() -> None:
    async with ready() as (_, client):
        query = "name[]=avepoint_up&name%5B%5D=avepoint_license_purchased_seats"
        answer = await client.get(f"/metrics?{query}")
        names = {family.name for family in text_string_to_metric_families(answer.text)}
        assert names == {"avepoint_up", "avepoint_license_purchased_seats"}
        assert (await client.get("/metrics?name[]=nothing")).text == ""


async def test_a_probe_is_of_a_configured_account_only() -> None:
    async with ready() as (_, client):
        answer = await client.get("/probe?account=a")
        samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
        assert {sample.labels["account"] for sample in samples} == {"a"}
        for account in ("", "c", "http://a", "A"):
            answer = await client.get("/probe", params={"account": account})
            assert answer.status_code == 404
            assert "unknown account" in answer.text
        assert (await client.get("/probe")).status_code == 404


async def waiting_world() -> tuple[World, asyncio.Event]:
    """Return a `World` and an event. The first refresh ends only after the event is set."""
    api, released = FakeApi({LICENSE: SEATS}), asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        await released.wait()
        return await api.answer(request)

    api.handler = slow
    world = World(api)
    await world.apply(tenant("a", collectors={"license": {}}), start=True)
    return world, released


@pytest.mark.parametrize(
    ("header", "uptime", "wait"),
    [
        ("10", 0, 5), ("10", 2, 3), ("4", 0, 2), ("4", 4, 1), ("4", 5, 0), ("4", 500, 0), ("60", 0, 5), ("60", 6, 0),
        ("", 0, 5), ("garbage", 1, 4), ("nan", 0, 5), ("inf", 0, 5), ("-inf", 0, 5), ("", 6, 0),
        ("0", 0, 0), ("-5", 0, 0), ("1e-9", 0, 5e-10),
    ],
)  # fmt: skip
def test_the_wait_for_first_refreshes(header: str, uptime: float, wait: float) -> None:
    assert first_refresh_wait(header, uptime) == wait


async def test_a_scrape_with_a_short_timeout_does_not_wait_for_the_first_refresh() -> None:
    world, released = await waiting_world()
    async with browser(world) as client:
        for seconds in ("0", "1e-9"):
            answer = await client.get("/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": seconds})
            assert answer.status_code == 200
            assert "avepoint_license" not in answer.text
        assert not released.is_set()
    await world.accounts.stop()


@pytest.mark.parametrize("path", ["/metrics", "/probe?account=a"])
async def test_after_the_first_seconds_no_scrape_waits(path: str) -> None:
    world, released = await waiting_world()
    async with browser(world) as client:
        world.clock.advance(5)
        answer = await asyncio.wait_for(client.get(path, headers={"X-Prometheus-Scrape-Timeout-Seconds": "3600"}), 60)
        assert answer.status_code == 200
        assert not released.is_set()
    await world.accounts.stop()


@pytest.mark.parametrize("seconds", [None, "garbage", "nan", "inf", "-inf", "", "10"])
async def test_a_scrape_shows_a_first_refresh_that_ends_in_time(seconds: str | None) -> None:
    world, released = await waiting_world()
    async with browser(world) as client:
        headers = {} if seconds is None else {"X-Prometheus-Scrape-Timeout-Seconds": seconds}
        task = asyncio.create_task(client.get("/metrics", headers=headers))
        await asyncio.sleep(0.05)
        assert not task.done()
        assert (await client.get("/-/ready")).status_code == 503
        assert (await client.get("/-/healthy")).text == "healthy\n"
        assert "Not ready" in (await client.get("/")).text
        released.set()
        assert 'avepoint_license_purchased_seats{account="a"} 5.0' in (await task).text
        assert (await client.get("/-/ready")).text == "ready\n"
    await world.accounts.stop()


async def test_metrics_return_200_before_the_first_refresh_and_with_every_account_down() -> None:
    world = World(FakeApi({LICENSE: httpx.Response(500)}))
    async with browser(world) as client:
        assert (await client.get("/metrics")).status_code == 200, "without any account"
        await world.apply(tenant("a", collectors={"license": {}}))
        await world.refresh()
        answer = await client.get("/metrics")
        assert answer.status_code == 200
        assert 'avepoint_up{account="a",collector="license"} 0.0' in answer.text
        assert (await client.get("/-/ready")).status_code == 200
        assert (await client.get("/-/healthy")).status_code == 200
    await world.accounts.stop()


async def test_reloading() -> None:
    reloads = []

    async def reload() -> None:
        reloads.append(1)
        if len(reloads) == 2:
            raise ConfigError(["accounts[0].name: is required", "accounts[1].type: must be one of"])

    async with ready(reload) as (_, client):
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            assert (await client.request(method, "/-/reload")).status_code == 405
        assert reloads == []
        assert (await client.post("/-/reload")).text == "reloaded\n"
        refused = await client.post("/-/reload")
        assert refused.status_code == 500
        assert "configuration not reloaded; the old configuration is kept" in refused.text
        assert "accounts[0].name: is required\naccounts[1]" in refused.text


async def test_reload_is_disabled_by_default() -> None:
    async with ready() as (_, client):
        answer = await client.post("/-/reload")
        assert (answer.status_code, "--web.enable-lifecycle" in answer.text) == (403, True)
        assert (await client.get("/-/reload")).status_code == 405


async def test_health_answers_while_many_customers_are_read() -> None:
    world = World(FakeApi(portfolio([f"c{number}" for number in range(60)])))
    async with browser(world) as client:
        await world.apply(partner(requests={"concurrency": 16, "per_second": 1000}))
        task = asyncio.create_task(world.refresh())
        answered = 0
        while not task.done():
            assert (await client.get("/-/healthy")).status_code == 200
            answered += 1
            await asyncio.sleep(0)
        assert await task
    assert answered > 50
    await world.accounts.stop()
