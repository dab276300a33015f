"""The client decodes responses, and raises errors for invalid responses."""

import json
import math
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.avepoint import endpoints
from exporter.avepoint.endpoints import Endpoint, EndpointPair
from exporter.avepoint.responses import (
    RawResponse,
    decode_response,
    error_text,
    read_json,
    retry_after,
    server_time,
    without_secrets,
)
from exporter.errors import (
    AnswerError,
    BadRequestError,
    ForbiddenError,
    LinkRefusedError,
    NotFoundError,
    StatusError,
    UnauthorizedError,
    UnavailableError,
)
from tests.fakes import payload

NOW = 1_730_000_000.0
GUID = "caf94a75-2cc6-43aa-b04b-794cb9af5ea3"
TEXTS = st.text() | st.sampled_from(["a@b.example", "Bearer secret-token", "secret-token"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "field", "Message"]), inner, max_size=3)
    ),
)
TENANT = Endpoint("GET", "/cloudbackup/jobs", "jobs.read")
PARTNER = Endpoint("GET", "/partner/customers/{id}/protected", "partner.cbprotected.read.all")
SAMPLES = [
    "protected-legacy", "overview-bare", "overview-paged", "jobs-legacy", "jobs-modern", "license-legacy",
    "customers-legacy", "customers-v3",
]  # fmt: skip


def ask(body: object, status: int = 200, endpoint: Endpoint = TENANT, headers: dict[str, str] | None = None) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode_response(endpoint, RawResponse(status, headers or {}, content), now=NOW)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_documented_samples_are_good(name: str) -> None:
    assert ask(payload(name)) == payload(name)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Sign in owner@example.com</html>",
        b'{"data": [',
        b"\xff\xfe{}",
        b'{"a": "\xc3"}',
        b"[" * 100_000,
        b"{}{}",
    ],
)
def test_what_is_not_json(body: bytes) -> None:
    with pytest.raises(AnswerError, match="/cloudbackup/jobs: the response is not JSON") as caught:
        ask(body, headers={"x-request-id": "r-1"})
    assert caught.value.request_id == "r-1"
    assert "@" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_odd_numbers_cost_only_themselves() -> None:
    text = b'{"a": NaN, "b": -Infinity, "c": ' + b"9" * 5000 + b', "d": 638645575921780695, "e": 1e999}'
    decoded = ask(text)
    assert math.isnan(decoded["a"])
    assert decoded["b"] == -math.inf
    assert decoded["c"] == decoded["e"] == math.inf
    assert decoded["d"] == 638645575921780695


@given(st.binary(max_size=200))
def test_any_bytes_give_json_or_the_typed_error(body: bytes) -> None:
    try:
        read_json(body)
    except AnswerError:
        pass


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (400, BadRequestError, "parameter"), (401, UnauthorizedError, "data_center"),
        (403, ForbiddenError, "jobs.read"),
        (404, NotFoundError, "license"), (418, StatusError, ""), (204, StatusError, ""), (429, UnavailableError, ""),
        (500, UnavailableError, ""), (503, UnavailableError, ""), (599, UnavailableError, ""),
    ],
)  # fmt: skip
def test_statuses(status: int, kind: type[StatusError], hint: str) -> None:
    envelope = {"statusCode": status, "data": None}
    for body, outside in ((b"<html>", status), (envelope, 204 if status == 204 else 200)):
        with pytest.raises(kind, match=f"/cloudbackup/jobs: HTTP {status}") as caught:
            ask(body, outside)
        assert type(caught.value) is kind
        assert caught.value.status == status
        assert hint in caught.value.hint


@pytest.mark.parametrize(
    "endpoint",
    [one for pair in vars(endpoints).values() if isinstance(pair, EndpointPair) for one in pair.versions.values()],
    ids=lambda one: f"{one.method} {one.template}",
)
def test_no_content_is_an_empty_list_of_every_endpoint_of_elements(endpoint: Endpoint) -> None:
    response = RawResponse(204, {}, b"")
    if endpoint.permission.startswith("elements."):
        assert decode_response(endpoint, response, now=NOW) == []
    else:
        with pytest.raises(StatusError):
            decode_response(endpoint, response, now=NOW)


def test_where_a_permission_is_granted_depends_on_the_account() -> None:
    with pytest.raises(ForbiddenError) as tenant:
        ask({}, 403)
    with pytest.raises(ForbiddenError) as partner:
        ask({}, 403, PARTNER)
    assert "AvePoint Online Services" in tenant.value.hint
    assert "Elements" in partner.value.hint


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_refused(status: int) -> None:
    with pytest.raises(LinkRefusedError):
        ask(b"", status, headers={"location": "https://graph.example.com/"})


@pytest.mark.parametrize(
    "envelope",
    [
        {"statusCode": "500"}, {"StatusCode": 500, "Data": None}, {"statusCode": 0}, {"statusCode": 10**25},
        {"statusCode": [1]}, {"statusCode": True}, {"statusCode": "Broken"}, {"statusCode": -1},
        {"statusCode": 200, "errors": ["x"]}, {"errors": [{"code": 1}], "data": []}, {"Errors": "no"},
    ],
)  # fmt: skip
def test_envelopes_that_say_failure(envelope: dict[str, object]) -> None:
    with pytest.raises((AnswerError, UnavailableError)) as caught:
        ask({**envelope, "requestId": "r-9"})
    assert caught.value.request_id == "r-9"


@pytest.mark.parametrize("status", [200, "200", None, "OK", 201])
@pytest.mark.parametrize("errors", [None, [], "", {}])
def test_envelopes_that_say_success(status: object, errors: object) -> None:
    envelope = {"statusCode": status, "errors": errors, "data": [1]}
    assert ask(envelope) == envelope


@pytest.mark.parametrize(
    ("body", "headers", "request_id"),
    [
        ({"requestId": "body"}, {"x-request-id": "header"}, "body"), ({"RequestId": 7}, {}, "7"),
        ({}, {"x-request-id": "a"}, "a"), ({}, {"x-correlation-id": "b"}, "b"), (b"<html>", {"request-id": "c"}, "c"),
        ({"requestId": "x@example.com"}, {"trace-id": "d"}, "d"), ({"requestId": ["x"]}, {}, ""), ([], {}, ""),
        ({"requestId": "<b>x</b>"}, {"trace-id": "0HM:1.a_b-c"}, "0HM:1.a_b-c"), ({"requestId": "a b"}, {}, ""),
        ({"requestId": "x" * 64}, {}, "x" * 64), ({"requestId": "x" * 65}, {}, ""), ({"requestId": "a\nb"}, {}, ""),
        ({"requestId": "Bearer\u202e"}, {"x-request-id": "h"}, "h"),
    ],
)  # fmt: skip
def test_request_ids(body: object, headers: dict[str, str], request_id: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        ask(body, 500, headers=headers)
    assert caught.value.request_id == request_id


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("7", 7), ("0", 0), ("1.5", 1.5), (" 7 ", 7), ("", None), ("-5", None), ("soon", None), ("1e9", None),
        ("\u0667", None),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC).replace(tzinfo=None)), 90),
        (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 0),
    ],
)  # fmt: skip
def test_retry_after(text: str, wait: float | None) -> None:
    assert retry_after(RawResponse(429, {"retry-after": text}, b""), NOW) == wait


def test_a_date_in_retry_after_is_relative_to_the_response_itself() -> None:
    date, until = (format_datetime(datetime.fromtimestamp(NOW + add, UTC), usegmt=True) for add in (9000, 9090))
    assert retry_after(RawResponse(503, {"retry-after": until, "date": date}, b""), NOW) == 90
    assert retry_after(RawResponse(503, {"retry-after": until, "date": "soon"}, b""), NOW) == 9090
    assert server_time({"date": date}) == NOW + 9000
    assert server_time({}) is None


@given(st.text(max_size=40))
def test_any_retry_after(text: str) -> None:
    wait = retry_after(RawResponse(429, {"retry-after": text}, b""), NOW)
    assert wait is None or wait >= 0


@given(st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable()))
def test_an_id_is_one_segment_whatever_it_holds(identifier: str) -> None:
    url = httpx.URL("https://graph.example.com" + PARTNER.path({"id": identifier}))
    segments = url.raw_path.decode().split("/")
    assert [*segments[:3], *segments[4:]] == ["", "partner", "customers", "protected"]
    assert unquote(segments[3]) == identifier


@pytest.mark.parametrize("identifier", ["..", ".", "a/../b", "%2e%2e", "a?b#c", "f1**-é\u2028", "\\..\\", "//evil"])
def test_ids_do_not_climb(identifier: str) -> None:
    url = urlsplit(str(httpx.URL("https://graph.example.com" + PARTNER.path({"id": identifier}))))
    assert url.path.count("/") == 4
    assert (url.hostname, url.query, url.fragment) == ("graph.example.com", "", "")


ERROR_BODIES = [
    ({"statusCode": 400, "message": "Bad page", "errors": []}, "Bad page"),
    ({"StatusCode": 400, "Errors": [{"Code": "E1", "Field": "page", "Message": "too large"}]}, "too large (E1, page)"),
    ({"message": "No", "errors": ["first", {"message": "second"}, {"code": 7}]}, "No; first; second; (7)"),
    ({"traceId": "t-1", "error": "The tenant is locked."}, "The tenant is locked."),
    ({"TraceId": "t-1", "Error": {"Code": "X9", "Message": "locked"}}, "locked (X9)"),
    ({"error": {"code": "NotFound", "message": "no such customer"}}, "no such customer (NotFound)"),
    ({"error": "e", "error_description": "The secret expired."}, "The secret expired.; e"),
    ({"message": "API calls quota exceeded!"}, "API calls quota exceeded!"),
    ({"message": "line\nbreak\x00 and\t\u202etab"}, "line break\ufffd and \ufffdtab"),
    ({"message": "owner Someone <a.b@example.com> has no seat"}, "owner Someone <e-mail> has no seat"),
    ({"message": "x" * 500}, "x" * 200), ({"error": f"customer {GUID.upper()} is gone"}, "customer <id> is gone"),
    ({"message": "Bearer abcdef.ghi refused"}, "Bearer <secret> refused"),
    ({"message": "you sent s3cr3t-value in client_secret=zzz"}, "you sent <secret> in client_secret=<secret>"),
    ({"message": None, "errors": {}, "error": ""}, ""), ([], ""), (b"<html>", ""), ({"message": ["x"]}, ""),
]  # fmt: skip


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 500, 503])
@pytest.mark.parametrize(("body", "text"), ERROR_BODIES)
def test_the_text_of_an_error_body_is_part_of_the_error(status: int, body: object, text: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(StatusError) as caught:
        decode_response(TENANT, RawResponse(status, {}, content), now=NOW, secrets=("s3cr3t-value", ""))
    assert str(caught.value) == f"/cloudbackup/jobs: HTTP {status}" + (f": {text}" if text else "")


@pytest.mark.parametrize(("body", "text"), ERROR_BODIES)
def test_a_success_that_reports_an_error_is_a_failure(body: object, text: str) -> None:
    if not isinstance(body, dict) or not {"error", "errors"} & {key.lower() for key, value in body.items() if value}:
        return
    good = {key: value for key, value in body.items() if key.lower() != "statuscode"}
    with pytest.raises(AnswerError) as caught:
        ask({**good, "Jobs": [], "PurchasedUserSeats": 0})
    assert str(caught.value) == f"/cloudbackup/jobs: the response reports an error: {text}"


@pytest.mark.parametrize(
    "empty", [None, "", " ", "N/A", "null", "None", {}, [], False, 0, {"code": 0, "message": None}, [{"code": ""}]]
)
@pytest.mark.parametrize("key", ["error", "Error", "errors"])
def test_an_error_field_that_states_no_error_is_no_failure(key: str, empty: object) -> None:
    assert ask({key: empty, "Jobs": []}) == {key: empty, "Jobs": []}


@given(st.dictionaries(st.sampled_from(["message", "error", "Errors", "error_description"]), JSON))
def test_any_error_body_gives_a_short_printable_text(body: dict[str, object]) -> None:
    text = error_text(body, ("secret-token",))
    assert len(text) <= 202
    assert text.isprintable()
    assert "@" not in text
    assert "secret-token" not in text


def test_secrets_that_a_server_echoes_are_masked_wherever_they_are() -> None:
    echoed = RawResponse(
        401, {"x-request-id": "id-opaque-token", "date": "today"}, b'opaque-token {"a": "opaque-token"}'
    )
    masked = without_secrets(echoed, ("", "opaque-token"))
    assert masked.headers == {"x-request-id": "id-<secret>", "date": "today"}
    assert masked.body == b'<secret> {"a": "<secret>"}'
    assert masked.status == 401


def test_a_response_without_secrets_is_unchanged() -> None:
    plain = RawResponse(200, {"date": "today"}, b'{"a": "b"}')
    assert without_secrets(plain, ("opaque-token", "a", "")) is plain
