"""Test the HTML of the status page: texts, escaping, links and content security policy."""

import asyncio
import base64
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from exporter.engine.snapshot import RefreshOutcome, RefreshStatus
from exporter.errors import Failure
from exporter.exposition.exporter_metrics import Usage
from exporter.web.status.page import PROJECT, StatusPage
from exporter.web.status.query import StatusQuery
from exporter.web.status_data import ConfigStatus
from tests.helpers import NOW, SECRET, TOKEN, FakeApi, World, overview_path, partner, portfolio
from tests.web.status_data import Verdict, names, page, parsed, status_data, verdicts, view
from tests.web.test_app import browser

ROOT = Path(__file__).parents[2]
HOSTILE = "<script>alert('x')</script>\"'&{{ 7*7 }}"
NONE = "\N{EN DASH}"


def test_hostile_texts_are_escaped() -> None:
    problem = Failure(HOSTILE, HOSTILE, HOSTILE, NOW, NOW)
    status = RefreshStatus(up=False, failure=problem, api_version=HOSTILE, failures=(problem, problem))
    given = status_data(
        view(HOSTILE, HOSTILE, status=status, customers={HOSTILE: False}, problems={HOSTILE: problem}),
        view(
            HOSTILE,
            "x",
            status=RefreshStatus(off=True, failure=problem),
            known=names({HOSTILE: HOSTILE}),
        ),
        configured=ConfigStatus(NOW, errors=(HOSTILE,)),
        verdicts=(verdicts(HOSTILE, 1, Verdict(HOSTILE, "job_failed", "warning", HOSTILE)),),
        usage={HOSTILE: Usage({HOSTILE: 1}, 0.0)},
    )  # fmt: skip
    read = page(given, StatusQuery(account=HOSTILE, text=HOSTILE))
    assert read.of("script") == []
    assert read.text.count(HOSTILE) > 15
    assert "49" not in read.text
    assert all(not name.startswith("on") for _, attributes in read.tags for name in attributes)
    assert {attributes.get("value") for attributes in read.of("input")} == {HOSTILE}
    for attributes in read.of("a"):
        assert re.match(r"[?#]|metrics|probe\?|-/|" + re.escape(PROJECT), attributes["href"] or "")


def test_each_state_has_a_text() -> None:
    down = RefreshStatus(
        up=False, last_success=NOW - 3 * 3600, duration=1.26, failure=Failure("no answer", "check the network")
    )
    read = page(
        status_data(
            view("waits"),
            view("works", status=RefreshStatus(up=True, last_success=NOW - 42, duration=0.5, api_version="modern",
                                        refreshes=(RefreshOutcome(0.5, up=True),))),
            view("fails", status=down, customers={"x": True, "y": False}),
            view("spared", status=RefreshStatus(off=True, failure=Failure("HTTP 403", "grant it"))),
        )
    )  # fmt: skip
    table = read.texts[read.texts.index("State of each collector") :]
    for row in (
        ["waits", "license", "waiting", "never", NONE, NONE, NONE],
        ["works", "license", "modern", "up", "42 s ago", NONE, NONE, "Last 1 refresh: 0.5 s, none failed", "0.5 s"],
        ["fails", "license", "down", "3 h ago", NONE, "1 up", "1 failed", NONE],
        ["spared", "license", "off", "HTTP 403", "; ", "grant it"],
    ):
        at = table.index(row[0])
        assert [one.strip() for one in table[at : at + len(row)]] == [one.strip() for one in row]
    assert "1 of 4 collectors down · 1 of 2 customers failed." in read.text
    assert "What to do: check the network" in read.text


def test_the_email_address_of_the_owner_is_never_shown() -> None:
    known = names({"x": "Bakery"})
    assert "owner@example.com" in next(iter(known[""].samples)).labels
    read = page(status_data(view("msp", known=known), view("msp", "protected_data", customers={"x": True})))
    assert "Bakery" in read.text
    assert "@" not in read.text


def test_tables_and_lists_have_names_and_headers() -> None:
    views = [view(f"a{number}", customers={f"c{number}": True}) for number in range(60)]
    read = page(status_data(*views), StatusQuery(page=2))
    tables, captions = read.of("table"), read.of("caption")
    assert len(tables) == len(captions) == 3
    assert {attributes.get("scope") for attributes in read.of("th")} == {"col", "row"}
    current = [one["href"] for one in read.of("a") if one.get("aria-current") == "page"]
    assert current == ["?page=2#collectors", "?page=2#customers"]
    assert [one["aria-label"] for one in read.of("nav")] == ["Links", "Pages of collectors", "Pages of customers"]
    fields = {attributes["id"] for tag in ("input", "select") for attributes in read.of(tag)}
    assert fields == {attributes["for"] for attributes in read.of("label")}


def test_the_page_shows_a_failed_reload() -> None:
    many = tuple(f"accounts[{number}]: is missing" for number in range(12))
    read = page(status_data(configured=ConfigStatus(NOW - 7200, errors=many)))
    assert "The changed configuration is invalid. The configuration loaded 2 h ago is still in use." in read.text
    assert "accounts[9]: is missing" in read.text
    assert "And 2 more." in read.text
    assert "a later change is invalid" in read.text
    assert (
        "The old configuration is still in use" in page(status_data(configured=ConfigStatus(None, errors=("x",)))).text
    )


def test_links_lead_to_existing_documents() -> None:
    failed = view(
        "msp", status=RefreshStatus(up=False), customers={"x": False}, problems={"x": Failure("e", "", "", NOW, NOW)}
    )
    read = page(status_data(failed, configured=ConfigStatus(NOW, errors=("x",))))
    links = {attributes["href"] or "" for attributes in read.of("a")}
    documents = {re.sub(r"/(?:blob|tree)/main/", "", link.removeprefix(PROJECT)) for link in links if PROJECT in link}
    assert len(documents) == 6
    for document in documents:
        assert (ROOT / document).exists(), document
    assert {"metrics", "-/ready", "-/healthy", "probe?account=msp"} <= links


def test_the_url_of_the_project_is_that_of_the_chart() -> None:
    assert f"home: {PROJECT}\n" in (ROOT / "helm/avepoint-exporter/Chart.yaml").read_text()


def test_empty_states_have_a_text() -> None:
    assert "No account is configured for this process." in page(status_data()).text
    loading = page(status_data(is_loading=True)).text
    assert "The persistent state is being loaded." in loading
    assert "No account" not in loading
    read = page(status_data(view(customers={"x": True})), StatusQuery(text="nobody"))
    assert "No customers match." in read.text


def test_the_policy_allows_only_the_style_and_the_form_of_the_page() -> None:
    made = StatusPage()
    html = made.html(status_data(view(customers={"x": True})), StatusQuery())
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert len(styles) == 1
    digest = base64.b64encode(hashlib.sha256(styles[0].encode()).digest()).decode()
    assert made.policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
    read = parsed(html)
    assert not any("style" in attributes or "src" in attributes for _, attributes in read.tags)


async def test_the_page_shows_accounts_and_errors_and_no_secret() -> None:
    api = FakeApi(portfolio(["x", "y"]))
    api.routes[overview_path("y")] = httpx.Response(500, headers={"x-request-id": "the-id"})
    world = World(api)
    await world.apply(partner())
    await world.refresh()
    async with browser(world) as client:
        api.requests.clear()
        answer = await client.get("/")
        assert api.requests == []
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    read = parsed(answer.text)
    assert "1 up 1 failed" in read.text
    assert "refresh failed for 1 of 2 customers" in read.text
    for text in ("msp", "Org y", "the-id", "200 2 500 1"):
        assert text in read.text
    for secret in (SECRET, TOKEN, "Bearer", "owner@example.com"):
        assert secret not in answer.text
    await world.accounts.stop()


@pytest.mark.parametrize(
    "query",
    [
        "page=-1", "page=%00", "page=1e400", "part=999999", "page=" + "9" * 5000, "state=%F0%9F%92%A9&state=ok",
        "q=%ff%fe%00%E2%80%AE", "q=" + "%3Cscript%3E" * 300, "account=../../etc/passwd", "account=%0d%0aX:%20y",
        "&&&=;=&q", "q=x&" * 2000, "%", "q=" + "a" * 14_000,
    ],
)  # fmt: skip
async def test_no_query_breaks_the_page(query: str) -> None:
    world = World(FakeApi(portfolio(["x", "y"])))
    await world.apply(partner())
    await world.refresh()
    async with browser(world) as client:
        answer = await client.get(f"/?{query}")
    assert answer.status_code == 200
    assert len(answer.text) < 40_000
    assert "<script" not in answer.text
    await world.accounts.stop()


async def test_the_event_loop_runs_while_the_page_is_rendered() -> None:
    world = World(FakeApi(portfolio([f"c{number:04}" for number in range(2000)])))
    await world.apply(partner())
    await world.refresh()
    async with browser(world) as client:
        await client.get("/")
        turns, pages = 0, asyncio.gather(*(client.get("/?q=c1") for _ in range(10)))
        while not pages.done():
            await asyncio.sleep(0)
            turns += 1
        assert {answer.status_code for answer in await pages} == {200}
    # If the event loop rendered the pages itself, the ten requests would end within 100 turns of the loop.
    assert turns > 200
    await world.accounts.stop()


def test_the_page_is_imported_on_the_first_request() -> None:
    code = "import sys, exporter.application; print([n for n in sys.modules if 'jinja' in n or 'web.status.' in n])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_failed_token_requests_are_counted_although_no_other_request_was_sent() -> None:
    usage = {"a": Usage({}, 0.0, {"invalid_client": 28})}
    text = page(status_data(view(), usage=usage)).text
    assert "token requests: invalid_client 28" in text
    assert "none yet" in text
