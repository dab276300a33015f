"""Faults of the answer as a whole: other statuses, broken transport, bodies that are not what they say."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from avepoint_simulator.calls import Reply, SimulatedRequest, envelope, refuse

_BLOCK: Final = b" " * 1_000_000


def _status(call: SimulatedRequest, status: HTTPStatus, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(refuse(call, status, status.phrase), headers=named)


def too_many_requests(call: SimulatedRequest, _answer: Reply) -> Reply:
    """Answer 429 with Retry-After in seconds."""
    return _status(call, HTTPStatus.TOO_MANY_REQUESTS, retry_after=str(call.fault_options.retry_after_seconds))


def too_many_requests_date(call: SimulatedRequest, _answer: Reply) -> Reply:
    """Answer 429 with Retry-After as an HTTP date."""
    date = formatdate(call.now + call.fault_options.retry_after_seconds, usegmt=True)
    return _status(call, HTTPStatus.TOO_MANY_REQUESTS, retry_after=date)


def too_many_requests_bare(call: SimulatedRequest, _answer: Reply) -> Reply:
    """Answer 429 without a hint."""
    return _status(call, HTTPStatus.TOO_MANY_REQUESTS)


def unavailable(call: SimulatedRequest, _answer: Reply) -> Reply:
    """Answer 503."""
    return _status(call, HTTPStatus.SERVICE_UNAVAILABLE)


def server_error(call: SimulatedRequest, _answer: Reply) -> Reply:
    """Answer 500."""
    return _status(call, HTTPStatus.INTERNAL_SERVER_ERROR)


def bad_request(call: SimulatedRequest, _answer: Reply) -> Reply:
    """Answer 400."""
    return _status(call, HTTPStatus.BAD_REQUEST)


def unauthorized(call: SimulatedRequest, _answer: Reply) -> Reply:
    """Answer 401, whatever the token is worth."""
    return _status(call, HTTPStatus.UNAUTHORIZED, www_authenticate="Bearer")


def forbidden(call: SimulatedRequest, _answer: Reply) -> Reply:
    """Answer 403."""
    return _status(call, HTTPStatus.FORBIDDEN)


def not_found(call: SimulatedRequest, _answer: Reply) -> Reply:
    """Answer 404."""
    return _status(call, HTTPStatus.NOT_FOUND)


def redirect(call: SimulatedRequest, _answer: Reply) -> Reply:
    """Answer 302 to another host."""
    return Reply(body=b"", status=302, headers={"location": f"{call.switches.other_host}{call.path}"})


def timeout(call: SimulatedRequest, answer: Reply) -> Reply:
    """Answer, but so late that nobody waits."""
    return replace(answer, delay_seconds=call.fault_options.timeout_seconds)


def cut(_call: SimulatedRequest, answer: Reply) -> Reply:
    """Drop the connection in the middle of the body."""
    return replace(answer, cut=True)


def truncated_json(_call: SimulatedRequest, answer: Reply) -> Reply:
    """End the body in the middle, as if it were whole."""
    whole = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    return replace(answer, body=whole[: len(whole) // 2])


def html(_call: SimulatedRequest, _answer: Reply) -> Reply:
    """Answer 200 with the page of some gateway."""
    page = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>"
    return Reply(body=page, headers={"content-type": "text/html; charset=utf-8"})


def gzip_bomb(call: SimulatedRequest, _answer: Reply) -> Reply:
    """Answer with a small body that unpacks to a very large one."""
    return Reply(body=_bomb(call.fault_options.bomb_bytes), headers={"content-encoding": "gzip"})


@lru_cache(maxsize=2)
def _bomb(size: int) -> bytes:
    packer = zlib.compressobj(wbits=31)
    parts = [packer.compress(b'{"data": [], "value": [], "Jobs": [')]
    parts += [packer.compress(_BLOCK) for _ in range(max(1, size // len(_BLOCK)))]
    return b"".join([*parts, packer.compress(b"]}"), packer.flush()])


def envelope_status(call: SimulatedRequest, _answer: Reply) -> Reply:
    """Answer 200 with an envelope that says 500."""
    return Reply(body=envelope(call, None, status=500, message="Internal error", errors=["Internal error"]))


def envelope_errors(call: SimulatedRequest, answer: Reply) -> Reply:
    """Answer 200 with an envelope whose errors are not empty, beside data."""
    body = answer.body
    data = body["data"] if isinstance(body, dict) and "data" in body else body
    metadata = body.get("metadata") if isinstance(body, dict) else None
    return Reply(body=envelope(call, data, errors=["A part of the data could not be read."], metadata=metadata))
