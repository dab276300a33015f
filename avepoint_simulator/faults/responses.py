"""Faults that affect the whole response: error statuses, broken connections and wrong bodies."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from avepoint_simulator.requests import Reply, SimulatedRequest, envelope, refuse

TIMEOUT_HEADER: Final = "x-simulated-timeout"
_BLOCK: Final = b" " * 1_000_000


def _status(request: SimulatedRequest, status: HTTPStatus, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(refuse(request, status, status.phrase), headers=named)


def too_many_requests(request: SimulatedRequest, _reply: Reply) -> Reply:
    """Return 429 with Retry-After in seconds."""
    return _status(request, HTTPStatus.TOO_MANY_REQUESTS, retry_after=str(request.fault_options.retry_after_seconds))


def too_many_requests_date(request: SimulatedRequest, _reply: Reply) -> Reply:
    """Return 429 with Retry-After as an HTTP date."""
    date = formatdate(request.now + request.fault_options.retry_after_seconds, usegmt=True)
    return _status(request, HTTPStatus.TOO_MANY_REQUESTS, retry_after=date)


def too_many_requests_bare(request: SimulatedRequest, _reply: Reply) -> Reply:
    """Return 429 without Retry-After."""
    return _status(request, HTTPStatus.TOO_MANY_REQUESTS)


def unavailable(request: SimulatedRequest, _reply: Reply) -> Reply:
    """Return 503."""
    return _status(request, HTTPStatus.SERVICE_UNAVAILABLE)


def server_error(request: SimulatedRequest, _reply: Reply) -> Reply:
    """Return 500."""
    return _status(request, HTTPStatus.INTERNAL_SERVER_ERROR)


def bad_request(request: SimulatedRequest, _reply: Reply) -> Reply:
    """Return 400."""
    return _status(request, HTTPStatus.BAD_REQUEST)


def unauthorized(request: SimulatedRequest, _reply: Reply) -> Reply:
    """Return 401, even if the token is valid."""
    return _status(request, HTTPStatus.UNAUTHORIZED, www_authenticate="Bearer")


def forbidden(request: SimulatedRequest, _reply: Reply) -> Reply:
    """Return 403."""
    return _status(request, HTTPStatus.FORBIDDEN)


def not_found(request: SimulatedRequest, _reply: Reply) -> Reply:
    """Return 404."""
    return _status(request, HTTPStatus.NOT_FOUND)


def redirect(request: SimulatedRequest, _reply: Reply) -> Reply:
    """Redirect to another host with status 302."""
    return Reply(body=b"", status=302, headers={"location": f"{request.switches.other_host}{request.path}"})


def timeout(request: SimulatedRequest, reply: Reply) -> Reply:
    """Delay the response by more than the client's timeout.

    If `timeout_seconds` is 0, add the header TIMEOUT_HEADER instead, so that tests do not wait.
    """
    seconds = request.fault_options.timeout_seconds
    headers = reply.headers if seconds else {**reply.headers, TIMEOUT_HEADER: "1"}
    return replace(reply, delay_seconds=seconds, headers=headers)


def cut(_request: SimulatedRequest, reply: Reply) -> Reply:
    """Close the connection after half of the body has been sent."""
    return replace(reply, cut=True)


def truncated_json(_request: SimulatedRequest, reply: Reply) -> Reply:
    """Return only the first half of the JSON. Content-Length is the length of this half."""
    whole = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    return replace(reply, body=whole[: len(whole) // 2])


def html(_request: SimulatedRequest, _reply: Reply) -> Reply:
    """Return 200 with the HTML page of a gateway."""
    page = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>"
    return Reply(body=page, headers={"content-type": "text/html; charset=utf-8"})


def gzip_bomb(request: SimulatedRequest, _reply: Reply) -> Reply:
    """Return a small gzip body that becomes very large when it is decompressed."""
    return Reply(body=_bomb(request.fault_options.bomb_bytes), headers={"content-encoding": "gzip"})


@lru_cache(maxsize=2)
def _bomb(size: int) -> bytes:
    packer = zlib.compressobj(wbits=31)
    parts = [packer.compress(b'{"data": [], "value": [], "Jobs": [')]
    parts += [packer.compress(_BLOCK) for _ in range(max(1, size // len(_BLOCK)))]
    return b"".join([*parts, packer.compress(b"]}"), packer.flush()])


def envelope_status(request: SimulatedRequest, _reply: Reply) -> Reply:
    """Return 200 with an envelope that contains statusCode 500."""
    return Reply(body=envelope(request, None, status=500, message="Internal error", errors=["Internal error"]))


def envelope_errors(request: SimulatedRequest, reply: Reply) -> Reply:
    """Return 200 with an envelope that contains data and errors."""
    body = reply.body
    data = body["data"] if isinstance(body, dict) and "data" in body else body
    metadata = body.get("metadata") if isinstance(body, dict) else None
    return Reply(body=envelope(request, data, errors=["Some of the data could not be read."], metadata=metadata))
