"""The preflight checks DNS, TLS and the app's certificate. These tests use real sockets."""

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from exporter.diagnose.connectivity import Host, host_of, is_ip_address, proxy_description, resolve, tls_handshake
from exporter.diagnose.report import Step
from exporter.errors import TransportError
from tests.avepoint.test_certificate import identity
from tests.diagnose.support import checked, failure_of, found, tenant_with
from tests.fakes import make_account
from tests.helpers import NOW, FakeApi
from tests.web.conftest import Pki, make_pki


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


@contextlib.asynccontextmanager
async def tls_server(pki: Pki) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.folder / "server.crt", pki.folder / "server.key")

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def steps_of(report: Any) -> list[Step]:
    return [step for account in report.accounts for step in account.steps]


def at(url: str, **keys: Any) -> dict[str, Any]:
    return tenant_with("license", base_url=url, token_url=f"{url}/connect/token", **keys)


async def test_the_tls_step_shows_the_version_and_the_expiry_of_the_certificate(pki: Pki) -> None:
    async with tls_server(pki) as port:
        url = f"https://127.0.0.1:{port}"
        report = await checked(FakeApi(), at(url, tls={"ca_file": str(pki.folder / "ca.crt")}))
    dns, tls = steps_of(report)[:2]
    assert (dns.kind, dns.result, dns.detail) == ("dns", "skipped", "an IP address needs no lookup")
    assert (tls.kind, tls.result, tls.target) == ("tls", "ok", f"127.0.0.1:{port}")
    assert tls.detail.startswith("TLSv1.3, certificate valid until 20")


async def test_a_handshake_returns_the_expiry_of_the_certificate(pki: Pki) -> None:
    account = make_account(more=f"tls: {{ca_file: {pki.folder / 'ca.crt'}}}")
    async with tls_server(pki) as port:
        handshake = await tls_handshake(account, Host("127.0.0.1", port, is_encrypted=True))
    now = dt.datetime.now(dt.UTC).timestamp()
    assert now < handshake.expires_at < now + 7200


async def test_an_unknown_certificate_authority_ends_the_check_of_the_account(pki: Pki) -> None:
    api = FakeApi()
    async with tls_server(pki) as port:
        report = await checked(api, at(f"https://127.0.0.1:{port}"))
    tls = steps_of(report)[-1]
    assert (tls.kind, tls.result) == ("tls", "failed")
    assert tls.failure is not None
    assert "CERTIFICATE_VERIFY_FAILED" in tls.failure.message
    assert "tls.ca_file" in tls.failure.hint
    licence = found(report, "license")
    assert licence.result == "skipped"
    assert failure_of(licence).message.startswith(f"not tested: tls: 127.0.0.1:{port}: ")
    assert (api.tokens, api.requests) == (0, [])


async def test_a_refused_connection() -> None:
    with pytest.raises(TransportError, match=r"127\.0\.0\.1:1: .*(refused|failed)") as caught:
        await tls_handshake(make_account(), Host("127.0.0.1", 1, is_encrypted=True))
    assert "check the network" in caught.value.hint


async def test_timeouts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(TransportError, match="the connection timed out"):
            await tls_handshake(make_account(), Host("127.0.0.1", port, is_encrypted=True), within=0.2)
    with pytest.raises(TransportError, match="localhost: the DNS lookup timed out"):
        await resolve(Host("localhost", 80, is_encrypted=False), within=0)


async def test_name_lookups() -> None:
    assert "127.0.0.1" in await resolve(Host("localhost", 80, is_encrypted=False))
    for name in ("nonexistent.invalid", "a" * 64 + ".example.com"):
        with pytest.raises(TransportError) as caught:
            await resolve(Host(name, 443, is_encrypted=True))
        assert str(caught.value).startswith(f"{name}: ")
        assert "spelling" in caught.value.hint


async def test_an_unknown_name_ends_the_check_of_the_account() -> None:
    report = await checked(FakeApi(), at("https://nonexistent.invalid"))
    assert [(step.kind, step.result) for step in steps_of(report)] == [("dns", "failed")]
    assert failure_of(found(report, "license")).message.startswith("not tested: dns: nonexistent.invalid: ")


async def test_localhost_is_looked_up_and_not_encrypted() -> None:
    report = await checked(FakeApi(), at("http://localhost:9"))
    dns, tls = steps_of(report)[:2]
    assert dns.result == "ok"
    assert "127.0.0.1" in dns.detail
    assert (tls.result, tls.detail) == ("skipped", "local http:// connection without TLS")


async def test_a_proxy_resolves_names_and_its_password_is_not_shown() -> None:
    proxied = at("https://graph.example.com", proxy_url="http://user:hunter2@proxy.example.com:3128")
    report = await checked(FakeApi(), proxied)
    dns, tls = steps_of(report)[:2]
    assert (dns.result, dns.detail) == (
        "skipped",
        "the proxy resolves the name (proxy_url: http://proxy.example.com:3128)",
    )
    assert (tls.result, tls.detail) == (
        "skipped",
        "the proxy opens the connection (proxy_url: http://proxy.example.com:3128)",
    )
    assert "hunter2" not in repr(report)


def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    account, host = make_account(), host_of("https://graph.example.com/x")
    assert host == Host("graph.example.com", 443, is_encrypted=True)
    assert proxy_description(account, host) is None
    monkeypatch.setenv("all_proxy", "user:hunter2@proxy.example.com:1")
    assert proxy_description(account, host) == "the environment's proxy: http://proxy.example.com:1"
    monkeypatch.setenv("https_proxy", "http://other.example.com:2")
    assert proxy_description(account, host) == "the environment's proxy: http://other.example.com:2"
    assert (
        proxy_description(account, host_of("http://127.0.0.1")) == "the environment's proxy: http://proxy.example.com:1"
    )
    monkeypatch.setenv("no_proxy", "example.com")
    assert proxy_description(account, host) is None


async def test_an_invalid_proxy_of_the_environment_fails_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:hunter2/x@proxy.example.com:1")
    report = await checked(FakeApi(), at("https://graph.example.com"))
    (dns,) = steps_of(report)
    assert (dns.kind, dns.result) == ("dns", "failed")
    assert "HTTPS_PROXY: must be an http:// or https:// URL; percent-encode the password" in repr(dns)
    assert "hunter2" not in repr(report)


def test_addresses() -> None:
    assert [is_ip_address(host) for host in ("127.0.0.1", "::1", "localhost", "")] == [True, True, False, False]


@pytest.mark.parametrize(("days", "words"), [(30, ""), (13, ", expires in 13 days"), (1, ", expires in 1 day")])
async def test_the_apps_certificate(days: int, words: str, tmp_path: Path) -> None:
    own = identity(rsa.generate_private_key(65537, 2048), end=NOW + days * 86_400 + 60)
    path = tmp_path / "app.pem"
    path.write_bytes(own.pem())
    auth = {"client_id": "app", "certificate_file": str(path)}
    report = await checked(FakeApi(), tenant_with("license", auth=auth))
    step = next(step for step in steps_of(report) if step.kind == "certificate")
    until = dt.datetime.fromtimestamp(NOW + days * 86_400 + 60, dt.UTC)
    assert (step.target, step.detail) == (str(path), f"valid until {until:%Y-%m-%d}{words}")
