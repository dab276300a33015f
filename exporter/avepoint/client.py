"""The one polite client of an account: token, pace, deadlines, retries, size limits, one origin."""

import asyncio
import ssl
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import httpx
import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from exporter import __version__
from exporter.avepoint.answers import Answer, Endpoint, read_json, understand
from exporter.avepoint.auth import Credential, TokenSource, refusal
from exporter.avepoint.observer import Observer
from exporter.avepoint.pace import Pace
from exporter.avepoint.rows import Notes
from exporter.clock import Clock
from exporter.config import Account
from exporter.errors import (
    AnswerError,
    LinkRefusedError,
    StatusError,
    TokenError,
    TransportError,
    UnauthorizedError,
    UnavailableError,
)

Query = Mapping[str, str | int]
Transport = httpx.AsyncBaseTransport

LARGEST_ANSWER: Final = 8 * 1024**2
"""Bytes of a decoded body; more is not an answer of this API."""
_CONNECT_TIMEOUT: Final = 10.0
_UNSAID_SILENCE: Final = 5.0  # seconds after a 429 or 503 without Retry-After
_LONGEST_BACKOFF: Final = 30.0
_UNREACHED: Final = "check the network, proxy_url, and the address (environment, data_center or base_url)"
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
    ) -> None:
        self.notes = Notes(observer, log)
        self._account = account
        self._clock = clock
        self._observer = observer
        self._log = log
        self._http = _http_client(account, transport)
        self._tokens = TokenSource(account.auth.client_id, credential, self._ask_for_token, clock)
        self._pace = Pace(
            concurrency=account.requests.concurrency,
            per_second=account.requests.per_second,
            clock=clock,
            waited=observer.throttled,
        )

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
        request = self._http.build_request(
            endpoint.method,
            self._account.api_url + endpoint.path(ids or {}),
            params=query,
            json=body,
            headers={"Content-Type": "application/json"},
        )
        return await self._retrying()(self._authorized, endpoint, request)

    def link_query(self, endpoint: Endpoint, link: str) -> Query:
        """Give the query of a link to a next page, to be sent to the same endpoint.

        Only the query is taken, so a link with or without the service's prefix works; raises LinkRefusedError for
        a link to another origin or without a query.
        """
        here = urlsplit(self._account.api_url)
        try:
            there = urlsplit(link)
            same = not (there.scheme or there.netloc) or (
                (there.scheme, there.hostname, there.port) == (here.scheme, here.hostname, here.port)
            )
            query = dict(parse_qsl(there.query, max_num_fields=50)) if "?" in link else {}
        except ValueError:
            same, query = True, {}
        if not same:
            self.notes.unreadable(endpoint.template, "nextLink", link, "a link to another origin is never followed")
        if not same or not query:
            raise LinkRefusedError(f"{endpoint.template}: a link that cannot be followed")
        return query

    def _retrying(self) -> AsyncRetrying:
        return AsyncRetrying(
            stop=stop_after_attempt(self._account.requests.retries + 1),
            wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_BACKOFF),
            retry=retry_if_exception_type((TransportError, UnavailableError)),
            sleep=self._clock.sleep,
            reraise=True,
        )

    async def _authorized(self, endpoint: Endpoint, request: httpx.Request) -> object:
        """Send with a token; once more with a fresh one where it was refused."""
        for last in (False, True):
            async with self._pace:
                token = await self._tokens.token(endpoint.permission)
                request.headers["Authorization"] = f"Bearer {token.text}"
                try:
                    return await self._exchange(endpoint, request)
                except UnauthorizedError:
                    self._tokens.discard(endpoint.permission, token)
                    if last:
                        raise
        raise AssertionError("unreachable")

    async def _exchange(self, endpoint: Endpoint, request: httpx.Request) -> object:
        """Send one request and understand its answer, whatever happens counted and timed."""
        began, code = self._clock.monotonic(), "connect"
        try:
            answer = await self._send(request)
            code = str(answer.status)
            return understand(endpoint, answer, now=self._clock.time())
        except TransportError as error:
            code = error.kind
            raise
        except StatusError as error:
            code = str(error.status)
            if isinstance(error, UnavailableError) and error.status in (429, 503):
                self._pace.slow_down(_UNSAID_SILENCE if error.retry_after is None else error.retry_after)
                self._log.warning("AvePoint asks for patience", endpoint=endpoint.template, code=code,
                                  retry_after=error.retry_after, request_id=error.request_id)  # fmt: skip
            raise
        except LinkRefusedError:
            self.notes.unreadable(endpoint.template, "Location", code, "a redirect is never followed")
            raise
        except AnswerError:
            code = "parse"
            raise
        finally:
            self._observer.request(endpoint.template, code, self._clock.monotonic() - began)

    async def _ask_for_token(self, form: Mapping[str, str]) -> Mapping[str, object]:
        try:
            return await self._retrying()(self._token_exchange, form)
        except (TransportError, UnavailableError) as error:
            # Not again with every call's own retries: without a token there is nothing to call with.
            reason = error.kind if isinstance(error, TransportError) else str(error.status)
            raise TokenError(f"no token: {error}", reason=reason, hint=error.hint) from None

    async def _token_exchange(self, form: Mapping[str, str]) -> Mapping[str, object]:
        result = "connect"
        try:
            request = self._http.build_request("POST", self._account.identity_url, data=dict(form))
            answer = await self._send(request)
            result = str(answer.status)
            decoded = _token_answer(answer, form["scope"])
            result = "success"
        except TransportError as error:
            result = error.kind
            raise
        except TokenError as error:
            result = error.reason
            raise
        finally:
            self._observer.token(result)
        return decoded

    async def _send(self, request: httpx.Request) -> Answer:
        """Send one request within the account's deadline, reading no more than the largest answer."""
        host = request.url.host
        try:
            async with asyncio.timeout(self._account.requests.timeout):
                response = await self._http.send(request, stream=True)
                try:
                    return Answer(response.status_code, response.headers, await _body(response))
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            raise TransportError(f"{host}: no answer in time", kind="timeout", hint=_UNREACHED) from None
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise TransportError(f"{host}: {reason}", kind="connect", hint=_UNREACHED) from None


async def _body(response: httpx.Response) -> bytes:
    pieces, size = [], 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise AnswerError(f"the answer is larger than {LARGEST_ANSWER} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _token_answer(answer: Answer, permission: str) -> Mapping[str, object]:
    if answer.status == 429 or answer.status >= 500:  # noqa: PLR2004
        raise UnavailableError(f"token: HTTP {answer.status}", status=answer.status, retry_after=None)
    try:
        decoded = read_json(answer.body)
    except AnswerError:
        decoded = None
    if answer.status != 200:  # noqa: PLR2004
        code = decoded.get("error") if isinstance(decoded, dict) else None
        if isinstance(code, str) and code in _OAUTH_ERRORS:
            raise refusal(code, permission)
        raise TokenError(
            f"no token for {permission}: HTTP {answer.status}",
            reason=str(answer.status),
            hint="check environment or token_url",
        )
    if not isinstance(decoded, dict):
        raise TokenError("the token answer is not a JSON object", reason="parse", hint="check environment or token_url")
    return decoded


def _http_client(account: Account, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    tls = ssl.create_default_context()
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    if account.tls.ca_file is not None:
        tls.load_verify_locations(cafile=account.tls.ca_file)
    connections = account.requests.concurrency + 1
    return httpx.AsyncClient(
        verify=tls,
        transport=transport,
        proxy=None if account.proxy_url is None else account.proxy_url.get_secret_value(),
        timeout=httpx.Timeout(account.requests.timeout, connect=min(_CONNECT_TIMEOUT, account.requests.timeout)),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        follow_redirects=False,
        headers={"User-Agent": f"avepoint-exporter/{__version__}", "Accept": "application/json"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )
