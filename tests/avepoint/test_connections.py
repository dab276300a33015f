"""Test connections: redirects, cookies, certificate authorities, proxies, links, and the size limit of bodies."""

import asyncio
import base64
import errno
import gzip
import shutil
import socket
import ssl
import traceback
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from exporter.avepoint.connections import Connections, tls_context
from exporter.avepoint.endpoints import Endpoint
from exporter.avepoint.hints import reason_of, unreached
from exporter.avepoint.proxies import invalid_variables, matches_no_proxy
from exporter.avepoint.responses import LARGEST_BODY, read_body
from exporter.config.schema import Tls
from exporter.errors import AnswerError, LinkRefusedError, TokenError, TransportError
from tests.fakes import ClientHarness, Stream, make_account

JOBS = Endpoint("GET", "/cloudbackup/jobs", "jobs.read")
BATCH = Endpoint("POST", "/partner/external/v3/general/customers/batch", "customers.read")


def ok(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"a": 1})


async def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    stream = Stream(*[b"x" * 2**20] * 100)
    world = ClientHarness(lambda _: httpx.Response(200, stream=stream))
    with pytest.raises(AnswerError, match="larger than"):
        await world.client.call(JOBS)
    assert stream.given == LARGEST_BODY // 2**20 + 1
    assert world.observer.codes == ["parse"]


@pytest.mark.parametrize("layers", [1, 2])
async def test_a_bomb_is_not_unpacked(layers: int) -> None:
    body = b"[" + b" " * (LARGEST_BODY * 3) + b"]"
    for _ in range(layers):
        body = gzip.compress(body, mtime=0)
    headers = {"content-encoding": ", ".join(["gzip"] * layers)}
    world = ClientHarness(lambda _: httpx.Response(200, headers=headers, stream=Stream(body)))
    with pytest.raises(AnswerError, match="larger than" if layers == 1 else "encoding that was not requested"):
        await world.client.call(JOBS)
    assert world.observer.codes == ["parse"]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b'{"a": 1}', mtime=0)), ("X-GZIP", gzip.compress(b'{"a": 1}', mtime=0)),
        ("deflate", zlib.compress(b'{"a": 1}')),
        ("identity", b'{"a": 1}'),
    ],
)  # fmt: skip
async def test_packed_bodies(encoding: str, body: bytes) -> None:
    pieces = [body[index : index + 3] for index in range(0, len(body), 3)]
    world = ClientHarness(lambda _: httpx.Response(200, headers={"content-encoding": encoding}, stream=Stream(*pieces)))
    assert await world.client.call(JOBS) == {"a": 1}


@pytest.mark.parametrize("junk", [b"x" * 999, gzip.compress(b"{}", mtime=0)])
async def test_bytes_after_a_compressed_body_end_the_read(junk: bytes) -> None:
    stream = Stream(gzip.compress(b'{"a": 1}', mtime=0), *[junk] * 1000)
    world = ClientHarness(lambda _: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=stream))
    assert await world.client.call(JOBS) == {"a": 1}
    assert stream.given < 4


@pytest.mark.parametrize("body", [b"not gzip", gzip.compress(b'{"a": 1}' * 99, mtime=0)[:-20], b""])
async def test_broken_packing(body: bytes) -> None:
    world = ClientHarness(lambda _: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Stream(body)))
    with pytest.raises(AnswerError):
        await world.client.call(JOBS)
    assert len(world.calls) == 1


@pytest.mark.parametrize("missing", [1, 4, 8])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_compressed_body_without_its_checksum_is_truncated(encoding: str, missing: int) -> None:
    whole = gzip.compress(b"[]", mtime=0) if encoding == "gzip" else zlib.compress(b"[]")
    stream = Stream(whole[: -min(missing, 4 if encoding == "deflate" else 8)])
    world = ClientHarness(lambda _: httpx.Response(200, headers={"content-encoding": encoding}, stream=stream))
    with pytest.raises(AnswerError, match="the compressed response is truncated"):
        await world.client.call(JOBS)
    assert world.observer.codes == ["parse"]


async def test_an_empty_body_may_name_an_encoding() -> None:
    world = ClientHarness(lambda _: httpx.Response(204, headers={"content-encoding": "gzip"}))
    assert await world.client.call(BATCH) == []


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/",
        "http://graph.example.com/",
        "/elsewhere",
        "https://[evil",
        "http:x",
        "\\\\evil",
        "https://a:99999/",
        "é",
    ],
)
async def test_redirects_are_refused_and_counted(location: str) -> None:
    codes = iter((301, 302, 307, 308))
    world = ClientHarness(lambda _: httpx.Response(next(codes), headers=[(b"location", location.encode())]))
    for _ in range(4):
        with pytest.raises(LinkRefusedError):
            await world.client.call(JOBS)
    assert len(world.calls) == 4
    assert world.observer.codes == ["301", "302", "307", "308"]
    assert world.observer.unread == {("/cloudbackup/jobs", "Location"): 4}


async def test_a_redirect_of_the_token_is_not_followed() -> None:
    world = ClientHarness(ok, tokens=lambda _: httpx.Response(307, headers={"location": "https://evil.example/"}))
    with pytest.raises(TokenError):
        await world.client.call(JOBS)
    assert world.token_calls == 1
    assert not world.calls


@pytest.mark.parametrize(
    ("link", "query"),
    [
        ("https://graph.example.com/x?PageIndex=2", {"PageIndex": "2"}),
        ("/cloudbackup/jobs?PageIndex=2", {"PageIndex": "2"}),
        ("/prefix/cloudbackup/jobs?PageIndex=2&a=%20b", {"PageIndex": "2", "a": " b"}),
        ("?PageIndex=2", {"PageIndex": "2"}),
        ("https://graph.example.com:443/x?a=1", {"a": "1"}), ("HTTPS://GRAPH.example.com/x?a=1", {"a": "1"}),
        (" /x?a=1 ", {"a": "1"}),
    ],
)  # fmt: skip
async def test_links_of_our_own(link: str, query: dict[str, str]) -> None:
    world = ClientHarness(ok)
    assert world.client.link_query(JOBS, link) == query
    assert not world.observer.unread


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/x?a=1", "http://graph.example.com/x?a=1", "https://graph.example.com:444/x?a=1",
        "https://graph.example.com@evil.example/?a=1", "//evil.example/x?a=1", "\\\\evil.example\\x?a=1",
        "https:\\\\evil.example/x?a=1", "/\\evil.example/x?a=1", "https://u:p@graph.example.com/?a=1",
        "ftp://graph.example.com/?a=1",
        "https://graph.example.com.evil.example/?a=1", "https://[evil/?a=1", "https://graph.example.com:99999/?a=1",
        "javascript:alert(1)?a=1", "/x?a=" + "1" * 5000, "/x?a=\ud800", "/x?a=1\r\nHost: evil",
        "https:/evil.example/?a=1",
        "/x?" + "a=1&" * 60,
    ],
)  # fmt: skip
async def test_links_elsewhere_are_refused_and_counted(link: str) -> None:
    world = ClientHarness(ok)
    with pytest.raises(LinkRefusedError):
        world.client.link_query(JOBS, link)
    assert world.observer.unread == {("/cloudbackup/jobs", "nextLink"): 1}
    assert not world.sent


@pytest.mark.parametrize("link", ["eyJvcGFxdWUiOjF9", "/cloudbackup/jobs", "?", "/x?novalue"])
async def test_links_that_say_nothing_are_no_attack(link: str) -> None:
    world = ClientHarness(ok)
    with pytest.raises(LinkRefusedError):
        world.client.link_query(JOBS, link)
    assert not world.observer.unread


async def test_cookies_are_not_kept() -> None:
    world = ClientHarness(lambda _: httpx.Response(200, json=[], headers={"set-cookie": "track=1; Path=/"}))
    await world.client.call(JOBS)
    await world.client.call(JOBS)
    assert all("cookie" not in request.headers for request in world.sent)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a self-signed certificate for 127.0.0.1 and the certificate's key to a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")]), datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
    return file


@pytest.mark.parametrize("trusted", [True, False])
async def test_ca_file_is_trusted_and_nothing_goes_to_who_is_not(authority: Path, trusted: bool) -> None:
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(authority)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    account = make_account().model_copy(update={"tls": Tls.model_construct(ca_file=authority if trusted else None)})
    connections = Connections(account, None)
    request = connections.request("GET", url)
    async with server:
        if trusted:
            body = await body_of(connections, request)
            assert body == b"{}"
        else:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await body_of(connections, request)
    await connections.aclose()
    assert bool(received) is trusted


async def test_a_connection_that_is_free_is_taken_again_and_never_one_that_is_not() -> None:
    peers: list[str] = []
    all_here, ended = asyncio.Event(), asyncio.Semaphore(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            peers.append(str(writer.get_extra_info("peername")))
            if len(peers) == 3:
                all_here.set()
            await all_here.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()
        await writer.wait_closed()
        ended.release()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    connections = Connections(make_account(), None)
    request = connections.request("GET", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    async with server:
        async with asyncio.timeout(10):
            answers = await asyncio.gather(*(body_of(connections, request) for _ in range(3)))
            answers += [await body_of(connections, request) for _ in range(5)]
        assert answers == [b"{}"] * 8
        assert len(set(peers[:3])) == 3, "all three requests run at the same time"
        assert len(set(peers)) == 3
        await connections.aclose()
        for _ in range(3):
            await ended.acquire()


@pytest.fixture
async def proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """Run a proxy. Yield the proxy's address and the received request lines.

    The proxy itself responds to every request.
    """
    lines: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0].decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", lines


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


async def body_of(connections: Connections, request: httpx.Request) -> bytes:
    async with connections.send(request) as response:
        return await read_body(response)


async def exchanged(url: str, **changes: object) -> bytes:
    connections = Connections(make_account().model_copy(update=changes), None)
    try:
        return await body_of(connections, connections.request("GET", url))
    finally:
        await connections.aclose()


@pytest.mark.parametrize("scheme", ["", "http://"])
async def test_the_proxy_of_the_environment(
    scheme: str, proxy: tuple[str, list[str]], environment: pytest.MonkeyPatch
) -> None:
    address, lines = proxy
    environment.setenv("http_proxy", scheme + address)
    assert await exchanged("http://graph.example.com/x") == b"{}"
    assert lines == ["GET http://graph.example.com/x HTTP/1.1"]


async def test_the_proxy_of_the_configuration_comes_first(
    proxy: tuple[str, list[str]], environment: pytest.MonkeyPatch
) -> None:
    address, lines = proxy
    environment.setenv("http_proxy", "http://127.0.0.1:9")
    environment.setenv("no_proxy", "example.com")
    assert await exchanged("http://graph.example.com/x", proxy_url=SecretStr(f"http://{address}")) == b"{}"
    assert lines == ["GET http://graph.example.com/x HTTP/1.1"]


async def test_a_host_that_the_environment_asks_without_its_proxy(
    proxy: tuple[str, list[str]], environment: pytest.MonkeyPatch
) -> None:
    address, lines = proxy
    environment.setenv("all_proxy", "http://127.0.0.1:9")
    environment.setenv("no_proxy", "127.0.0.1")
    assert await exchanged(f"http://{address}/x") == b"{}"
    assert lines == ["GET /x HTTP/1.1"]


async def test_a_proxy_of_the_environment_that_is_of_no_use_is_said_without_its_password(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("all_proxy", "ftp://user:hunter2@127.0.0.1:9")
    with pytest.raises(httpx.ProxyError) as raised:
        await exchanged("http://graph.example.com/x")
    assert str(raised.value) == "ALL_PROXY: must be an http:// or https:// URL"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://user:hunter2/b@127.0.0.1:9", "; percent-encode the password"),
        ("http://user:hunter2@b@127.0.0.1:9", "; percent-encode the password"),
        ("user:hunter2#b@127.0.0.1:9", "; percent-encode the password"),
        ("http://user:hunter2?b@127.0.0.1:9", "; percent-encode the password"),
        ("http://user:hunter2@prox\uff0fy:9", ""),
        ("http://user:hunter2[@proxy:9", ""),
        ("http://[::1", ""),
        ("http://proxy:99999", " with a port from 1 to 65535"),
        ("http://proxy:abc", " with a port from 1 to 65535"),
        ("http://proxy example", " without spaces"),
        ("http://proxy:8080/proxy.pac", " without a path"),
    ],
)
async def test_an_invalid_proxy_url_in_the_environment_is_reported_without_any_part_of_it(
    url: str, problem: str, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("http_proxy", url)
    with pytest.raises(httpx.ProxyError) as raised:
        await exchanged("http://graph.example.com/x")
    message = f"HTTP_PROXY: must be an http:// or https:// URL{problem}"
    assert str(raised.value).startswith(message)
    assert [line.startswith(message) for line in invalid_variables()] == [True]
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("trusted", [True, False])
async def test_ca_file_is_trusted_for_an_https_proxy(
    authority: Path, trusted: bool, environment: pytest.MonkeyPatch
) -> None:
    lines: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(authority)
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
        url = SecretStr(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        ca = Tls.model_construct(ca_file=authority if trusted else None)
        if trusted:
            assert await exchanged("http://graph.example.com/x", proxy_url=url, tls=ca) == b"{}"
        else:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await exchanged("http://graph.example.com/x", proxy_url=url, tls=ca)
    assert bool(lines) is trusted


def test_errors_name_the_proxy_without_its_password() -> None:
    account = make_account().model_copy(update={"proxy_url": SecretStr("http://user:hunter2@proxy.example.com:3128")})
    connections = Connections(account, None)
    request = connections.request("GET", "https://graph.example.com/x")
    assert connections.target(request) == "graph.example.com (through proxy http://proxy.example.com:3128)"


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "matches"),
    [
        ("10.0.0.0/8", "10.1.2.3", 443, True), ("10.0.0.0/8", "11.1.2.3", 443, False), ("fd00::/8", "fd00::1", 1, True),
        ("10.0.0.0/8", "example.com", 443, False), ("10.1.2.3:443", "10.1.2.3", 443, True),
        ("[fd00::1]:443", "fd00::1", 443, True), ("example.com", "a.Example.com", 443, True),
        (".example.com", "example.com", 1, True), ("*.example.com", "x.example.com", 1, True),
        ("example.com:8443", "example.com", 443, False), ("example.com:443", "example.com", 443, True),
        ("*", "x", 1, True), ("ample.com", "example.com", 1, False), ("localhost, b", "b", 1, True),
        ("localhost b", "b", 1, True), ("", "b", 1, False), (":443", "b", 443, False),
        ("*:443", "b", 443, True), ("*:443", "b", 80, False), ("example.com.", "a.example.com", 1, True),
    ],
)  # fmt: skip
def test_no_proxy(no_proxy: str, host: str, port: int, matches: bool) -> None:
    assert matches_no_proxy(no_proxy, host, port) is matches


def test_certificates_are_verified_equally_with_every_python() -> None:
    flags = tls_context(make_account()).verify_flags
    assert not flags & ssl.VerifyFlags.VERIFY_X509_STRICT
    assert flags & ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN


@pytest.mark.parametrize(
    ("code", "words"), [(10, "has expired"), (62, "another host"), (68, "SHA-1"), (20, "add its CA certificate")]
)
def test_the_hint_names_the_defect_of_the_certificate(code: int, words: str) -> None:
    error, cause = httpx.ConnectError("x"), ssl.SSLCertVerificationError("[SSL: CERTIFICATE_VERIFY_FAILED]")
    cause.verify_code = code
    error.__cause__ = cause
    assert words in unreached(error)


async def test_a_connection_that_is_refused_says_so(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("no_proxy", "*")
    with pytest.raises(httpx.ConnectError) as raised:
        await exchanged("http://127.0.0.1:9/")
    assert reason_of(raised.value) == "Connection refused"


def test_the_reason_of_several_addresses_is_that_of_the_first() -> None:
    error = OSError("all failed")
    refused, timed_out = OSError(errno.ECONNREFUSED, "x"), OSError(errno.ETIMEDOUT, "y")
    error.__cause__ = ExceptionGroup("several", [refused, timed_out])
    assert reason_of(error) == "Connection refused"
    assert reason_of(socket.gaierror(socket.EAI_NONAME, "not known")) == "not known"
    assert reason_of(ValueError()) == "ValueError"


async def test_a_ca_file_that_cannot_be_used_until_it_is_replaced(tmp_path: Path, authority: Path) -> None:
    file = tmp_path / "ca.pem"
    account = make_account().model_copy(update={"tls": Tls.model_construct(ca_file=file)})
    connections = Connections(account, None)
    for content, problem in ((None, "No such file or directory"), ("no certificate", "contains no PEM certificates")):
        if content is not None:
            file.write_text(content)
        with pytest.raises(TransportError) as caught:
            await body_of(connections, connections.request("GET", "https://127.0.0.1:9/"))
        assert str(caught.value) == f"tls.ca_file: {file}: {problem}"
        assert caught.value.hint == "replace the file with certificates in PEM format; no restart is needed"
    shutil.copy(authority, file)
    with pytest.raises(httpx.ConnectError):
        await body_of(connections, connections.request("GET", "https://127.0.0.1:9/"))
    await connections.aclose()


def trusted(pem: str) -> bytes:
    """Return a certificate as `openssl x509 -trustout` writes it. A list of the allowed uses follows it."""
    text = base64.encodebytes(ssl.PEM_cert_to_DER_cert(pem) + bytes.fromhex("3000"))
    return b"-----BEGIN TRUSTED CERTIFICATE-----\n" + text + b"-----END TRUSTED CERTIFICATE-----\n"


@pytest.mark.parametrize("form", ["UTF-16", "indented", "Latin-1 comment", "truncated line end", "trusted"])
def test_forms_of_a_ca_file(form: str, tmp_path: Path, authority: Path) -> None:
    pem = authority.read_text()
    (tmp_path / "ca.pem").write_bytes(
        {
            "UTF-16": pem.encode("utf-16"),
            "indented": pem.replace("\n", "\r\n    ").encode(),
            "Latin-1 comment": b"# Certificaci\xf3n\n" + pem.encode() + b"\xf3\n" + pem.encode(),
            "truncated line end": pem.strip().encode(),
            "trusted": trusted(pem.partition("-----BEGIN PRIVATE")[0]),
        }[form]
    )
    tls = tls_context(make_account().model_copy(update={"tls": Tls.model_construct(ca_file=tmp_path / "ca.pem")}))
    others = tls_context(make_account()).cert_store_stats()["x509"]
    assert tls.cert_store_stats()["x509"] == others + 1


async def test_no_descriptors_are_left() -> None:
    error = httpx.ConnectError("x")
    error.__cause__ = OSError(errno.EMFILE, "x")
    assert (reason_of(error), unreached(error).partition(" (")[0]) == (
        "Too many open files",
        "raise the limit on open files",
    )


async def test_a_bomb_needs_no_more_memory_than_the_largest_body() -> None:
    packed = gzip.compress(b" " * (LARGEST_BODY * 16), mtime=0)
    response = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Stream(packed))
    tracemalloc.start()
    try:
        with pytest.raises(AnswerError, match="larger than"):
            await read_body(response)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < LARGEST_BODY * 4


async def test_requests_wait_while_another_process_sends_the_requests() -> None:
    allowed, asked, sent = True, asyncio.Event(), list[bool]()

    def may_send() -> bool:
        asked.set()
        return allowed

    def answer(_: httpx.Request) -> httpx.Response:
        sent.append(allowed)
        return httpx.Response(200, stream=Stream(b"{}"))

    connections = Connections(make_account(), httpx.MockTransport(answer), may_send)
    request = connections.request("GET", "https://graph.example.com/x")
    assert await body_of(connections, request) == b"{}"
    allowed = False
    asked.clear()
    task = asyncio.create_task(body_of(connections, request))
    await asyncio.wait_for(asked.wait(), 60)
    assert not task.done()
    allowed = True
    assert await asyncio.wait_for(task, 60) == b"{}"
    assert sent == [True, True]
