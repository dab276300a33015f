"""Test the server with real sockets: listening, TLS, slow clients and shutdown."""

import asyncio
import base64
import contextlib
import errno
import logging
import re
import signal
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from starlette.types import Receive, Scope, Send

from exporter.errors import ConfigError
from exporter.web.limits import ClientLimits, send_text
from exporter.web.server import bind, serve

PATIENT = ClientLimits(
    header_timeout=3600,
    handshake_timeout=3600,
    body_timeout=3600,
    write_timeout=3600,
    keep_alive=3600,
    shutdown_grace=3600,
    reload_interval=0.0,
)
"""Limits without deadlines. A test sets one short deadline, and waits for its effect instead of measuring the time."""
HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()


class App:
    """An application that never responds to `/stuck`.

    For `/big`, the application returns more data than sockets can buffer, and then sets `sent`.
    """

    def __init__(self) -> None:
        self.reached, self.sent = asyncio.Event(), asyncio.Event()
        self.seen: list[Scope] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope)
        self.bodies.append((await receive())["body"])
        self.reached.set()
        path = scope["path"]
        if path == "/stuck":
            await asyncio.Event().wait()
        if path == "/slow":
            await asyncio.sleep(0.1)
        if path == "/fail":
            raise RuntimeError("failed")
        if path == "/big":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(20):
                await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
            self.sent.set()
        else:
            await send_text(send, 200, "hello", [(b"server", b"secret")])


async def closed(reader: asyncio.StreamReader) -> bytes:
    """Return the bytes received until the server closes the connection. Fail if the server never closes it."""
    received = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(60):
            while piece := await reader.read(65536):
                received += piece
    return received


def secure(headers: dict[str, str]) -> bool:
    return "server" not in headers and headers.get("x-content-type-options") == "nosniff"


# Listening


async def test_hello(start: Any, browser: Any) -> None:
    app = App()
    async with start(app) as running:
        got = await browser.get(running.port, "/path?a=b")
    assert (got.status, got.body) == (200, b"hello\n")
    assert secure(got.headers)
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} .* gmt", got.headers["date"])
    assert app.seen[0]["path"] == "/path"
    assert running.addresses == [f"127.0.0.1:{running.port}"]


async def test_every_address_in_both_families(start: Any, browser: Any, connect: Any) -> None:
    async with start(App(), listen=(":0", "localhost:0")) as running:
        assert (await browser.get(running.port)).status == 200
        assert (await browser.get(int(running.addresses[1].rpartition(":")[2]))).status == 200
        if running.addresses[0].startswith("[::]"):
            async with connect(running.port, host="::1") as (reader, writer):
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert (await browser.read(reader)).status == 200


@pytest.mark.parametrize("number", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EADDRINUSE, 0])
def test_without_ipv6(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.create_server

    def create_server(address: Any, *, family: int = socket.AF_INET, **more: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(number, "no")
        return real(address, **more)

    monkeypatch.setattr(socket, "create_server", create_server)
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: number != 0)
    if number == errno.EADDRINUSE:
        with pytest.raises(ConfigError, match="cannot listen on :0: address already in use"):
            bind([":0"])
    else:
        (listener,) = bind([":0"])
        with listener:
            assert listener.getsockname()[0] == "0.0.0.0"


def test_addresses_that_cannot_be_used() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError) as caught:
            bind(["127.0.0.1:0", f"127.0.0.1:{port}", "nonsense", "::1:9", "[::1", ":70000", "no.such.invalid:1"])
    lines = str(caught.value).splitlines()
    in_use = "address already in use; stop the other process, or use another port"
    assert lines[:5] == [
        f"--web.listen-address: cannot listen on 127.0.0.1:{port}: {in_use}",
        "--web.listen-address: 'nonsense' is not HOST:PORT; add a port, such as nonsense:10087",
        "--web.listen-address: '::1:9' is not HOST:PORT; write an IPv6 address in square brackets, such as [::1]:10087",
        "--web.listen-address: '[::1' is not HOST:PORT; write an IPv6 address in square brackets, such as [::1]:10087",
        "--web.listen-address: ':70000' has a port above 65535; use a lower port",
    ]
    assert lines[5].startswith("--web.listen-address: cannot listen on no.such.invalid:1: ")


async def test_an_invalid_file_prevents_the_start(tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text("nonsense: 1")
    with pytest.raises(ConfigError, match="nonsense: unknown key"):
        await serve(App(), ["127.0.0.1:0"], path, stop=asyncio.Event())


async def test_the_server_installs_no_signal_handlers(start: Any) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    async with start(App()):
        assert {number: signal.getsignal(number) for number in before} == before


# The settings of the web configuration file


async def test_basic_auth_guards_every_path(start: Any, browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(f"basic_auth_users: {{alice: {HASH}}}\nhttp_server_config: {{headers: {{X-XSS-Protection: '0'}}}}")
    right = "Basic " + base64.b64encode(b"alice:right").decode()
    async with start(App(), path, limits=PATIENT) as running:
        refused = await browser.get(running.port, "/-/healthy")
        assert refused.status == 401
        assert secure(refused.headers)
        assert refused.headers["x-xss-protection"] == "0"
        assert (await browser.get(running.port, Authorization=right)).status == 200
        path.write_text(path.read_text().replace("alice", "robert"))
        assert (await browser.get(running.port, Authorization=right)).status == 401


@pytest.fixture
def tls_config(tmp_path: Path, pki: Any) -> Path:
    path = tmp_path / "web.yaml"
    files = f"cert_file: {pki.folder}/server.crt, key_file: {pki.folder}/server.key"
    client = f"client_auth_type: RequireAndVerifyClientCert, client_ca_file: {pki.folder}/ca.crt"
    path.write_text(f"tls_server_config: {{{files}, {client}, client_allowed_sans: [client]}}")
    return path


async def test_tls(start: Any, browser: Any, pki: Any, tls_config: Path) -> None:
    app = App()
    async with start(app, tls_config) as running:
        got = await browser.get(running.port, context=pki.client_context("client"))
        assert (got.status, got.body) == (200, b"hello\n")
        assert app.seen[0]["scheme"] == "https"
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await browser.get(running.port, context=pki.client_context("other"))
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await browser.get(running.port, context=pki.client_context())
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await browser.get(running.port)
        assert len(app.seen) == 1


async def test_a_new_certificate_on_new_connections(
    start: Any, browser: Any, connect: Any, pki: Any, tmp_path: Path
) -> None:
    for ending in ("crt", "key"):
        (tmp_path / f"a.{ending}").write_bytes((pki.folder / f"server.{ending}").read_bytes())
    path = tmp_path / "web.yaml"
    path.write_text("tls_server_config: {cert_file: a.crt, key_file: a.key}")
    context = pki.client_context()
    async with start(App(), path, limits=PATIENT) as running, connect(running.port, context=context) as old:
        for ending in ("crt", "key"):
            (tmp_path / f"a.{ending}").write_bytes((pki.folder / f"renewed.{ending}").read_bytes())
        async with connect(running.port, context=context) as (_, writer):
            names = writer.get_extra_info("peercert")["subjectAltName"]
            assert ("DNS", "renewed") in names
        old[1].write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await browser.read(old[0])).status == 200


async def test_a_client_that_disconnects_during_the_handshake(
    start: Any, browser: Any, connect: Any, pki: Any, tls_config: Path
) -> None:
    async with start(App(), tls_config) as running:
        for _ in range(3):
            async with connect(running.port) as (_, writer):
                writer.write(b"\x16\x03\x01")
        assert (await browser.get(running.port, context=pki.client_context("client"))).status == 200


async def test_a_client_that_does_not_finish_the_handshake(start: Any, connect: Any, tls_config: Path) -> None:
    limits = replace(PATIENT, handshake_timeout=0.1)
    async with start(App(), tls_config, limits=limits) as running, connect(running.port) as (reader, writer):
        writer.write(b"\x16\x03\x01")
        assert await closed(reader) == b""


# Slow and malformed clients


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /sec"])
async def test_a_header_that_does_not_arrive(start: Any, connect: Any, sent: bytes) -> None:
    limits = replace(PATIENT, header_timeout=0.2)
    async with start(App(), limits=limits) as running, connect(running.port) as (reader, writer):
        writer.write(sent)
        received = await closed(reader)
        assert received.count(b"hello") == sent.count(b"Host")


async def test_idle_connections_are_closed(start: Any, browser: Any, connect: Any) -> None:
    limits = replace(PATIENT, keep_alive=1)
    async with start(App(), limits=limits) as running, connect(running.port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await browser.read(reader)).status == 200
        assert await closed(reader) == b""


async def test_requests_sent_at_once(start: Any, browser: Any, connect: Any) -> None:
    async with start(App()) as running, connect(running.port) as (reader, writer):
        writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        for _ in range(3):
            assert (await browser.read(reader)).status == 200


@pytest.mark.parametrize("tls", [False, True])
async def test_a_client_that_does_not_read(start: Any, connect: Any, pki: Any, tls_config: Path, tls: bool) -> None:
    app = App()
    context = pki.client_context("client") if tls else None
    config = tls_config if tls else None
    async with (
        start(app, config, limits=replace(PATIENT, write_timeout=0.3)) as running,
        connect(running.port, context=context) as (reader, writer),
    ):
        writer.transport.pause_reading()
        writer.write(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(
            app.sent.wait(), 60
        )  # the application cannot send the rest before the connection is lost
        writer.transport.resume_reading()
        assert len(await closed(reader)) < 20_000_000


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    ],
)
async def test_malformed(start: Any, browser: Any, connect: Any, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with start(App()) as running, connect(running.port) as (reader, writer):
        writer.write(sent)
        got = await browser.read(reader)
        assert got.status == 400
        assert secure(got.headers)
        assert "date" in got.headers
        assert b"h11" not in got.body
        assert b"uvicorn" not in got.body
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_malformed_body_during_a_response(start: Any, connect: Any) -> None:
    app = App()
    async with start(app) as running, connect(running.port) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n")
        assert await closed(reader) == b""


async def test_upgrades_are_ignored(start: Any, browser: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with start(App()) as running:
        got = await browser.get(running.port, Connection="Upgrade", Upgrade="websocket")
        assert got.status == 200
    assert "upgrade" not in caplog.text.lower()


async def test_bodies(start: Any, browser: Any, connect: Any) -> None:
    app = App()
    async with start(app, limits=replace(PATIENT, body_timeout=0.2)) as running:
        assert (await browser.send(running.port, "POST", body=b"abc", Content_Length="3")).status == 200
        assert app.bodies == [b"abc"]
        refused = await browser.send(running.port, "POST", Content_Length="9000")
        assert refused.status == 413
        assert secure(refused.headers)
        assert (await browser.send(running.port, "POST", Content_Length="9")).status == 408
        ignored = await browser.get(running.port, Content_Length="9")
        assert (ignored.status, ignored.headers["connection"]) == (200, "close")
        assert app.bodies[-1] == b""


async def test_the_rest_of_a_refused_body_is_not_read(start: Any, browser: Any, connect: Any, tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(f"basic_auth_users: {{alice: {HASH}}}")
    async with start(App(), path) as running, connect(running.port) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        assert (await browser.read(reader)).status == 401
        assert await closed(reader) == b""


async def test_a_failing_application(start: Any, browser: Any) -> None:
    async with start(App()) as running:
        got = await browser.get(running.port, "/fail")
    assert (got.status, got.body) == (500, b"Internal Server Error\n")
    assert secure(got.headers)


async def test_many_connections_do_not_lock_others_out(start: Any, browser: Any, connect: Any) -> None:
    limits = ClientLimits(connections=8, connections_per_address=8)
    async with start(App(), limits=limits) as running, contextlib.AsyncExitStack() as crowd:
        for _ in range(20):
            _, writer = await crowd.enter_async_context(connect(running.port))
            writer.write(b"GET / HTTP/1.1\r\n")
        assert (await browser.get(running.port)).status == 200


async def test_connections_with_a_request_are_not_closed_at_the_limit(start: Any, connect: Any) -> None:
    app = App()
    limits = ClientLimits(connections=1, shutdown_grace=0.1)
    async with start(app, limits=limits) as running, connect(running.port) as (_, writer):
        writer.write(b"GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n")
        await app.reached.wait()
        async with connect(running.port) as (reader, _):
            assert await closed(reader) == b""


# The end


async def test_shutdown_without_connections_is_immediate(start: Any) -> None:
    async with start(App(), limits=PATIENT) as running:
        await running.end()


async def test_a_running_request_is_finished_at_shutdown(start: Any, browser: Any, connect: Any) -> None:
    app = App()
    async with start(app, limits=PATIENT) as running, connect(running.port) as (reader, writer):
        writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await app.reached.wait()
        running.stop.set()
        assert (await browser.read(reader)).status == 200
        await running.end()
        with pytest.raises(OSError, match="Connect call failed"):
            await browser.get(running.port)


@pytest.mark.parametrize("tls", [False, True])
async def test_shutdown_ends_after_the_grace_period(
    start: Any, connect: Any, pki: Any, tls_config: Path, tls: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The shutdown ends, even if a request, a handshake or a response is incomplete."""
    app = App()
    limits = replace(PATIENT, shutdown_grace=0.3)
    context = pki.client_context("client") if tls else None
    requests = (b"", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n")
    config = tls_config if tls else None
    async with start(app, config, limits=limits) as running, contextlib.AsyncExitStack() as clients:
        await clients.enter_async_context(connect(running.port))
        for request in (*requests, b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n"):
            _, writer = await clients.enter_async_context(connect(running.port, context=context))
            writer.transport.pause_reading()
            writer.write(request)
        while len(app.seen) < 3:
            await app.reached.wait()
            app.reached.clear()
        await running.end()
    assert "at the end of the grace period" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_stopped_server_leaves_no_tasks(start: Any, browser: Any, pki: Any, tls_config: Path) -> None:
    before = asyncio.all_tasks()
    async with start(App(), tls_config) as running:
        await browser.get(running.port, context=pki.client_context("client"))
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_a_failing_sweep_ends_the_server(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("no sweep")

    monkeypatch.setattr("exporter.web.client_connections.Guard.sweep", fail)
    with pytest.raises(ExceptionGroup) as caught:
        await serve(App(), ["127.0.0.1:0"], None, stop=asyncio.Event(), limits=ClientLimits(header_timeout=0.1))
    assert caught.group_contains(RuntimeError, match="no sweep")


def test_defaults_are_secure() -> None:
    limits = ClientLimits()
    assert limits.shutdown_grace + 1 < 5
    assert limits.header_bytes == 16 * 1024
