"""The API client for one account, with tokens, rate limits, deadlines and retries."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import structlog

from exporter.avepoint.auth.credentials import Credential
from exporter.avepoint.auth.tokens import (
    TOKEN_PATH,
    StartTask,
    Token,
    TokenSource,
    decode_token_response,
    secrets_of,
)
from exporter.avepoint.connections import Connections, origin_of
from exporter.avepoint.endpoints import Endpoint, Query
from exporter.avepoint.hints import NOT_OURS, is_throttling, reason_of, unreached
from exporter.avepoint.observer import Observer, ServerClock, ValueIssues
from exporter.avepoint.responses import RawResponse, decode_response, read_body, server_time, without_secrets
from exporter.avepoint.throttle import LimitUsage, Throttle
from exporter.clock import Clock
from exporter.config.schema import Account
from exporter.errors import (
    AnswerError,
    AvePointError,
    ForbiddenError,
    LinkRefusedError,
    StatusError,
    TokenError,
    TransportError,
    UnauthorizedError,
    UnavailableError,
)

T = TypeVar("T")
Transport = httpx.AsyncBaseTransport

_LONGEST_REASON: Final = 200
_TEMPORARY: Final = (TransportError, UnavailableError)
_DEFAULT_PAUSE: Final = 5.0  # seconds to wait after a 429 or 503 without Retry-After
_FIRST_BACKOFF: Final = 0.5
_LONGEST_BACKOFF: Final = 30.0


class Client:
    """A client that sends all requests for one account to AvePoint."""

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
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self.value_issues = ValueIssues(observer, log, clock)
        self._server_clock = ServerClock(observer, log)
        self._account = account
        self._patience = 0.0
        self._clock = clock
        self._observer = observer
        self._log = log
        self._http = Connections(account, transport, may_send)
        self._tokens = TokenSource(account.auth.client_id, credential, self._request_token, clock, start_task)
        self._throttle = Throttle(
            concurrency=account.requests.concurrency,
            per_second=account.requests.per_second,
            clock=clock,
            waited=observer.throttled,
        )

    @property
    def usage(self) -> LimitUsage:
        """The current usage of the account's rate limits."""
        return self._throttle.usage

    @property
    def clock_offset(self) -> float | None:
        """AvePoint's clock minus the exporter's clock in seconds, or None before the first response."""
        return self._server_clock.offset

    def patient(self, interval: float) -> "Client":
        """Return a copy of the client for a collector.

        If requests must wait, requests of collectors with shorter intervals are sent first. `interval` is in seconds.
        """
        view = copy(self)
        view._patience = interval  # noqa: SLF001 - `view` is also a `Client`
        return view

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
        """Send a request, and return the decoded JSON of the response. Raise AvePointError if all attempts fail."""
        try:
            request = self._build(
                endpoint.method,
                # The URL includes the query, because httpx would parse the URL again to add a query.
                self._account.api_url + endpoint.path(ids or {}) + (f"?{urlencode(query)}" if query else ""),
                json=body,
                headers={"Content-Type": "application/json"},
            )
            response = await self._retried(lambda: self._authorized(endpoint, request))
        except AvePointError as error:
            error.path = error.path or endpoint.template
            raise
        if self._observer.inspect is not None:
            self._observer.inspect(endpoint.template, query or {}, response)
        return response

    async def authorize(self, permission: str) -> None:
        """If no access token for a permission is stored, request a token. Raise TokenError if the request fails."""
        async with self._throttle.slot(self._patience):
            await self._token(permission)

    async def token_ahead(self, permission: str) -> None:
        """Request an access token before it is needed. If a valid token is stored, do nothing."""
        await self._tokens.token_ahead(permission)

    def link_query(self, endpoint: Endpoint, link: str) -> Query:
        """Return the query parameters of a link to the next page.

        The caller sends the query to the same endpoint, so the path of the link is ignored. Raise LinkRefusedError if
        the link leads to another origin or has no query string.
        """
        link = link.strip()
        try:
            is_ours = origin_of(link) in (None, origin_of(self._account.api_url))
            query = dict(parse_qsl(urlsplit(link).query, max_num_fields=50)) if is_ours and "?" in link else {}
        except ValueError:
            is_ours, query = False, {}
        if not is_ours:
            self.value_issues.unreadable(endpoint.template, "nextLink", link, "links to other origins are not followed")
        if not query:
            raise LinkRefusedError(
                f"{endpoint.template}: the link to the next page cannot be followed", path=endpoint.template
            )
        return query

    async def _retried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return the result of `attempt`. After a temporary error, wait for a random period and retry."""
        for retry in range(self._account.requests.retries):
            try:
                return await attempt()
            except _TEMPORARY:
                longest = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2**retry)
                await self._clock.sleep(random.uniform(0, longest))  # noqa: S311 - jitter is not a secret
        return await attempt()

    async def _authorized(self, endpoint: Endpoint, request: httpx.Request) -> object:
        """Send a request with a token. If AvePoint refuses the token, send the request again with a new token.

        After a response with status 403, send a second request only if the token was old enough to be discarded.
        """
        try:
            return await self._with_token(endpoint, request)
        except UnauthorizedError:
            pass
        except ForbiddenError:
            if self._tokens.has(endpoint.permission):
                raise
        return await self._with_token(endpoint, request)

    async def _with_token(self, endpoint: Endpoint, request: httpx.Request) -> object:
        async with self._throttle.slot(self._patience):
            token = await self._token(endpoint.permission)
            request.headers["Authorization"] = f"Bearer {token.text}"
            try:
                return await self._exchange(endpoint, request, token)
            except UnauthorizedError:
                self._tokens.discard(endpoint.permission, token)
                raise
            except ForbiddenError:
                self._tokens.discard_denied(endpoint.permission, token)
                raise

    async def _token(self, permission: str) -> Token:
        """Return a token. If AvePoint throttles the account during the token request, wait until the pause is over."""
        token = await self._tokens.token(permission)
        while self._throttle.is_paused:
            await self._throttle.turn()
            token = await self._tokens.token(permission)
        return token

    def _back_off(self, error: UnavailableError) -> None:
        """Pause all requests of the account after a 429 or 503."""
        if error.status in (429, 503):
            self._throttle.slow_down(_DEFAULT_PAUSE if error.retry_after is None else error.retry_after)
            is_limit = is_throttling(error.status, error.retry_after)
            event = "AvePoint throttles the account" if is_limit else "AvePoint may be unavailable"
            self._log.warning(event, error=error, retry_after=error.retry_after, **error.context())

    async def _exchange(self, endpoint: Endpoint, request: httpx.Request, token: Token) -> object:
        """Send one request and return the decoded response.

        Record the result and the duration even if the request fails.
        """
        began, code = self._clock.monotonic(), "connect"
        try:
            response = await self._send(request)
            if token.text.encode() in response.body or token.text in " ".join(response.headers.values()):
                response = without_secrets(response, (token.text,))
            code, now = str(response.status), self._clock.time()
            self._server_clock.measure(server_time(response.headers), now)
            return decode_response(endpoint, response, now=now, secrets=(token.text,))
        except TransportError as error:
            code = error.kind
            raise
        except StatusError as error:
            code = str(error.status)
            if isinstance(error, UnavailableError):
                self._back_off(error)
            raise
        except LinkRefusedError:
            self.value_issues.unreadable(endpoint.template, "Location", code, "redirects are not followed")
            raise
        except AnswerError:
            code = "parse"
            raise
        finally:
            self._observer.request(endpoint.template, code, self._clock.monotonic() - began)

    async def _request_token(self, form: Mapping[str, str]) -> Mapping[str, object]:
        try:
            return await self._retried(lambda: self._token_exchange(form))
        except _TEMPORARY as error:
            # A TokenError prevents a retry of the API request that needs the token.
            raise TokenError(
                f"no token: {error}",
                reason=error.kind if isinstance(error, TransportError) else str(error.status),
                hint=error.hint,
                request_id=error.request_id,
                path=TOKEN_PATH,
            ) from None

    async def _token_exchange(self, form: Mapping[str, str]) -> Mapping[str, object]:
        while self._throttle.is_paused:
            await self._throttle.turn()
        result = "connect"
        try:
            response = await self._send(self._build("POST", self._account.identity_url, data=dict(form)))
            response = without_secrets(response, secrets_of(form))
            result = str(response.status)
            decoded = decode_token_response(response, form, now=self._clock.time())
            result = "success"
        except UnavailableError as error:
            self._back_off(error)
            raise
        except AnswerError as error:
            result = "parse"
            raise TokenError(f"no token: {error}", reason=result, hint=NOT_OURS, path=TOKEN_PATH) from None
        except TransportError as error:
            result = error.kind
            raise
        except TokenError as error:
            result = error.reason
            raise
        finally:
            self._observer.token(result)
        return decoded

    def _build(self, method: str, url: str, **contents: Any) -> httpx.Request:  # noqa: ANN401 - the type in httpx
        try:
            return self._http.request(method, url, **contents)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise TransportError(
                f"invalid URL: {error}"[:_LONGEST_REASON], kind="connect", hint=unreached(error)
            ) from None

    async def _send(self, request: httpx.Request) -> RawResponse:
        """Send one request within the deadline and read the response up to the size limit."""
        try:
            async with asyncio.timeout(self._account.requests.timeout), self._http.send(request) as response:
                return RawResponse(response.status_code, dict(response.headers.items()), await read_body(response))
        except (TimeoutError, httpx.TimeoutException) as error:
            kind, reason, hint = "timeout", "no response in time", unreached(error)
        except (httpx.HTTPError, OSError, UnicodeError) as error:
            kind, reason, hint = "connect", reason_of(error), unreached(error)
        raise TransportError(f"{self._http.target(request)}: {reason}", kind=kind, hint=hint)
