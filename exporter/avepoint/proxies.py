"""Proxy settings from an account's configuration and from environment variables."""

import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from exporter.config.schema import Account, check_proxy_url


class InvalidProxyError(httpx.ProxyError):
    """Raised if a proxy URL in an environment variable is invalid. The message contains no part of the URL."""


def proxy_of(account: Account, scheme: str, host: str, port: int) -> str | None:
    """Return the proxy URL for a host, including the password, or None if there is no proxy.

    `proxy_url` takes precedence over the environment variables. Raise InvalidProxyError if the environment variable for
    the host contains an invalid URL.
    """
    if account.proxy_url is not None:
        return account.proxy_url.get_secret_value()
    proxies = getproxies()
    name = scheme if proxies.get(scheme) else "all"
    url = proxies.get(name)
    if not url or (matches_no_proxy(proxies["no"], host, port) if "no" in proxies else proxy_bypass(host)):
        return None
    try:
        return check_proxy_url(_with_scheme(url))
    except ValueError as error:
        raise InvalidProxyError(f"{name.upper()}_PROXY: {error}") from None


def invalid_variables() -> Iterator[str]:
    """Yield a message for each environment variable that contains an invalid proxy URL."""
    proxies = getproxies()
    for name in ("https", "http", "all"):
        try:
            check_proxy_url(_with_scheme(proxies.get(name) or "http://proxy"))
        except ValueError as error:
            yield f"{name.upper()}_PROXY: {error}"


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"http://{url}"


def matches_no_proxy(no_proxy: str, host: str, port: int) -> bool:
    """Return whether NO_PROXY contains the host, its domain, its network or an asterisk. Entries may include a port."""
    return any(_matches_entry(entry, host.lower(), port) for entry in no_proxy.lower().replace(",", " ").split())


def _matches_entry(entry: str, host: str, port: int) -> bool:
    with suppress(ValueError):
        return ip_address(host.strip("[]")) in ip_network(entry.strip("[]"), strict=False)
    match = re.fullmatch(r"(.*?)(?::(\d+))?", entry)
    name, only_port = (match[1], match[2]) if match else (entry, None)
    if only_port is not None and int(only_port) != port:
        return False
    domain = name.strip("[]").removeprefix("*").strip(".")
    return name == "*" or (domain != "" and (host == domain or host.endswith(f".{domain}")))


def without_password(url: str) -> str:
    """Return the scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
