"""The status page: words for people, nothing for thieves."""

from html.parser import HTMLParser

import httpx
import pytest

from exporter.snapshot import Status, View
from exporter.web.status import render_status, span
from tests.helpers import NOW, SECRET, TOKEN, FakeApi, World, overview_path, partner, portfolio
from tests.web.test_app import browser

HOSTILE = "<script>alert('x')</script>\"'&{{ 7*7 }}"


class Reader(HTMLParser):
    """Collects the tags and the texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def view(account: str = "a", *, customers: dict[str, bool] | None = None, status: Status | None = None) -> View:
    return View(account, "license", 60, status or Status(), {}, customers or {})


def test_hostile_texts_are_shown_and_not_obeyed() -> None:
    status = Status(up=False, error=HOSTILE, hint=HOSTILE, generation=HOSTILE)
    reader = read(render_status([view(HOSTILE, status=status)], ready=True, now=NOW))
    assert "script" not in reader.tags
    assert reader.texts.count(HOSTILE) == 4


def test_each_state_is_said_in_words() -> None:
    down = Status(up=False, last_success=NOW - 3 * 3600, duration=1.26, error="no answer", hint="check the network")
    views = [
        view("waits"),
        view("works", status=Status(up=True, last_success=NOW - 42, duration=0.5, generation="modern")),
        view("fails", status=down, customers={"x": True, "y": False}),
    ]
    texts = read(render_status(views, ready=False, now=NOW)).texts
    assert any("Not ready" in text for text in texts)
    for row in (
        ["waits", "license", "waiting", "never"],
        ["works", "license", "up", "42 s ago", "0.5 s", "modern"],
        ["fails", "license", "down", "3 h ago", "1.3 s", "1 of 2", "no answer", "check the network"],
    ):
        at = texts.index(row[0])
        assert texts[at : at + len(row)] == row
    assert any("Ready." in text for text in read(render_status([], ready=True, now=NOW)).texts)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0, "0 s"), (119.4, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (172_800, "2 d")],
)
def test_spans_of_time(seconds: float, text: str) -> None:
    assert span(seconds) == text


async def test_the_page_shows_accounts_and_errors_and_no_secret() -> None:
    api = FakeApi(portfolio(["x", "y"]))
    api.routes[overview_path("y")] = httpx.Response(500)
    world = World(api)
    await world.apply(partner())
    await world.refresh()
    async with browser(world) as client:
        answer = await client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    texts = read(answer.text).texts
    assert "1 of 2" in texts
    assert "msp" in texts
    assert SECRET not in answer.text
    assert TOKEN not in answer.text
    assert "Bearer" not in answer.text
    await world.accounts.stop()
