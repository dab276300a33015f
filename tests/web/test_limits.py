"""Every response has the security headers. The server limits bodies, rates and connections."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.config.web_schema import RateLimitConfig
from exporter.web.client_connections import Guard
from exporter.web.limits import (
    BodyLimit,
    ClientLimits,
    RateLimit,
    SecureHeaders,
    client_network,
    secure_headers,
    send_text,
)

Sent = list[Message]


async def run(app: ASGIApp, scope: Scope, messages: Iterable[Message] = ()) -> Sent:
    sent: Sent = []
    queue = iter(messages)

    async def receive() -> Message:
        for message in queue:
            return message
        await asyncio.sleep(10)
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def http(method: str = "GET", *headers: tuple[bytes, bytes]) -> Scope:
    return {"type": "http", "method": method, "headers": list(headers)}


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


GONE: Message = {"type": "http.disconnect"}


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_client_network(host: str, network: str) -> None:
    assert client_network(host) == network


def test_secure_headers() -> None:
    headers = dict(secure_headers([(b"Server", b"x"), (b"content-type", b"text/html")], {}))
    assert headers == {
        b"content-type": b"text/html",
        b"x-content-type-options": b"nosniff",
        b"x-frame-options": b"DENY",
        b"referrer-policy": b"no-referrer",
        b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    }


def test_configured_headers_win_then_the_responses_own() -> None:
    given = [(b"X-Frame-Options", b"SAMEORIGIN"), (b"Content-Security-Policy", b"own"), (b"a", b"1")]
    configured = {"X-Frame-Options": "deny", "X-Content-Type-Options": "", "X-XSS-Protection": "0"}
    headers = secure_headers(given, configured)
    assert sorted(headers) == [
        (b"a", b"1"),
        (b"content-security-policy", b"own"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-frame-options", b"deny"),
        (b"x-xss-protection", b"0"),
    ]


class Page:
    """An application that raises an error before or after the start of its response."""

    def __init__(self, *, before: bool = False, after: bool = False) -> None:
        self.before, self.after = before, after
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.before:
            raise RuntimeError("before")
        if scope["type"] == "http" and scope.get("read", True):
            self.bodies.append((await receive()).get("body", b""))
        await send({"type": "http.response.start", "status": 200})
        if self.after:
            raise RuntimeError("after")
        await send({"type": "http.response.body", "body": b"x"})


async def test_exceptions_are_logged_and_return_500(caplog: pytest.LogCaptureFixture) -> None:
    sent = await run(SecureHeaders(Page(before=True), dict), http())
    assert sent[0]["status"] == 500
    assert (b"x-frame-options", b"DENY") in sent[0]["headers"]
    assert sent[1]["body"] == b"Internal Server Error\n"
    sent = await run(SecureHeaders(Page(after=True), dict), http(), [part(b"")])
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert (b"x-frame-options", b"DENY") in sent[0]["headers"]
    assert [record.getMessage() for record in caplog.records] == ["request failed: RuntimeError"] * 2


async def test_only_http_is_served() -> None:
    page = Page()
    app = SecureHeaders(RateLimit(BodyLimit(page, ClientLimits()), RateLimitConfig, lambda: 0.0), dict)
    assert await run(app, {"type": "websocket"}) == [{"type": "websocket.close", "code": 1008}]
    assert len(await run(app, {"type": "lifespan"})) == 2


async def test_rate_limit() -> None:
    settings = [RateLimitConfig(interval="2s", burst=2)]
    now = [0.0]

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send_text(send, 200, "ok")

    limited = RateLimit(app, lambda: settings[0], lambda: now[0])

    async def statuses(count: int) -> list[int]:
        return [(await run(limited, http()))[0]["status"] for _ in range(count)]

    assert await statuses(3) == [200, 200, 429]
    now[0] += 2
    assert await statuses(2) == [200, 429]
    now[0] += 100
    assert await statuses(3) == [200, 200, 429]
    settings[0] = RateLimitConfig()
    assert await statuses(3) == [200, 200, 200]


async def test_the_application_receives_the_complete_body() -> None:
    page = Page()
    sent = await run(BodyLimit(page, ClientLimits()), http("POST"), [part(b"a", more=True), part(b"b")])
    assert sent[0]["status"] == 200
    assert page.bodies == [b"ab"]
    page = Page()
    await run(BodyLimit(page, ClientLimits()), http("POST"), [part(b"a", more=True), GONE])
    assert page.bodies == [b"a"]


@pytest.mark.parametrize("length", [b"8193", b"9" * 5000, b"x"])
async def test_a_long_body_is_refused_unread(length: bytes) -> None:
    sent = await run(BodyLimit(Page(), ClientLimits()), http("POST", (b"content-length", length)))
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_a_long_body_in_pieces_is_refused() -> None:
    pieces = [part(b"x" * 4096, more=True)] * 3
    sent = await run(BodyLimit(Page(), ClientLimits()), http("POST"), pieces)
    assert sent[0]["status"] == 413


async def test_a_slow_body_is_refused() -> None:
    app = BodyLimit(Page(), ClientLimits(body_timeout=0.02))
    sent = await run(app, http("POST"), [part(b"x", more=True)])
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_the_body_of_a_get_is_ignored() -> None:
    seen: list[Message] = []

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        seen.extend([await receive(), await receive()])
        await send_text(send, 200, "ok")

    limited = BodyLimit(app, ClientLimits())
    sent = await run(limited, http("GET", (b"content-length", b"99999")), [part(b"a"), part(b"b"), GONE])
    assert seen == [part(b""), GONE]
    assert sent[0]["headers"][-1] == (b"connection", b"close")
    sent = await run(limited, http("HEAD"), [GONE])
    assert (b"connection", b"close") not in sent[0]["headers"]


class Member:
    """A fake connection for tests of the connection limit."""

    def __init__(self, network: str, quiet_since: float | None = None) -> None:
        self.network = network
        self.quiet_since = quiet_since
        self.checked: list[float] = []
        self.was_cut = False

    def check(self, now: float) -> None:
        self.checked.append(now)

    def cut(self) -> None:
        self.was_cut = True

    def retire(self) -> None:
        raise AssertionError("no connection must be retired")


def guard(**limits: Any) -> Guard:
    return Guard(ClientLimits(**limits), lambda: 7.0)


def test_at_the_limit_the_connection_that_is_idle_for_longest_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    full = guard(connections=3)
    busy, old, new = Member("a"), Member("a", 1.0), Member("b", 2.0)
    assert all(map(full.admit, (busy, old, new)))
    assert full.admit(Member("c"))
    assert old.was_cut
    assert full.admit(Member("c"))
    assert new.was_cut
    refused = Member("d", 3.0)
    assert not full.admit(refused)
    assert len(full.members) == 3
    assert (
        caplog.record_tuples
        == [("exporter.web", logging.WARNING, "limit of 3 open connections reached; closing idle connections")] * 3
    )


def test_at_the_limit_per_network_an_idle_connection_of_the_network_is_closed() -> None:
    crowded = guard(connections_per_address=1)
    other, own = Member("b", 0.0), Member("a", 5.0)
    assert all(map(crowded.admit, (other, own)))
    assert crowded.admit(Member("a"))
    assert own.was_cut
    assert not other.was_cut
    assert not crowded.admit(Member("a"))


def test_leaving_and_sweeping() -> None:
    house = guard()
    assert house.empty.is_set()
    member = Member("a")
    house.admit(member)
    assert not house.empty.is_set()
    house.sweep()
    assert member.checked == [7.0]
    house.leave(Member("a"))
    assert house.members == [member]
    house.leave(member)
    house.leave(member)
    assert house.empty.is_set()
    assert house.members == []
