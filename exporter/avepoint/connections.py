"""What lies right above the socket: connections, bodies of bounded size, and origins."""

import ssl
import zlib
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, Final, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from exporter import __version__
from exporter.avepoint.hints import NOT_OURS
from exporter.config.schema import Account
from exporter.errors import AnswerError

LARGEST_ANSWER: Final = 4 * 1024**2
"""Bytes of a decoded body; more is not an answer of this API."""
_CONNECT_TIMEOUT: Final = 10.0
_HEADERS: Final = {
    "User-Agent": f"avepoint-exporter/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "Connection": "keep-alive",
}
_LONGEST_LINK: Final = 4096
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


class Connections:
    """The connections of one account: TLS verified, and nothing sent but what is asked for.

    Each is a transport of its own, because the library's pool takes time with the square of what it holds; one that is
    free is taken again before another is made. A transport, unlike a client, knows no redirects and no cookies.
    """

    def __init__(self, account: Account, transport: httpx.AsyncBaseTransport | None) -> None:
        self._transport = transport
        self._tls = tls_context(account)
        self._proxy = lru_cache(8)(partial(proxy_of, account))
        timeout = account.requests.timeout
        self._extensions = {"timeout": httpx.Timeout(timeout, connect=min(_CONNECT_TIMEOUT, timeout)).as_dict()}
        self._all: list[httpx.AsyncBaseTransport] = []
        self._free: dict[str | None, list[httpx.AsyncBaseTransport]] = {}  # by the proxy that they go through

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        **contents: Any,  # noqa: ANN401 - the library's own
    ) -> httpx.Request:
        """Build a request; raises httpx.InvalidURL or UnicodeError.

        Not by a client, which would take the address and every header apart to merge them with its own.
        """
        headers = {**_HEADERS, **(headers or {})}
        return httpx.Request(method, url, headers=headers, extensions=dict(self._extensions), **contents)

    async def exchange(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        """Send a request and read the body of its answer; raises AnswerError, httpx.HTTPError or OSError."""
        proxy = self._proxy(request.url.scheme, request.url.host)
        free = self._free.setdefault(proxy, [])
        transport = free.pop() if free else self._connect(proxy)
        try:
            response = await transport.handle_async_request(request)
            try:
                return response, await read_body(response)
            finally:
                await response.aclose()
        finally:
            free.append(transport)

    async def aclose(self) -> None:
        """Close all of them."""
        for transport in self._all:
            await transport.aclose()

    def _connect(self, proxy: str | None) -> httpx.AsyncBaseTransport:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        try:
            transport = self._transport or httpx.AsyncHTTPTransport(verify=self._tls, proxy=proxy, limits=limits)
        except (ValueError, ImportError, httpx.InvalidURL):
            raise httpx.ProxyError("the proxy is not an http:// or https:// address") from None
        self._all.append(transport)
        return transport


def proxy_of(account: Account, scheme: str, host: str) -> str | None:
    """Give the proxy that a host is asked through, by the configuration or the environment, with its password."""
    if account.proxy_url is not None:
        return account.proxy_url.get_secret_value()
    proxies = getproxies()
    url = proxies.get(scheme) or proxies.get("all")
    if not url or proxy_bypass(host):
        return None
    return url if "://" in url else f"http://{url}"


def tls_context(account: Account) -> ssl.SSLContext:
    """Make what verifies AvePoint's certificates; raises OSError for a `tls.ca_file` that is of no use."""
    tls = ssl.create_default_context()
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    if account.tls.ca_file is not None:
        tls.load_verify_locations(cafile=account.tls.ca_file)
    return tls


async def read_body(response: httpx.Response) -> bytes:
    """Return a body, decompressed piece by piece, because a small body may decompress to more than the memory holds.

    Bytes after the end of a compressed body end the read.
    """
    inflate = _inflate(response.headers.get("content-encoding", ""))
    body = bytearray()
    async for piece in cast("httpx.AsyncByteStream", response.stream):
        body += piece if inflate is None else _unpacked(inflate, piece, LARGEST_ANSWER + 1 - len(body))
        if len(body) > LARGEST_ANSWER:
            raise AnswerError(f"the answer is larger than {LARGEST_ANSWER} bytes", hint=NOT_OURS)
        if inflate is not None and inflate.unused_data:
            break
    return bytes(body)


def _inflate(encoding: str) -> "zlib._Decompress | None":
    if encoding.strip().lower() in ("", "identity"):
        return None
    if encoding.strip().lower() in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)  # finds out which of the two headers there is
    raise AnswerError("the answer is packed in a way that was not asked for", hint=NOT_OURS)


def _unpacked(inflate: "zlib._Decompress", piece: bytes, most: int) -> bytes:
    try:
        return inflate.decompress(piece, most)
    except zlib.error:
        raise AnswerError("the answer cannot be unpacked", hint=NOT_OURS) from None


def origin_of(url: str) -> tuple[str, str, int | None] | None:
    """Give the scheme, host and port of an address, None for a path; raises ValueError for what can mislead."""
    parts = urlsplit(url)
    if "\\" in url or not url.isprintable() or len(url) > _LONGEST_LINK or "@" in parts.netloc:
        raise ValueError("not an address to follow")
    if not (parts.scheme or parts.netloc):
        return None
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)
