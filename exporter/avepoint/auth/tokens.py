"""Access tokens for OAuth 2.0 client credentials.

The exporter requests one token per permission, and renews each token before its expiry.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Unpack

from structlog.contextvars import unbind_contextvars

from exporter.avepoint.auth.credentials import Credential
from exporter.avepoint.hints import WRONG_ISSUER, not_granted, unavailable, where_registered
from exporter.avepoint.responses import RawResponse, error_text, read_json, request_id_of, retry_after
from exporter.clock import Clock
from exporter.errors import AnswerError, AvePointError, RequestContext, TokenError, UnavailableError

TOKEN_PATH: Final = "token"  # noqa: S105 - the name of an endpoint, not a secret
"""The name of the token endpoint in logs and errors."""
LONGEST_SCOPE: Final = 300
"""Maximum length of a scope, in characters. AvePoint rejects longer scopes."""
_RENEWAL_MARGIN: Final = 120.0
_DEFAULT_LIFE: Final = 300.0
_MINIMUM_AGE: Final = 300.0  # seconds; after a 403, younger tokens are kept
_FAILURE_LIFE: Final = 60.0  # seconds after which `token` ignores a stored error
_OAUTH_ERRORS: Final = frozenset(
    {"invalid_client", "invalid_scope", "invalid_grant", "invalid_request", "unauthorized_client"}
)
_HINTS: Final[Mapping[str, str]] = {
    "invalid_client": "check auth.client_id and the secret or certificate; the secret may have expired",
    "unauthorized_client": "check auth.client_id; the app registration may be disabled",
    "invalid_grant": "check auth.client_id and the secret or certificate",
}


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """An access token. `requested_at` and `renew_at` are times of the monotonic clock in seconds."""

    text: str
    requested_at: float
    renew_at: float


StartTask = Callable[..., asyncio.Task[Any]]
"""A function that starts a task, such as asyncio.create_task."""
RequestToken = Callable[[Mapping[str, str]], Awaitable[Mapping[str, object]]]
"""A function that sends a token request with the given form fields and returns the response as a JSON object."""


class TokenSource:
    """The tokens of one account. Callers that need the same token at the same time share one token request."""

    def __init__(
        self,
        client_id: str,
        credential: Credential,
        request_token: RequestToken,
        clock: Clock,
        start_task: StartTask = asyncio.create_task,
    ) -> None:
        self._client_id = client_id
        self._credential = credential
        self._request_token = request_token
        self._clock = clock
        self._start_task = start_task
        self._tokens: dict[str, Token] = {}
        self._renewals: dict[str, asyncio.Task[Token]] = {}
        self._refused: set[str] = set()
        self._failures_ahead: dict[str, tuple[AvePointError, float]] = {}

    async def token_ahead(self, permission: str) -> None:
        """Request a token before it is needed. If the request fails, the next call to `token` raises the error.

        If the previous token request for this permission failed, do nothing.
        """
        if permission in self._refused:
            return
        try:
            await self.token(permission)
        except AvePointError as error:
            self._failures_ahead[permission] = error, self._clock.monotonic()

    async def token(self, permission: str) -> Token:
        """Return a valid token for a permission. Raise AvePointError if the token request fails."""
        token = self._tokens.get(permission)
        if token is not None and self._clock.monotonic() < token.renew_at:
            return token
        error, at = self._failures_ahead.pop(permission, (None, 0.0))
        if error is not None and self._clock.monotonic() - at < _FAILURE_LIFE:
            raise error
        task = self._renewals.get(permission)
        if task is None:
            # Tokens are shared by all customers, so log lines for a token request must not contain a customer id.
            context = contextvars.copy_context()
            context.run(unbind_contextvars, "customer_id")
            task = self._start_task(self._renew(permission), context=context)
            self._renewals[permission] = task
            task.add_done_callback(lambda done: self._renewed(permission, done))
        return await asyncio.shield(task)

    def discard(self, permission: str, token: Token) -> None:
        """Discard a rejected token if it has not been replaced yet."""
        if self._tokens.get(permission) is token:
            del self._tokens[permission]

    def discard_denied(self, permission: str, token: Token) -> None:
        """After a 403, discard a token that is older than five minutes.

        The permission may have been granted after the token was issued.
        """
        if self._clock.monotonic() - token.requested_at >= _MINIMUM_AGE:
            self.discard(permission, token)

    def has(self, permission: str) -> bool:
        """Return whether a token for a permission is stored."""
        return permission in self._tokens

    def _renewed(self, permission: str, task: asyncio.Task[Token]) -> None:
        del self._renewals[permission]
        # If all waiting requests were canceled, retrieving the exception prevents a warning from asyncio.
        if task.cancelled() or task.exception() is not None:
            self._refused.add(permission)
        else:
            self._refused.discard(permission)

    async def _renew(self, permission: str) -> Token:
        if len(permission) > LONGEST_SCOPE:
            raise TokenError("the scope is longer than AvePoint accepts", reason="invalid_scope")
        began = self._clock.monotonic()
        response = await self._request_token(
            {
                "grant_type": "client_credentials",
                "client_id": self._client_id,
                "scope": permission,
                **await asyncio.to_thread(self._credential.form),
            }
        )
        token = Token(token_text(response), began, began + _useful_life(response))
        self._tokens[permission] = token
        return token


def secrets_of(form: Mapping[str, str]) -> tuple[str, str]:
    """Return the client secret and the client assertion from the form of a token request. A missing value is ""."""
    return form.get("client_secret", ""), form.get("client_assertion", "")


def decode_token_response(response: RawResponse, form: Mapping[str, str], *, now: float) -> Mapping[str, object]:
    """Return the JSON object of a token response. Raise TokenError or UnavailableError if the request failed."""
    permission, request = form["scope"], RequestContext(request_id=request_id_of(response.headers, {}))
    request["path"] = TOKEN_PATH
    try:
        decoded = read_json(response.body)
    except AnswerError:
        decoded = None
    code = decoded.get("error") if isinstance(decoded, dict) else None
    is_documented = isinstance(code, str) and code in _OAUTH_ERRORS
    body = {**decoded, "error": None} if is_documented and isinstance(decoded, dict) else decoded
    reason = error_text(body, secrets_of(form))
    if response.status == HTTPStatus.TOO_MANY_REQUESTS or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        what, pause = f"token: HTTP {response.status}{reason}", retry_after(response, now)
        hint = unavailable(response.status, pause)
        raise UnavailableError(what, status=response.status, retry_after=pause, hint=hint, **request)
    if response.status != HTTPStatus.OK:
        if is_documented:
            raise refusal(str(code), permission, reason=reason, **request)
        what = f"no token for {permission}: HTTP {response.status}{reason}"
        raise TokenError(what, reason=str(response.status), hint=WRONG_ISSUER, **request)
    if not isinstance(decoded, dict):
        raise TokenError("the token response is not a JSON object", reason="parse", hint=WRONG_ISSUER, **request)
    token_text(decoded)
    return decoded


def refusal(code: str, permission: str, *, reason: str = "", **request: Unpack[RequestContext]) -> TokenError:
    """Return the error for an OAuth error code. `reason` is appended to the message."""
    registration = f"check the app in {where_registered(permission)}"
    hint = not_granted(permission) if code == "invalid_scope" else _HINTS.get(code, registration)
    return TokenError(f"no token for {permission}: {code}{reason}", reason=code, hint=hint, **request)


def token_text(response: Mapping[str, object]) -> str:
    """Return the token from a response. Raise TokenError if it is missing or cannot be sent in an HTTP header."""
    text = response.get("access_token")
    if not isinstance(text, str) or not text or not text.isascii() or not text.isprintable() or " " in text:
        raise TokenError("the token response has no access_token", reason="parse", hint=WRONG_ISSUER)
    return text


def _useful_life(response: Mapping[str, object]) -> float:
    """Return the lifetime of a token in seconds, minus a margin for slow requests."""
    life = response.get("expires_in")
    if isinstance(life, str) and life.isascii() and life.isdigit() and len(life) < 10:  # noqa: PLR2004 - digits
        life = int(life)
    if isinstance(life, bool) or not isinstance(life, int | float) or not 0 < life < 10**7:
        life = _DEFAULT_LIFE
    return life - min(_RENEWAL_MARGIN, life * 0.1)
