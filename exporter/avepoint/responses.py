"""From an HTTP answer to JSON, or to the error that says what was wrong with it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, NoReturn

from exporter.avepoint.endpoints import Endpoint, Paging
from exporter.avepoint.hints import CHANGED, NOT_OURS, REDIRECTED, lacking, not_there, unavailable
from exporter.avepoint.values import read_label, short
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

_REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id", "x-ms-request-id", "x-correlation-id", "trace-id")
_SUCCESS: Final = frozenset({"ok", "success", "succeeded"})
_LONGEST_INT: Final = 30


@dataclass(frozen=True, slots=True)
class RawResponse:
    """What came back: status, headers (lower-case names) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def read_json(body: bytes) -> object:
    """Decode JSON; raises AnswerError. A number that is none (NaN) or enormous costs its own field, not the answer."""
    try:
        return json.loads(body, parse_int=_whole_number)
    except (ValueError, RecursionError):
        start = body[:40].decode("utf-8", "replace")
        raise AnswerError(f"the answer is not JSON; it begins with {short(start)}") from None


def decode_response(endpoint: Endpoint, answer: RawResponse, *, now: float) -> object:
    """Give the JSON of a good answer; raises StatusError or AnswerError for any other, at Unix time `now`."""
    if answer.status == HTTPStatus.NO_CONTENT and endpoint.paging is Paging.ELEMENTS:
        return []  # documented as an empty success of the Elements API
    if answer.status != HTTPStatus.OK:
        request_id = request_id_of(answer.headers, _envelope(answer.body))
        _raise_status(endpoint, answer.status, request_id, retry_after(answer, now))
    try:
        decoded = read_json(answer.body)
    except AnswerError as error:
        about = ErrorContext(hint=NOT_OURS, request_id=request_id_of(answer.headers, {}), endpoint=endpoint.template)
        raise AnswerError(f"{endpoint.template}: {error}", **about) from None
    if isinstance(decoded, dict):
        _check_envelope(endpoint, answer, _folded(decoded), now=now)
    return decoded


def _check_envelope(endpoint: Endpoint, answer: RawResponse, envelope: Mapping[str, object], *, now: float) -> None:
    """Refuse a 200 that says inside that it is none."""
    request_id = request_id_of(answer.headers, envelope)
    about = ErrorContext(hint=CHANGED, request_id=request_id, endpoint=endpoint.template)
    status = _status_inside(envelope.get("statuscode"))
    if status is None:
        what = f"{endpoint.template}: no status code: {short(envelope.get('statuscode'))}"
        raise AnswerError(what, **about)
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        _raise_status(endpoint, status, request_id, retry_after(answer, now))
    if errors := envelope.get("errors"):
        raise AnswerError(f"{endpoint.template}: the answer reports errors: {short(errors)}", **about)


def _status_inside(value: object) -> int | None:
    """Read an envelope's status, 200 where it says none; None for what is no status, since it becomes a label."""
    if value is None or (isinstance(value, str) and value.strip().lower() in _SUCCESS):
        return 200
    match = re.fullmatch(r"\s*([1-5]\d\d)\s*", str(value), re.ASCII) if isinstance(value, int | str) else None
    return int(match[1]) if match is not None else None


def _envelope(body: bytes) -> Mapping[str, object]:
    """Give what a failure's body holds, if it is an object."""
    try:
        decoded = read_json(body)
    except AnswerError:
        return {}
    return _folded(decoded) if isinstance(decoded, dict) else {}


def _folded(envelope: Mapping[str, object]) -> Mapping[str, object]:
    return {key.lower(): value for key, value in envelope.items()}


def _raise_status(endpoint: Endpoint, status: int, request_id: str, retry_after: float | None) -> NoReturn:
    what, call = (
        f"{endpoint.template}: HTTP {status}",
        RequestContext(request_id=request_id, endpoint=endpoint.template),
    )
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise LinkRefusedError(f"{what}: a redirect, which is never followed", hint=REDIRECTED, **call)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UnavailableError(what, status=status, retry_after=retry_after, hint=unavailable(status), **call)
    kinds: dict[int, tuple[type[StatusError], str]] = {
        400: (BadRequestError, f"a parameter was refused; {CHANGED}"),
        401: (UnauthorizedError, "a fresh token was refused; check environment, data_center and base_url"),
        403: (ForbiddenError, lacking(endpoint.permission)),
        404: (NotFoundError, not_there(endpoint.permission)),
    }
    kind, hint = kinds.get(status, (StatusError, CHANGED))
    raise kind(what, status=status, hint=hint, **call)


def retry_after(response: RawResponse, now: float) -> float | None:
    """Return Retry-After (seconds or an HTTP date) in seconds.

    A date is relative to the response's own Date header, or to the Unix time `now` if there is none.
    """
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text, re.ASCII):
        return float(text)
    until = _http_date(text)
    server = server_time(response.headers)
    return None if until is None else max(0.0, until - (now if server is None else server))


def server_time(headers: Mapping[str, str]) -> float | None:
    """Return the Date header as Unix time, None if it is missing or unreadable."""
    return _http_date(headers.get("date", ""))


def _http_date(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def request_id_of(headers: Mapping[str, str], envelope: Mapping[str, object]) -> str:
    """Give the id under which AvePoint knows a request; "" if the answer names none."""
    candidates = [envelope.get("requestid"), *map(headers.get, _REQUEST_ID_HEADERS)]
    for candidate in candidates:
        try:
            if text := read_label(candidate):
                return text
        except UnreadableValueError:
            continue
    return ""


def _whole_number(text: str) -> int | float:
    # Python refuses to make an int of thousands of digits, and no reader takes that many.
    return int(text) if len(text) <= _LONGEST_INT else float(text)
