"""Test the client: retries, tokens, rate limits, timeouts, and links to other origins."""

import asyncio
import json
import logging
from email.utils import formatdate

import httpx
import pytest

from exporter.avepoint.endpoints import Endpoint
from exporter.avepoint.responses import LARGEST_BODY
from exporter.errors import (
    AnswerError,
    BadRequestError,
    ForbiddenError,
    NotFoundError,
    StatusError,
    TokenError,
    TransportError,
    UnauthorizedError,
    UnavailableError,
)
from tests.fakes import FAST, SECRET, ClientHarness, Handler, Script, Stream, good_token, make_account

JOBS = Endpoint("GET", "/cloudbackup/jobs", "jobs.read")
LICENSE = Endpoint("GET", "/cloudbackup/licenseconsumption", "license.read")
BATCH = Endpoint("POST", "/partner/external/v3/general/customers/batch", "customers.read")
ONE = Endpoint("GET", "/partner/customers/{id}/protected", "protected.read")


def ok(_: httpx.Request | None = None) -> httpx.Response:
    return httpx.Response(200, json={"a": 1})


def status(code: int, **headers: str) -> httpx.Response:
    return httpx.Response(
        code, headers={name.replace("_", "-"): value for name, value in headers.items()}, text="<html>"
    )


async def test_what_is_sent() -> None:
    world = ClientHarness(ok)
    assert await world.client.call(JOBS, query={"PageIndex": 0, "a b": "c&d"}) == {"a": 1}
    await world.client.call(BATCH, query={"pageIndex": 1}, body={"customerIds": ["x"]})
    await world.client.call(ONE, ids={"id": "../é/x"})
    token, jobs, _, batch, _, one = world.sent
    assert token.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in token.headers
    assert f"client_secret={SECRET}" in token.content.decode()
    assert jobs.url == "https://graph.example.com/cloudbackup/jobs?PageIndex=0&a+b=c%26d"
    assert jobs.headers["authorization"] == "Bearer tok-1"
    assert jobs.headers["accept-encoding"] == "gzip"
    assert jobs.headers["user-agent"].startswith("avepoint-exporter/")
    assert (batch.method, json.loads(batch.content)) == ("POST", {"customerIds": ["x"]})
    assert batch.headers["content-type"] == "application/json"
    assert one.url.raw_path == b"/partner/customers/..%2F%C3%A9%2Fx/protected"
    assert world.observer.requests[0] == ("/cloudbackup/jobs", "200")
    assert world.observer.tokens == ["success"] * 3
    await world.client.aclose()


async def test_fifty_calls_share_one_token() -> None:
    world = ClientHarness(ok)
    await asyncio.gather(*(world.client.call(JOBS) for _ in range(50)))
    assert world.token_calls == 1
    assert len(world.calls) == 50


async def test_a_refused_token_is_replaced_once() -> None:
    sent: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["authorization"])
        return status(401) if len(sent) == 1 else ok()

    world = ClientHarness(handler, tokens=_numbered())
    await world.client.call(JOBS)
    await world.client.call(JOBS)
    assert sent == ["Bearer tok-1", "Bearer tok-2", "Bearer tok-2"]
    assert world.observer.codes == ["401", "200", "200"]


async def test_a_token_that_is_refused_again_is_an_error() -> None:
    world = ClientHarness(lambda _: status(401))
    with pytest.raises(UnauthorizedError) as caught:
        await world.client.call(JOBS)
    assert "data_center" in caught.value.hint
    assert len(world.calls) == world.token_calls == 2


async def test_fifty_calls_with_a_revoked_token_renew_it_once() -> None:
    tokens = _numbered()

    def handler(request: httpx.Request) -> httpx.Response:
        return status(401) if request.headers["authorization"] == "Bearer tok-1" else ok()

    world = ClientHarness(handler, tokens=tokens)
    await asyncio.gather(*(world.client.call(JOBS) for _ in range(50)))
    assert world.token_calls == 2


def _granted_from(token: str) -> tuple[list[str], Handler]:
    """Return a list and a handler. The handler adds received tokens to the list, and accepts only `token`."""
    sent: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["authorization"].removeprefix("Bearer "))
        return ok() if sent[-1] == token else status(403)

    return sent, handler


async def test_a_permission_granted_meanwhile_works_with_a_new_token() -> None:
    sent, handler = _granted_from("tok-2")
    world = ClientHarness(handler, tokens=_numbered())
    for seconds in (0, 200, 99):
        world.clock.advance(seconds)
        with pytest.raises(ForbiddenError):
            await world.client.call(JOBS)
    assert sent == ["tok-1"] * 3, "a 403 does not renew a young token"
    world.clock.advance(2)
    assert await world.client.call(JOBS) == {"a": 1}
    assert sent[3:] == ["tok-1", "tok-2"]
    assert world.token_calls == 2


async def test_a_thousand_that_are_denied_cost_one_token_in_five_minutes() -> None:
    sent, handler = _granted_from("none")
    world = ClientHarness(handler, make_account(more=FAST), tokens=_numbered())
    await asyncio.gather(*(world.client.call(JOBS) for _ in range(1000)), return_exceptions=True)
    assert (len(sent), world.token_calls) == (1000, 1)
    for tokens in (2, 3):
        world.clock.advance(301)
        results = await asyncio.gather(*(world.client.call(JOBS) for _ in range(1000)), return_exceptions=True)
        assert all(isinstance(result, ForbiddenError) for result in results)
        assert world.token_calls == tokens
    assert len(sent) <= 3000 + 2 * 8, "only requests that were running with the old token are sent again"


async def test_a_token_is_asked_for_once_an_hour_where_nothing_is_denied() -> None:
    world = ClientHarness(ok, tokens=_numbered())
    for _ in range(6 * 60):
        world.clock.advance(60)
        await world.client.call(JOBS)
    assert world.token_calls == 7, "6 hours divided by 58 minutes per token"


def _numbered() -> Script:
    answers = [httpx.Response(200, json={"access_token": f"tok-{n}", "expires_in": 3600}) for n in range(1, 9)]
    return Script(*answers)


@pytest.mark.parametrize(
    "failure",
    [
        status(500), status(503), status(429, Retry_After="0"), httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut off"), OSError("gone"), UnicodeError("label too long"),
    ],
)  # fmt: skip
async def test_what_may_pass_is_tried_again_and_not_for_ever(failure: httpx.Response | Exception) -> None:
    world = ClientHarness(Script(failure, failure, failure, ok()))
    assert await world.client.call(JOBS) == {"a": 1}
    assert len(world.calls) == 4
    world = ClientHarness(Script(failure))
    with pytest.raises((TransportError, UnavailableError)):
        await world.client.call(JOBS)
    assert len(world.calls) == 4
    assert all(pause <= 30 for pause in world.clock.slept)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(400, BadRequestError), (403, ForbiddenError), (404, NotFoundError), (418, StatusError), (204, StatusError)],
)
async def test_what_will_not_pass_is_not_tried_again(code: int, kind: type[StatusError]) -> None:
    world = ClientHarness(lambda _: status(code, x_request_id="r-1"))
    with pytest.raises(kind) as caught:
        await world.client.call(JOBS)
    assert len(world.calls) == 1
    assert world.observer.codes == [str(code)]
    assert caught.value.request_id == "r-1"


async def test_kinds_of_silence_are_told_apart() -> None:
    world = ClientHarness(Script(httpx.ConnectError("")), make_account(more="requests: {retries: 0}"))
    with pytest.raises(TransportError, match=r"graph\.example\.com: ConnectError"):
        await world.client.call(JOBS)
    world.client._http = ClientHarness(Script(httpx.PoolTimeout("x"))).client._http
    with pytest.raises(TransportError, match="no response in time"):
        await world.client.call(JOBS)
    assert world.observer.codes == ["connect", "timeout"]


async def test_a_body_that_drips_is_cut_off() -> None:
    stream = Stream(*[b"x"] * 1000, pause=0.02)
    world = ClientHarness(
        lambda _: httpx.Response(200, stream=stream), make_account(more="requests: {retries: 0, timeout: 1s}")
    )
    with pytest.raises(TransportError) as caught:
        await world.client.call(JOBS)
    assert caught.value.kind == "timeout"
    assert stream.given < 1000


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b'{"a": [1, ', b"\xff\xfe\x00", b"[" * 100_000])
async def test_a_200_that_is_no_json(body: bytes) -> None:
    world = ClientHarness(lambda _: httpx.Response(200, content=body))
    with pytest.raises(AnswerError, match="/cloudbackup/jobs"):
        await world.client.call(JOBS)
    assert world.observer.codes == ["parse"]
    assert len(world.calls) == 1


async def test_an_envelope_that_says_500_is_tried_again() -> None:
    world = ClientHarness(Script(httpx.Response(200, json={"statusCode": 500, "requestId": "r-2"}), ok()))
    assert await world.client.call(JOBS) == {"a": 1}
    assert world.observer.codes == ["500", "200"]


async def test_silence_is_kept_by_the_whole_account() -> None:
    times: list[float] = []

    def handler(_: httpx.Request) -> httpx.Response:
        times.append(world.clock.elapsed)
        return status(429, Retry_After="7") if len(times) == 1 else ok()

    world = ClientHarness(handler)
    await asyncio.gather(world.client.call(JOBS), *(world.client.call(LICENSE) for _ in range(20)))
    late = [time for time in times if time > times[0] + 0.5]
    assert late
    assert min(late) >= times[0] + 7
    assert sum(world.observer.waits) >= 6
    assert "throttles the account" in world.log
    assert "retry_after" in world.log


async def test_silence_holds_for_a_call_whose_token_came_late() -> None:
    """After a 429, a request waits until the pause ends, even if the request is already waiting for a token."""
    let_token_through = asyncio.Event()
    times: dict[str, list[float]] = {"/cloudbackup/jobs": [], "/cloudbackup/licenseconsumption": []}

    async def tokens(request: httpx.Request) -> httpx.Response:
        if b"license" in request.content:
            await let_token_through.wait()
        return good_token(request)

    def handler(request: httpx.Request) -> httpx.Response:
        times[request.url.path].append(world.clock.elapsed)
        first = request.url.path == JOBS.template and len(times[JOBS.template]) == 1
        return status(429, Retry_After="7") if first else ok()

    world = ClientHarness(handler, make_account(more="requests: {retries: 0, per_second: 1000}"), tokens=tokens)
    late = asyncio.create_task(world.client.call(LICENSE))
    await asyncio.sleep(0.001)
    with pytest.raises(UnavailableError):
        await world.client.call(JOBS)
    let_token_through.set()
    await late
    assert times[LICENSE.template][0] >= times[JOBS.template][0] + 7


@pytest.mark.parametrize(("header", "least", "most"), [("", 5, 6), ("99999", 900, 901), ("junk", 5, 6)])
async def test_silence_unsaid_or_too_long(header: str, least: float, most: float) -> None:
    world = ClientHarness(Script(status(503, Retry_After=header), ok()))
    await world.client.call(JOBS)
    assert least <= world.clock.elapsed <= most


async def test_a_token_service_that_asks_for_patience_is_obeyed() -> None:
    world = ClientHarness(
        ok, tokens=Script(status(429, Retry_After="40"), good_token(httpx.Request("POST", "https://x")))
    )
    await world.client.call(JOBS)
    assert world.clock.elapsed >= 40
    assert world.observer.tokens == ["429", "success"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(400, json={"error": "invalid_client"}), "invalid_client"),
        (httpx.Response(401, json={"error": "invalid_scope"}), "invalid_scope"),
        (httpx.Response(400, json={"error": "made-up-" + "x" * 99}), "400"),
        (httpx.Response(400, json={"error": [1]}), "400"),
        (httpx.Response(404, text="<html>"), "404"), (httpx.Response(200, text="<html>"), "parse"),
        (httpx.Response(200, json=["x"]), "parse"), (httpx.Response(200, json={"access_token": ""}), "parse"),
        (httpx.Response(200, content=b"x" * (LARGEST_BODY + 1)), "parse"), (status(500), "500"), (status(503), "503"),
        (httpx.ConnectError("refused"), "connect"), (httpx.ReadTimeout("slow"), "timeout"),
    ],
)  # fmt: skip
async def test_tokens_that_cannot_be_had(answer: httpx.Response | Exception, reason: str) -> None:
    world = ClientHarness(ok, tokens=Script(answer))
    with pytest.raises(TokenError) as caught:
        await world.client.call(JOBS)
    assert caught.value.reason == reason
    assert set(world.observer.tokens) == {reason}
    assert world.token_calls == (4 if reason in ("500", "503", "connect", "timeout") else 1)
    assert not world.calls
    assert not world.observer.requests


async def test_the_clock_of_the_server_is_compared() -> None:
    offset: float = 0

    def respond(_: httpx.Request) -> httpx.Response:
        date = formatdate(world.clock.time() + offset, usegmt=True)
        return httpx.Response(200, json={}, headers={"Date": date})

    world = ClientHarness(respond)
    for offset in (0.0, 299.0, -400.0, -500.0, 0.0, 86_400.0):
        await world.client.call(JOBS)
        assert world.client.clock_offset == pytest.approx(offset, abs=1.5)
    assert world.observer.clock_offsets[-1] == world.client.clock_offset
    levels = [line.split(" ")[0] for line in world.log.lines if "clock" in line]
    assert levels == ["warning", "info", "warning"]


async def test_an_address_that_is_none() -> None:
    account = make_account().model_copy(update={"base_url": "https://exa mple\x7f"})
    with pytest.raises(TransportError, match="invalid URL"):
        await ClientHarness(ok, account).client.call(JOBS)


async def test_no_secret_in_any_error_or_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    for handler in (
        Script(httpx.ConnectError("x")),
        Script(status(401)),
        Script(status(400)),
        Script(httpx.Response(200, text="<")),
        Script(httpx.Response(429, json={"message": "token tok-1 has no quota"})),
        Script(httpx.Response(200, json={"error": {"message": "tok-1"}})),
    ):
        world = ClientHarness(handler, make_account(more=FAST.replace("retries: 3", "retries: 0")))
        with pytest.raises(Exception, match=r".") as caught:
            await world.client.call(JOBS)
        texts += [repr(caught.value), str(caught.value), repr(vars(caught.value)), str(caught.getrepr(style="short"))]
        texts += [*world.log.lines, repr(world.client), repr(world.client._tokens)]
    echo = ClientHarness(ok, tokens=Script(httpx.Response(400, json={"error_description": f"{SECRET} is wrong"})))
    with pytest.raises(TokenError, match="HTTP 400: <secret> is wrong") as refused:
        await echo.client.call(JOBS)
    joined = "\n".join([*texts, *echo.log.lines, repr(refused.value), caplog.text])
    assert "<secret> has no quota" in joined
    assert SECRET not in joined
    assert "tok-1" not in joined


async def test_an_echoed_token_reaches_neither_the_error_nor_the_request_id() -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        header = request.headers["authorization"].removeprefix("Bearer ")
        return httpx.Response(400, content=header, headers={"x-request-id": header})

    def token(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"access_token": "opaque-0123456789", "expires_in": 3600})

    world = ClientHarness(echo, tokens=token)
    with pytest.raises(BadRequestError) as caught:
        await world.client.call(JOBS)
    assert "0123456789" not in f"{caught.value} {caught.value.context()}"
    assert caught.value.request_id == ""


async def test_a_token_is_not_requested_during_a_pause() -> None:
    times: list[float] = []

    def tokens(request: httpx.Request) -> httpx.Response:
        times.append(world.clock.elapsed)
        return good_token(request)

    more = "requests: {retries: 0, per_second: 1000}"
    world = ClientHarness(Script(status(429, Retry_After="7")), make_account(more=more), tokens=tokens)
    with pytest.raises(UnavailableError):
        await world.client.call(JOBS)
    await world.client.token_ahead(LICENSE.permission)
    assert times[1] >= times[0] + 7


async def test_clients_do_not_retry_at_the_same_time() -> None:
    ends = set()
    for _ in range(10):
        world = ClientHarness(Script(httpx.ConnectError("down"), ok()))
        await world.client.call(JOBS)
        ends.add(world.clock.elapsed)
    assert len(ends) > 1
    assert max(ends) <= 0.51
