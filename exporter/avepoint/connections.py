"""Connections to AvePoint, and a function that returns the origin of a URL."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from exporter import __version__
from exporter.avepoint.hints import UNUSABLE_CA
from exporter.avepoint.proxies import InvalidProxyError, proxy_of, without_password
from exporter.avepoint.single_connection import SingleConnection
from exporter.config.files import load_authorities
from exporter.config.schema import Account
from exporter.errors import TransportError

_CONNECT_TIMEOUT: Final = 10.0
_GATE_SECONDS: Final = 0.1  # seconds between two calls of `may_send`
_HEADERS: Final = {
    "User-Agent": f"avepoint-exporter/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "Connection": "keep-alive",
}
_LONGEST_LINK: Final = 4096
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


class Connections:
    """The TLS connections for one account. Certificates are verified.

    Each connection has its own transport, because the connection pool of httpx is slow with many concurrent requests.
    Idle transports are reused. Unlike an httpx client, a transport does not follow redirects or store cookies.
    """

    def __init__(
        self,
        account: Account,
        transport: httpx.AsyncBaseTransport | None,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        """Create the connections.

        While `may_send` returns False, requests wait, because another process sends the requests for the account.
        """
        self._transport = transport
        self._may_send = may_send
        self._account = account
        self._tls: ssl.SSLContext | None = None
        self._tls_lock = asyncio.Lock()
        self._proxy = lru_cache(8)(partial(proxy_of, account))
        # The caller of `send` limits the duration of the whole request. Additional timers would only use more CPU time.
        connect = min(_CONNECT_TIMEOUT, account.requests.timeout)
        self._extensions = {"timeout": httpx.Timeout(None, connect=connect).as_dict()}
        self._all: list[httpx.AsyncBaseTransport] = []
        self._free: dict[str | None, list[httpx.AsyncBaseTransport]] = {}  # keyed by the URL of the proxy

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        **contents: Any,  # noqa: ANN401 - the type in httpx
    ) -> httpx.Request:
        """Build a request. Raise httpx.InvalidURL or UnicodeError if the URL is invalid.

        An httpx client is not used, because the client would parse the URL and every header twice.
        """
        headers = {**_HEADERS, **(headers or {})}
        return httpx.Request(method, url, headers=headers, extensions=dict(self._extensions), **contents)

    @asynccontextmanager
    async def send(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """Send a request, and yield the response before its body is read. Close the response afterwards.

        Raise TransportError, httpx.HTTPError or OSError if the request fails.
        """
        proxy = self._proxy_of(request)
        free = self._free.setdefault(proxy, [])
        transport = free.pop() if free else self._connect(proxy, await self._tls_context())
        try:
            while not self._may_send():  # noqa: ASYNC110 - requests rarely wait here
                await asyncio.sleep(_GATE_SECONDS)
            async with aclosing(await transport.handle_async_request(request)) as response:
                yield response
        finally:
            free.append(transport)

    def target(self, request: httpx.Request) -> str:
        """Return the host of a request for error messages. If a proxy is used, add its URL without the password."""
        host = request.url.netloc.decode()
        with suppress(InvalidProxyError):
            if proxy := self._proxy_of(request):
                return f"{host} (through proxy {without_password(proxy)})"
        return host

    def _proxy_of(self, request: httpx.Request) -> str | None:
        url = request.url
        return self._proxy(url.scheme, url.host, url.port or _DEFAULT_PORTS.get(url.scheme, 0))

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._all:
            await transport.aclose()

    async def _tls_context(self) -> ssl.SSLContext:
        """Return the TLS context.

        The context is created in a thread, because reading the CA certificates takes 30 ms.
        """
        async with self._tls_lock:
            if self._tls is None:
                self._tls = await asyncio.to_thread(tls_context, self._account)
            return self._tls

    def _connect(self, proxy: str | None, tls: ssl.SSLContext) -> httpx.AsyncBaseTransport:
        transport = self._transport or (_through(proxy, tls) if proxy else SingleConnection(tls))
        self._all.append(transport)
        return transport


def _through(proxy: str, tls: ssl.SSLContext) -> httpx.AsyncBaseTransport:
    # The certificate of an https:// proxy is often signed by the private CA in `tls.ca_file`.
    through = httpx.Proxy(proxy, ssl_context=tls if proxy.startswith("https:") else None)
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    return httpx.AsyncHTTPTransport(verify=tls, proxy=through, limits=limits)


def tls_context(account: Account) -> ssl.SSLContext:
    """Return a TLS context that verifies certificates. Raise TransportError if `tls.ca_file` cannot be used.

    Since version 3.13, Python sets the flag VERIFY_X509_STRICT by default. With this flag, Python rejects certificates
    that other clients accept, such as the certificates of many private CAs. The exporter clears the flag but still
    verifies the chain and the host name. Intermediate certificates in `tls.ca_file` are also trusted.
    """
    tls = ssl.create_default_context()
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.verify_flags = (tls.verify_flags & ~ssl.VerifyFlags.VERIFY_X509_STRICT) | ssl.VERIFY_X509_PARTIAL_CHAIN
    if account.tls.ca_file is not None:
        _trust(tls, account.tls.ca_file)
    return tls


def _trust(tls: ssl.SSLContext, file: Path) -> None:
    try:
        load_authorities(tls, file.read_bytes())
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else str(error).partition(";")[0]
        raise TransportError(f"tls.ca_file: {file}: {problem}", kind="connect", hint=UNUSABLE_CA) from None


def origin_of(url: str) -> tuple[str, str, int | None] | None:
    """Return the scheme, host and port of a URL, or None if the URL is relative.

    Raise ValueError if HTTP clients could interpret the URL in different ways.
    """
    parts = urlsplit(url)
    if "\\" in url or not url.isprintable() or len(url) > _LONGEST_LINK or "@" in parts.netloc:
        raise ValueError("HTTP clients could interpret the URL differently")
    if not (parts.scheme or parts.netloc):
        return None
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)
