"""Functions that read and decode HTTP responses. The functions raise an error if a response reports an error."""

import json
import re
import zlib
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Final, NoReturn, cast

import httpx

from exporter.avepoint.endpoints import Endpoint, Paging
from exporter.avepoint.hints import CHANGED, NOT_OURS, REDIRECTED, lacking, not_there, unavailable
from exporter.avepoint.pages import folded
from exporter.avepoint.reading.text import short, without_addresses
from exporter.avepoint.reading.values import read_label
from exporter.errors import (
    AnswerError,
    BadRequestError,
    ErrorContext,
    ForbiddenError,
    LinkRefusedError,
    NotFoundError,
    RequestContext,
    StatusError,
    UnauthorizedError,
    UnavailableError,
    UnreadableValueError,
)
from exporter.logs import scrub

LARGEST_BODY: Final = 4 * 1024**2
"""Maximum size of a decompressed body in bytes. Responses from AvePoint are smaller."""
_REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id", "x-ms-request-id", "x-correlation-id", "trace-id")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9.:_-]{1,64}")
_SUCCESS: Final = frozenset({"ok", "success", "succeeded"})
_NOTHING: Final = frozenset({"", "none", "null", "n/a", "-"})
_LONGEST_INT: Final = 30
_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SHORTEST_SECRET: Final = 8
_MASK: Final = "<secret>"
_LONGEST_TEXT: Final = 200
_LONGEST_BEGINNING: Final = 40
_MOST_ERRORS: Final = 3


@dataclass(frozen=True, slots=True)
class RawResponse:
    """An HTTP response: its status, its headers with lower-case names, and its complete body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def read_body(response: httpx.Response) -> bytes:
    """Return the decompressed body of a response.

    Raise AnswerError if the body is too large or truncated, or if it cannot be decompressed. The body is decompressed
    in pieces, because a small compressed body can expand to more than the available memory. Any bytes after the end of
    the compressed data are ignored.
    """
    inflate = _inflate(response.headers.get("content-encoding", ""))
    body = bytearray()
    async for piece in cast("httpx.AsyncByteStream", response.stream):
        body += piece if inflate is None else _decompressed(inflate, piece, LARGEST_BODY + 1 - len(body))
        if len(body) > LARGEST_BODY:
            raise AnswerError(f"the response is larger than {LARGEST_BODY} bytes", hint=NOT_OURS)
        if inflate is not None and inflate.unused_data:
            break
    if body and inflate is not None and not inflate.eof:
        raise AnswerError("the compressed response is truncated", hint=NOT_OURS)
    return bytes(body)


def _inflate(encoding: str) -> "zlib._Decompress | None":
    if encoding.strip().lower() in ("", "identity"):
        return None
    if encoding.strip().lower() in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)  # the flag 32 detects gzip and zlib headers
    raise AnswerError("the response has an encoding that was not requested", hint=NOT_OURS)


def _decompressed(inflate: "zlib._Decompress", piece: bytes, most: int) -> bytes:
    try:
        return inflate.decompress(piece, most)
    except zlib.error:
        raise AnswerError("the response cannot be decompressed", hint=NOT_OURS) from None


def without_secrets(response: RawResponse, secrets: Collection[str]) -> RawResponse:
    """Mask the secrets of a request in its response, because a server or proxy may echo secrets."""
    for secret in secrets:
        if len(secret) < _SHORTEST_SECRET:  # a short secret may occur in the data by chance
            continue
        if secret.encode() in response.body:
            response = replace(response, body=response.body.replace(secret.encode(), _MASK.encode()))
        if any(secret in value for value in response.headers.values()):
            headers = {name: value.replace(secret, _MASK) for name, value in response.headers.items()}
            response = replace(response, headers=headers)
    return response


def read_json(body: bytes) -> object:
    """Return decoded JSON. Raise AnswerError if the JSON is invalid. NaN and very large numbers are accepted."""
    try:
        return json.loads(body, parse_int=_whole_number)
    except (ValueError, RecursionError):
        raise AnswerError(f"the response is not JSON{_beginning(body)}") from None


def _beginning(body: bytes) -> str:
    """Return the beginning of a body for an error message, or "" for JSON, which may contain personal data."""
    text = body[:_LONGEST_BEGINNING].decode("utf-8", "replace").lstrip()
    return "" if text.startswith(("{", "[")) else f"; it begins with {short(text)}"


def decode_response(endpoint: Endpoint, response: RawResponse, *, now: float, secrets: Collection[str] = ()) -> object:
    """Return the JSON of a successful response. Raise StatusError or AnswerError for any other response.

    `now` is the Unix time at which the response was received. The message of the exception contains the error text
    from the body, without the `secrets` of the request.
    """
    if response.status == HTTPStatus.NO_CONTENT and endpoint.is_elements:
        return []  # the Elements API returns status 204 for an empty list
    if response.status != HTTPStatus.OK:
        body = _json_or_none(response.body)
        _raise_status(endpoint, response, response.status, body, now=now, secrets=secrets)
    try:
        decoded = read_json(response.body)
    except AnswerError as error:
        about = ErrorContext(hint=NOT_OURS, request_id=request_id_of(response.headers, {}), path=endpoint.template)
        raise AnswerError(f"{endpoint.template}: {error}", **about) from None
    if isinstance(decoded, dict):
        _check_envelope(endpoint, response, decoded, now=now, secrets=secrets)
    return decoded


def _check_envelope(
    endpoint: Endpoint, response: RawResponse, body: Mapping[str, object], *, now: float, secrets: Collection[str]
) -> None:
    """Raise StatusError or AnswerError if the response has status 200 but its JSON reports an error.

    The error may be in the envelope itself or in the object `data` inside the envelope.
    """
    envelope = folded(body)
    key = "status" if endpoint.paging is Paging.GOOGLE_JOBS else "statuscode"
    for part in (envelope, folded(envelope.get("data"))):
        status = _status_inside(part.get(key))
        if status is None:
            what = f"invalid status code: {short(part.get(key))}"
        elif not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            _raise_status(endpoint, response, status, {**envelope, **part}, now=now, secrets=secrets)
        elif not (_is_empty(part.get("errors")) and _is_empty(part.get("error"))):
            what = f"the response reports an error{error_text(part, secrets)}"
        else:
            continue
        about = ErrorContext(hint=CHANGED, request_id=request_id_of(response.headers, envelope), path=endpoint.template)
        raise AnswerError(f"{endpoint.template}: {what}", **about)


def _is_empty(value: object) -> bool:
    """Return whether an error field is null, false, 0, "", "N/A", or a container of such values."""
    if isinstance(value, str):
        return value.strip().lower() in _NOTHING
    if isinstance(value, Mapping | list):
        return all(map(_is_empty, value.values() if isinstance(value, Mapping) else value))
    return not value


def _status_inside(value: object) -> int | None:
    """Return the status code of a JSON envelope, 200 if the code is missing, or None if the code is invalid."""
    if value is None or (isinstance(value, str) and value.strip().lower() in _SUCCESS):
        return 200
    match = re.fullmatch(r"\s*([1-5]\d\d)\s*", str(value), re.ASCII) if isinstance(value, int | str) else None
    return int(match[1]) if match is not None else None


def _json_or_none(body: bytes) -> object:
    try:
        return read_json(body)
    except AnswerError:
        return None


def error_text(body: object, secrets: Collection[str] = ()) -> str:
    """Return the error text from a body, prefixed with ": ", or "" if there is no error text.

    The documented formats are {message, errors: [{code, field, message}]}, {error}, {error: {code, message}} and
    {error, error_description}. The text is printable and at most 200 characters long. E-mail addresses, GUIDs and
    secrets are removed.
    """
    text = _GUID.sub("<id>", "; ".join(dict.fromkeys(_error_parts(folded(body)))))
    for secret in filter(None, secrets):
        text = text.replace(secret, "<secret>")  # remove secrets before the text is truncated
    text = " ".join(without_addresses(scrub(text)).split())
    text = "".join(character for character in text if character.isprintable())
    return f": {text[:_LONGEST_TEXT]}" if text else ""


def _error_parts(body: Mapping[str, object]) -> list[str]:
    parts = [body.get("error_description"), body.get("message")]
    for name in ("error", "errors"):
        value = body.get(name)
        for item in value[:_MOST_ERRORS] if isinstance(value, list) else [value]:
            error = folded(item)
            labels = [str(error[key]) for key in ("code", "field") if not _is_empty(error.get(key))]
            about = f" ({', '.join(labels)})" if labels else ""
            text = error.get("message") if isinstance(item, Mapping) else item
            parts.append(f"{'' if _is_empty(text) else text}{about}".strip())
    return [str(part).strip() for part in parts if isinstance(part, str | int) and not _is_empty(part)]


def _raise_status(
    endpoint: Endpoint, response: RawResponse, status: int, body: object, *, now: float, secrets: Collection[str]
) -> NoReturn:
    about = RequestContext(request_id=request_id_of(response.headers, folded(body)), path=endpoint.template)
    what = f"{endpoint.template}: HTTP {status}"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise LinkRefusedError(f"{what}: redirects are not followed", hint=REDIRECTED, **about)
    what += error_text(body, secrets)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        pause = retry_after(response, now)
        raise UnavailableError(what, status=status, retry_after=pause, hint=unavailable(status, pause), **about)
    kinds: dict[int, tuple[type[StatusError], str]] = {
        400: (BadRequestError, f"AvePoint rejected a parameter; {CHANGED}"),
        401: (UnauthorizedError, "AvePoint rejected a new token; check environment, data_center and base_url"),
        403: (ForbiddenError, lacking(endpoint.permission)),
        404: (NotFoundError, not_there(endpoint.permission)),
    }
    kind, hint = kinds.get(status, (StatusError, CHANGED))
    raise kind(what, status=status, hint=hint, **about)


def retry_after(response: RawResponse, now: float) -> float | None:
    """Return the Retry-After header in seconds, or None if it is missing or unreadable.

    If Retry-After contains a date, return the number of seconds from the date in the Date header to this date. If there
    is no Date header, use the Unix time `now` instead.
    """
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text, re.ASCII):
        return float(text)
    until = _http_date(text)
    server = server_time(response.headers)
    return None if until is None else max(0.0, until - (now if server is None else server))


def server_time(headers: Mapping[str, str]) -> float | None:
    """Return the Date header as Unix time, or None if it is missing or unreadable."""
    return _http_date(headers.get("date", ""))


@lru_cache(16)  # Many responses arrive in the same second.
def _http_date(text: str) -> float | None:
    with suppress(ValueError, OverflowError):
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None


def request_id_of(headers: Mapping[str, str], envelope: Mapping[str, object]) -> str:
    """Return the request id of a response, or "" if neither the headers nor the JSON envelope contain an id.

    An id has at most 64 characters. Valid characters are letters, digits, `.`, `:`, `_` and `-`. Other values are
    ignored, because a server or proxy may return a token or markup instead of an id.
    """
    candidates = [envelope.get("requestid"), *map(headers.get, _REQUEST_ID_HEADERS), envelope.get("traceid")]
    for candidate in candidates:
        try:
            text = read_label(candidate)
        except UnreadableValueError:
            continue
        if text and _REQUEST_ID.fullmatch(text):
            return text
    return ""


def _whole_number(text: str) -> int | float:
    # Python cannot convert thousands of digits to an integer. A float is later reported as unreadable.
    return int(text) if len(text) <= _LONGEST_INT else float(text)
