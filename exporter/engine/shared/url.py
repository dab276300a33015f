"""Functions that check a PostgreSQL URL before the first connection. Error messages contain no part of the URL."""

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Final

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

EXAMPLE: Final = "postgresql://USER@HOST:5432/DATABASE"
_ENCODE: Final = "percent-encode special characters (@ is %40, / is %2F, : is %3A, % is %25, a space is %20)"
_SYNTAX: Final = (
    (r"unexpected spaces", f"contains a space; {_ENCODE}"),
    (r"percent-encoded", f"contains a % that does not begin a percent-encoded character; {_ENCODE}"),
    (r"IPv6|\"\]\"", f"contains an invalid IPv6 address; use {EXAMPLE} with the address in square brackets"),
    (r"separator", "contains a parameter without a value; write NAME=VALUE after the question mark"),
)
_HOST: Final = re.compile(r"[A-Za-z0-9._:%-]*|[/@].*", re.ASCII)
_INVALID: Final = re.compile(
    r"invalid integer value [^\n]* for connection option \"(\w+)\"|invalid \"?(\w+)\"? (?:value|number)"
)
_INTEGERS: Final = (
    "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
)  # fmt: skip
_LOCAL: Final = "connection to server on socket"
_NOWHERE: Final = "/dev/null"
"""Socket directory for a test connection. This path is not a directory, so the connection always fails."""
_PLACES: Final = {"host": "PGHOST", "hostaddr": "PGHOSTADDR", "service": "PGSERVICE"}


def connection_parameters(url: str) -> dict[str, str]:
    """Return the parameters in a URL. Raise ValueError with advice if libpq would reject the URL."""
    if re.search(r"\s", url):
        raise ValueError(f"contains a space; {_ENCODE}")
    try:
        given = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    except psycopg.Error as error:
        raise ValueError(_syntax_error(str(error))) from None
    _check_hosts(url, given)
    for name in _INTEGERS:
        if name in given and not re.fullmatch(r"-?\d{1,9}", given[name], re.ASCII):
            raise ValueError(f"the parameter {name} is not an integer; correct or remove it")
    _check_values(given)
    return given


def _syntax_error(message: str) -> str:
    if unknown := re.search(r'invalid URI query parameter: "([^"]*)"', message):
        keywords = [option.keyword.decode() for option in pq.Conninfo.get_defaults()]
        close = get_close_matches(unknown[1], keywords, n=1)
        advice = f"did you mean {close[0]}?" if close else "remove the parameter, or use one that libpq supports"
        return f"contains an unknown parameter; {advice}"
    found = (text for pattern, text in _SYNTAX if re.search(pattern, message))
    return next(found, f"not a valid PostgreSQL URL; use {EXAMPLE}")


def _check_hosts(url: str, given: Mapping[str, str]) -> None:
    if "@" in given.get("dbname", "") or not all(map(_HOST.fullmatch, given.get("host", "").split(","))):
        raise ValueError(f"the host name or the database name is invalid; {_ENCODE}")
    for address in filter(None, given.get("hostaddr", "").split(",")):
        try:
            ip_address(address)
        except ValueError:
            raise ValueError("the parameter hostaddr is not an IP address; use host for a name") from None
    has_place = any(given.get(name) or os.environ.get(variable) for name, variable in _PLACES.items())
    if not has_place and url.partition("://")[2][:1] not in ("", "/", "?"):
        raise ValueError(f"contains no host; use {EXAMPLE}")


def _check_values(given: Mapping[str, str]) -> None:
    """Raise ValueError if libpq rejects a value in the URL or in an environment variable, such as PGSSLMODE."""
    hosts = ",".join([_NOWHERE] * (given.get("host", "").count(",") + 1))
    local = {key: value for key, value in given.items() if key != "hostaddr"} | {"host": hosts}
    connection = pq.PGconn.connect_start(make_conninfo("", **local).encode())
    message = connection.error_message.decode("utf-8", "replace")
    connection.finish()
    if invalid := _INVALID.search(message):
        name = invalid[1] or invalid[2]
        raise ValueError(f"{_named(name, given)} has an invalid value; correct or remove it")
    if "service" in message and not message.startswith(_LOCAL):
        raise ValueError(f"{_named('service', given)} is not in the service file; correct or remove it")
    if message and not message.startswith(_LOCAL):
        raise ValueError(f"libpq rejects the parameters or an environment variable, such as PGSSLMODE; use {EXAMPLE}")


def _named(name: str, given: Mapping[str, str]) -> str:
    """Return the name of a parameter. If an environment variable sets the parameter, name the variable."""
    variables = {option.keyword.decode(): (option.envvar or b"").decode() for option in pq.Conninfo.get_defaults()}
    if name not in given and variables.get(name):
        return f"the environment variable {variables[name]}"
    return "the port" if name == "port" else f"the parameter {name}"
