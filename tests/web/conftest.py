"""Fixtures for tests of the web server: certificates, a raw HTTP client and a running server."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from starlette.types import ASGIApp

from exporter.web.limits import ClientLimits
from exporter.web.server import serve


@dataclass(frozen=True)
class Pki:
    """A certificate authority and its certificates, as files in one directory."""

    folder: Path

    def client_context(self, identity: str | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        if identity:
            context.load_cert_chain(self.folder / f"{identity}.crt", self.folder / f"{identity}.key")
        return context


def _write(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(pem))
    (folder / f"{name}.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


def make_pki(folder: Path) -> Pki:
    now = dt.datetime.now(dt.UTC)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])

    def builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )

    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    authority = (
        builder(ca_name, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write(folder, "ca", ca_key, authority)
    for name in ("server", "renewed", "client", "other"):
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [
            x509.DNSName(name),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("::1")),
        ]
        certificate = (
            builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .sign(ca_key, hashes.SHA256())
        )
        _write(folder, name, key, certificate)
    return Pki(folder)


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    length = int(headers.get("content-length", "-1"))
    body = await (reader.readexactly(length) if length >= 0 else reader.read())
    return Answer(int(head[0].split()[1]), headers, body)


Ask = Callable[..., AbstractAsyncContextManager[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@contextlib.asynccontextmanager
async def connected(
    port: int, *, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.fixture
def connect() -> Ask:
    return connected


class Browser:
    """Sends one request over its own connection."""

    async def get(self, port: int, path: str = "/", *, context: ssl.SSLContext | None = None, **headers: str) -> Answer:
        return await self.send(port, "GET", path, context=context, body=b"", **headers)

    async def send(
        self,
        port: int,
        method: str,
        path: str = "/",
        *,
        context: ssl.SSLContext | None = None,
        body: bytes = b"",
        **headers: str,
    ) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", "Host: test"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        async with connected(port, context=context) as (reader, writer):
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            return await asyncio.wait_for(read_answer(reader), 60)

    async def read(self, reader: asyncio.StreamReader) -> Answer:
        return await asyncio.wait_for(read_answer(reader), 60)


@pytest.fixture
def browser() -> Browser:
    return Browser()


@dataclass(frozen=True)
class Running:
    port: int
    addresses: Sequence[str]
    stop: asyncio.Event
    task: asyncio.Task[None]

    async def end(self) -> None:
        """Stop the server. Fail if the shutdown does not end."""
        self.stop.set()
        await asyncio.wait_for(self.task, 60)


Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def start() -> Start:
    """Return a context manager that runs a server on a free port of 127.0.0.1."""

    @contextlib.asynccontextmanager
    async def started(
        app: ASGIApp,
        web_config: Path | None = None,
        *,
        limits: ClientLimits | None = None,
        listen: Sequence[str] = ("127.0.0.1:0",),
    ) -> AsyncIterator[Running]:
        stop = asyncio.Event()
        bound: asyncio.Future[Sequence[str]] = asyncio.get_running_loop().create_future()
        serving = serve(app, listen, web_config, stop=stop, limits=limits, on_bound=bound.set_result)
        task = asyncio.create_task(serving)
        waited: list[asyncio.Future[Any]] = [task, bound]
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        addresses = await bound
        running = Running(int(addresses[0].rpartition(":")[2]), addresses, stop, task)
        try:
            yield running
        finally:
            await running.end()

    return started
