"""Tests of the connection to AvePoint's hosts. Each test consists of a DNS lookup and a TLS handshake."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from exporter.avepoint.connections import tls_context
from exporter.avepoint.hints import unreached
from exporter.avepoint.proxies import InvalidProxyError, proxy_of, without_password
from exporter.config.schema import Account
from exporter.errors import TransportError

_TIMEOUT: Final = 10.0
_NO_SUCH_NAME: Final = (
    "check the spelling of the host name (environment, data_center, base_url or token_url) and the DNS configuration"
)


@dataclass(frozen=True, slots=True, order=True)
class Host:
    """The host and port of a URL, and whether the URL begins with https."""

    host: str
    port: int
    is_encrypted: bool


@dataclass(frozen=True, slots=True)
class Handshake:
    """The result of a TLS handshake. `expires_at` is the expiry of the server's certificate, as Unix time."""

    version: str
    expires_at: float


def host_of(url: str) -> Host:
    """Return the host and port of a URL."""
    parts = urlsplit(url)
    is_encrypted = parts.scheme == "https"
    return Host(parts.hostname or "", parts.port or (443 if is_encrypted else 80), is_encrypted)


def is_ip_address(host: str) -> bool:
    """Return whether a host is an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def proxy_description(account: Account, host: Host) -> str | None:
    """Return the setting that selects the proxy, and the proxy URL without its password.

    If there is no proxy, return None. Raise TransportError if the proxy URL is invalid.
    """
    setting = "the environment's proxy" if account.proxy_url is None else "proxy_url"
    try:
        url = proxy_of(account, "https" if host.is_encrypted else "http", host.host, host.port)
    except InvalidProxyError as error:
        raise TransportError(f"{host.host}: {error}", kind="connect", hint=unreached(error)) from None
    return None if url is None else f"{setting}: {without_password(url)}"


async def resolve(host: Host, *, within: float = _TIMEOUT) -> tuple[str, ...]:
    """Return the IP addresses of a host.

    Raise TransportError if the lookup fails or takes longer than `within` seconds.
    """
    try:
        async with asyncio.timeout(within):
            found = await asyncio.get_running_loop().getaddrinfo(host.host, host.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise TransportError(f"{host.host}: the DNS lookup timed out", kind="timeout", hint=_NO_SUCH_NAME) from None
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        raise TransportError(f"{host.host}: {reason}", kind="connect", hint=_NO_SUCH_NAME) from None
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


async def tls_handshake(account: Account, host: Host, *, within: float = _TIMEOUT) -> Handshake:
    """Complete a TLS handshake with the settings of the HTTP client. Raise TransportError if the handshake fails."""
    name = f"{host.host}:{host.port}"
    try:
        async with asyncio.timeout(within):
            _, writer = await asyncio.open_connection(
                host.host, host.port, ssl=tls_context(account), server_hostname=host.host
            )
    except TimeoutError as error:
        raise TransportError(f"{name}: the connection timed out", kind="timeout", hint=unreached(error)) from None
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise TransportError(f"{name}: {reason}", kind="connect", hint=unreached(error)) from None
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    certificate = tls.getpeercert() or {}
    writer.transport.abort()
    return Handshake(str(tls.version()), float(ssl.cert_time_to_seconds(str(certificate.get("notAfter")))))
