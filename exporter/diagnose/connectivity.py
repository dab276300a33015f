"""Whether AvePoint's hosts can be reached at all: their names looked up, and a TLS handshake without a request."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from exporter.avepoint.connections import proxy_of, tls_context
from exporter.avepoint.hints import unreached
from exporter.config.schema import Account
from exporter.errors import TransportError

_TIMEOUT: Final = 10.0
_NO_SUCH_NAME: Final = "check the spelling of the address (environment, data_center, base_url or token_url) and the DNS"


@dataclass(frozen=True, slots=True, order=True)
class Host:
    """Where an address of the configuration leads."""

    host: str
    port: int
    is_encrypted: bool


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a server agreed to, and until when its certificate is valid, in Unix seconds."""

    version: str
    expires_at: float


def host_of(url: str) -> Host:
    """Take an address of the configuration apart."""
    parts = urlsplit(url)
    is_encrypted = parts.scheme == "https"
    return Host(parts.hostname or "", parts.port or (443 if is_encrypted else 80), is_encrypted)


def is_ip_address(host: str) -> bool:
    """Tell whether a host is named by its IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def proxy_description(account: Account, place: Host) -> str | None:
    """Tell by what setting a host is asked through a proxy, and which, without its password; None for none."""
    url = proxy_of(account, "https" if place.is_encrypted else "http", place.host)
    setting = "the environment's proxy" if account.proxy_url is None else "proxy_url"
    return None if url is None else f"{setting}: {_bare(url)}"


def _bare(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


async def resolve(place: Host, *, within: float = _TIMEOUT) -> tuple[str, ...]:
    """Give the addresses of a host, found in so many seconds; raises TransportError."""
    try:
        async with asyncio.timeout(within):
            found = await asyncio.get_running_loop().getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise TransportError(
            f"{place.host}: no answer from the DNS in time", kind="timeout", hint=_NO_SUCH_NAME
        ) from None
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        raise TransportError(f"{place.host}: {reason}", kind="connect", hint=_NO_SUCH_NAME) from None
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


async def tls_handshake(account: Account, place: Host, *, within: float = _TIMEOUT) -> Handshake:
    """Connect as the client does and agree on TLS, no more; raises TransportError."""
    name = f"{place.host}:{place.port}"
    try:
        async with asyncio.timeout(within):
            _, writer = await asyncio.open_connection(
                place.host, place.port, ssl=tls_context(account), server_hostname=place.host
            )
    except TimeoutError as error:
        raise TransportError(f"{name}: no answer in time", kind="timeout", hint=unreached(error)) from None
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise TransportError(f"{name}: {reason}", kind="connect", hint=unreached(error)) from None
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    certificate = tls.getpeercert() or {}
    writer.transport.abort()
    return Handshake(str(tls.version()), float(ssl.cert_time_to_seconds(str(certificate.get("notAfter")))))
