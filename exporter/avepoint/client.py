"""The one polite client of an account: token, pace, deadlines, retries, size limits, one origin."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from exporter.avepoint.auth import Credential, StartTask, Token, TokenSource, refusal, token_text
from exporter.avepoint.connections import Connections, origin_of
from exporter.avepoint.endpoints import Endpoint
from exporter.avepoint.hints import NOT_OURS, WRONG_ISSUER, reason_of, unavailable, unreached
from exporter.avepoint.observer import Observer, ServerClock, ValueIssues
from exporter.avepoint.responses import RawResponse, decode_response, read_json, request_id_of, retry_after, server_time
from exporter.avepoint.throttle import LimitUsage, Throttle
from exporter.clock import Clock
from exporter.config.schema import Account
from exporter.errors import (
    AnswerError,
    AvePointError,
    ForbiddenError,
    LinkRefusedError,
    RequestContext,
    StatusError,
    TokenError,
    TransportError,
    UnauthorizedError,
    UnavailableError,
)

T = TypeVar("T")
Query = Mapping[str, str | int]
Transport = httpx.AsyncBaseTransport

_LONGEST_REASON: Final = 200
_PASSING: Final = (TransportError, UnavailableError)
_UNSAID_SILENCE: Final = 5.0  # seconds after a 429 or 503 without Retry-After
_LONGEST_BACKOFF: Final = 30.0
_TOKEN: Final = "token"  # noqa: S105 - the name of an endpoint, not a secret
_OAUTH_ERRORS: Final = frozenset(
    {"invalid_client", "invalid_scope", "invalid_grant", "invalid_request", "unauthorized_client"}
)


class Client:
    """Asks AvePoint for one account. Everything that leaves for AvePoint leaves through here."""

    def __init__(
        self,
        account: Account,
        credential: Credential,
        *,
        clock: Clock,
        observer: Observer,
        log: structlog.stdlib.BoundLogger,
        transport: httpx.AsyncBaseTransport | None = None,
        start_task: StartTask = asyncio.create_task,
    ) -> None:
        self.value_issues = ValueIssues(observer, log, clock)
        self._server_clock = ServerClock(observer, log)
        self._account = account
        self._clock = clock
        self._observer = observer
        self._log = log
        self._http = Connections(account, transport)
        self._tokens = TokenSource(account.auth.client_id, credential, self._ask_for_token, clock, start_task)
        self._throttle = Throttle(
            concurrency=account.requests.concurrency,
            per_second=account.requests.per_second,
            clock=clock,
            waited=observer.throttled,
        )

    @property
    def budget(self) -> LimitUsage:
        """How much of what the account may ask is used now."""
        return self._throttle.budget

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which AvePoint's clock is ahead of the exporter's; None before the first response."""
        return self._server_clock.offset

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        query: Query | None = None,
        body: Mapping[str, object] | None = None,
    ) -> object:
        """Give the decoded JSON of a call; raises AvePointError when retries are used up or pointless."""
        try:
            request = self._request(
                endpoint.method,
                # As the library would do it, but without taking the address apart a second time.
                self._account.api_url + endpoint.path(ids or {}) + (f"?{urlencode(query)}" if query else ""),
                json=body,
                headers={"Content-Type": "application/json"},
            )
            return await self._retried(lambda: self._authorized(endpoint, request))
        except AvePointError as error:
            error.endpoint = error.endpoint or endpoint.template
            raise

    async def authorize(self, permission: str) -> None:
        """See to it that there is a token for a permission; raises TokenError."""
        async with self._throttle:
            await self._token(permission)

    async def token_ahead(self, permission: str) -> None:
        """Ask for the token of calls that are about to be made, unless there is one."""
        await self._tokens.token_ahead(permission)

    def link_query(self, endpoint: Endpoint, link: str) -> Query:
        """Give the query of a link to a next page, to be sent to the same endpoint.

        Only the query is taken, so a link with or without the service's prefix works; raises LinkRefusedError for
        a link to another origin or without a query.
        """
        link = link.strip()
        try:
            is_ours = origin_of(link) in (None, origin_of(self._account.api_url))
            query = dict(parse_qsl(urlsplit(link).query, max_num_fields=50)) if is_ours and "?" in link else {}
        except ValueError:
            is_ours, query = False, {}
        if not is_ours:
            self.value_issues.unreadable(
                endpoint.template, "nextLink", link, "a link to another origin is never followed"
            )
        if not query:
            raise LinkRefusedError(f"{endpoint.template}: a link that cannot be followed", endpoint=endpoint.template)
        return query

    async def _retried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try, and try again after a failure that may pass."""
        try:
            return await attempt()  # without the library, which leaves cycles for the garbage collector at each call
        except _PASSING as error:
            failures = [error]

        async def again() -> T:
            if failures:
                raise failures.pop()
            return await attempt()

        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._account.requests.retries + 1),
            wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_BACKOFF),
            retry=retry_if_exception_type(_PASSING),
            sleep=self._clock.sleep,
            reraise=True,
        )
        return await retrying(again)

    async def _authorized(self, endpoint: Endpoint, request: httpx.Request) -> object:
        """Send with a token; once more with a fresh one where it was refused, or may be older than a permission."""
        try:
            return await self._with_token(endpoint, request)
        except UnauthorizedError:
            pass
        except ForbiddenError:
            if self._tokens.has(endpoint.permission):
                raise
        return await self._with_token(endpoint, request)

    async def _with_token(self, endpoint: Endpoint, request: httpx.Request) -> object:
        async with self._throttle:
            token = await self._token(endpoint.permission)
            request.headers["Authorization"] = f"Bearer {token.text}"
            try:
                return await self._exchange(endpoint, request)
            except UnauthorizedError:
                self._tokens.discard(endpoint.permission, token)
                raise
            except ForbiddenError:
                self._tokens.doubt(endpoint.permission, token)
                raise

    async def _token(self, permission: str) -> Token:
        """Give a token, and see that the silence which another call met while we waited for it holds for us too."""
        token = await self._tokens.token(permission)
        while self._throttle.is_silent:
            await self._throttle.turn()
            token = await self._tokens.token(permission)
        return token

    def _be_silent(self, error: UnavailableError) -> None:
        """Obey a 429 or 503 with the whole account."""
        if error.status in (429, 503):
            self._throttle.slow_down(_UNSAID_SILENCE if error.retry_after is None else error.retry_after)
            self._log.warning("AvePoint asks for patience", error=error, retry_after=error.retry_after,
                              **error.context())  # fmt: skip

    async def _exchange(self, endpoint: Endpoint, request: httpx.Request) -> object:
        """Send one request and understand its answer, whatever happens counted and timed."""
        began, code = self._clock.monotonic(), "connect"
        try:
            answer = await self._send(request)
            code = str(answer.status)
            self._server_clock.measure(server_time(answer.headers), self._clock.time())
            return decode_response(endpoint, answer, now=self._clock.time())
        except TransportError as error:
            code = error.kind
            raise
        except StatusError as error:
            code = str(error.status)
            if isinstance(error, UnavailableError):
                self._be_silent(error)
            raise
        except LinkRefusedError:
            self.value_issues.unreadable(endpoint.template, "Location", code, "a redirect is never followed")
            raise
        except AnswerError:
            code = "parse"
            raise
        finally:
            self._observer.request(endpoint.template, code, self._clock.monotonic() - began)

    async def _ask_for_token(self, form: Mapping[str, str]) -> Mapping[str, object]:
        try:
            return await self._retried(lambda: self._token_exchange(form))
        except (TransportError, UnavailableError) as error:
            # Not again with every call's own retries: without a token there is nothing to call with.
            reason = error.kind if isinstance(error, TransportError) else str(error.status)
            raise TokenError(
                f"no token: {error}", reason=reason, hint=error.hint, request_id=error.request_id, endpoint=_TOKEN
            ) from None

    async def _token_exchange(self, form: Mapping[str, str]) -> Mapping[str, object]:
        while self._throttle.is_silent:
            await self._throttle.turn()
        result = "connect"
        try:
            answer = await self._send(self._request("POST", self._account.identity_url, data=dict(form)))
            result = str(answer.status)
            decoded = _token_answer(answer, form["scope"], now=self._clock.time())
            result = "success"
        except UnavailableError as error:
            self._be_silent(error)
            raise
        except AnswerError as error:
            result = "parse"
            raise TokenError(f"no token: {error}", reason=result, hint=NOT_OURS, endpoint=_TOKEN) from None
        except TransportError as error:
            result = error.kind
            raise
        except TokenError as error:
            result = error.reason
            raise
        finally:
            self._observer.token(result)
        return decoded

    def _request(self, method: str, url: str, **contents: Any) -> httpx.Request:  # noqa: ANN401 - the library's own
        try:
            return self._http.request(method, url, **contents)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise TransportError(
                f"not an address: {error}"[:_LONGEST_REASON], kind="connect", hint=unreached(error)
            ) from None

    async def _send(self, request: httpx.Request) -> RawResponse:
        """Send one request within the account's deadline, reading no more than the largest answer."""
        host = self._http.target(request)
        try:
            async with asyncio.timeout(self._account.requests.timeout):
                response, body = await self._http.exchange(request)
                return RawResponse(response.status_code, response.headers, body)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise TransportError(f"{host}: no answer in time", kind="timeout", hint=unreached(error)) from None
        except (httpx.HTTPError, OSError, UnicodeError) as error:
            raise TransportError(f"{host}: {reason_of(error)}", kind="connect", hint=unreached(error)) from None


def _token_answer(answer: RawResponse, permission: str, *, now: float) -> Mapping[str, object]:
    call = RequestContext(request_id=request_id_of(answer.headers, {}), endpoint=_TOKEN)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        after, hint = retry_after(answer, now), unavailable(answer.status)
        raise UnavailableError(
            f"token: HTTP {answer.status}", status=answer.status, retry_after=after, hint=hint, **call
        )
    try:
        decoded = read_json(answer.body)
    except AnswerError:
        decoded = None
    if answer.status != HTTPStatus.OK:
        code = decoded.get("error") if isinstance(decoded, dict) else None
        if isinstance(code, str) and code in _OAUTH_ERRORS:
            raise refusal(code, permission, **call)
        what = f"no token for {permission}: HTTP {answer.status}"
        raise TokenError(what, reason=str(answer.status), hint=WRONG_ISSUER, **call)
    if not isinstance(decoded, dict):
        raise TokenError("the token answer is not a JSON object", reason="parse", hint=WRONG_ISSUER, **call)
    token_text(decoded)
    return decoded
