"""Access tokens by OAuth 2.0 client credentials: one per permission, kept for its life."""

import asyncio
import contextvars
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, Unpack

from structlog.contextvars import unbind_contextvars

from exporter.avepoint.hints import WRONG_ISSUER, not_granted, where_registered
from exporter.clock import Clock
from exporter.config.files import read_secret
from exporter.config.schema import Auth
from exporter.errors import AvePointError, RequestContext, TokenError

LONGEST_SCOPE: Final = 300
"""Characters of a scope that AvePoint accepts."""
_EARLIEST_REFRESH: Final = 120.0
_LIFE_WHEN_UNSAID: Final = 300.0
_DOUBTFUL_AFTER: Final = 300.0  # seconds; a permission granted since may be in a newer token only
_NEWS: Final = 60.0  # seconds for which a failure of a token asked for ahead is as good as one's own

_HINTS: Final[Mapping[str, str]] = {
    "invalid_client": "check auth.client_id and the secret or certificate; secrets expire",
    "unauthorized_client": "check auth.client_id; the app registration may be disabled",
    "invalid_grant": "check auth.client_id and the secret or certificate",
}


class Credential(Protocol):
    """What proves who we are; read anew at each use, so that rotating a file needs no reload."""

    def form(self) -> Mapping[str, str]:
        """Give the fields of the token request that prove it; raises TokenError if it cannot be read."""
        ...


class ClientSecret:
    """A secret from the configuration, a file or an environment variable."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    def __repr__(self) -> str:
        return "ClientSecret(…)"

    def form(self) -> Mapping[str, str]:
        """Give the secret as the token request takes it."""
        return {"client_secret": self._read()}

    def _read(self) -> str:
        if self._auth.client_secret is not None:
            return self._auth.client_secret.get_secret_value()
        if self._auth.client_secret_env is not None:
            secret = os.environ.get(self._auth.client_secret_env, "").strip()
            source = f"the environment variable {self._auth.client_secret_env}"
        else:
            secret, source = self._from_file(), str(self._auth.client_secret_file)
        if not secret:
            raise TokenError(f"{source} is empty", reason="credential", hint=f"put the client secret into {source}")
        return secret

    def _from_file(self) -> str:
        path = self._auth.client_secret_file
        if path is None:
            return ""
        try:
            return read_secret(path)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            hint = "auth.client_secret_file must name a file that the exporter can read; it is read again at each use"
            raise TokenError(f"cannot read {path}: {reason}", reason="credential", hint=hint) from None


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """An access token; on the monotonic clock, when it was asked for and when another one should be had."""

    text: str
    asked_at: float
    stale_at: float


StartTask = Callable[..., asyncio.Task[Any]]
"""Starts a task, as asyncio.create_task does."""
RequestToken = Callable[[Mapping[str, str]], Awaitable[Mapping[str, object]]]
"""Sends a token request's form and gives the answer's object; raises AvePointError."""


class TokenSource:
    """The tokens of one account; however many calls wait for one, it is asked for once."""

    def __init__(
        self,
        client_id: str,
        credential: Credential,
        ask: RequestToken,
        clock: Clock,
        start_task: StartTask = asyncio.create_task,
    ) -> None:
        self._client_id = client_id
        self._credential = credential
        self._ask = ask
        self._clock = clock
        self._start_task = start_task
        self._tokens: dict[str, Token] = {}
        self._under_way: dict[str, asyncio.Task[Token]] = {}
        self._refused: set[str] = set()
        self._ahead: dict[str, tuple[AvePointError, float]] = {}

    async def token_ahead(self, permission: str) -> None:
        """Have a token ready that will be needed; a failure is told to who needs it, without asking again so soon."""
        if permission in self._refused:
            return
        try:
            await self.token(permission)
        except AvePointError as error:
            self._ahead[permission] = error, self._clock.monotonic()

    async def token(self, permission: str) -> Token:
        """Give a valid token for one permission; raises TokenError or TransportError."""
        token = self._tokens.get(permission)
        if token is not None and self._clock.monotonic() < token.stale_at:
            return token
        error, at = self._ahead.pop(permission, (None, 0.0))
        if error is not None and self._clock.monotonic() - at < _NEWS:
            raise error
        task = self._under_way.get(permission)
        if task is None:
            # Whoever asked first, a token is of no customer: its log lines must not name one.
            context = contextvars.copy_context()
            context.run(unbind_contextvars, "customer_id")
            task = self._start_task(self._renew(permission), context=context)
            self._under_way[permission] = task
            task.add_done_callback(lambda done: self._ended(permission, done))
        return await asyncio.shield(task)

    def discard(self, permission: str, token: Token) -> None:
        """Forget a token that was refused, unless it has been replaced already."""
        if self._tokens.get(permission) is token:
            del self._tokens[permission]

    def doubt(self, permission: str, token: Token) -> None:
        """Forget a token whose permission was denied, unless it is so young that a new one would hold no other."""
        if self._clock.monotonic() - token.asked_at >= _DOUBTFUL_AFTER:
            self.discard(permission, token)

    def has(self, permission: str) -> bool:
        """Tell whether there is a token for a permission that was not forgotten."""
        return permission in self._tokens

    def _ended(self, permission: str, task: asyncio.Task[Token]) -> None:
        del self._under_way[permission]
        # The error is looked at here too: one that nobody waits for any more is no warning.
        if task.cancelled() or task.exception() is not None:
            self._refused.add(permission)
        else:
            self._refused.discard(permission)

    async def _renew(self, permission: str) -> Token:
        if len(permission) > LONGEST_SCOPE:
            raise TokenError("the scope is longer than AvePoint accepts", reason="invalid_scope")
        began = self._clock.monotonic()
        answer = await self._ask(
            {
                "grant_type": "client_credentials",
                "client_id": self._client_id,
                "scope": permission,
                **self._credential.form(),
            }
        )
        token = Token(token_text(answer), began, began + _useful_life(answer))
        self._tokens[permission] = token
        return token


def refusal(code: str, permission: str, **call: Unpack[RequestContext]) -> TokenError:
    """Say what an OAuth error means for an operator."""
    registration = f"see the app in {where_registered(permission)}"
    hint = not_granted(permission) if code == "invalid_scope" else _HINTS.get(code, registration)
    return TokenError(f"no token for {permission}: {code}", reason=code, hint=hint, **call)


def token_text(answer: Mapping[str, object]) -> str:
    """Give the token of a token answer; raises TokenError for what no header could carry."""
    text = answer.get("access_token")
    if not isinstance(text, str) or not text or not text.isascii() or not text.isprintable() or " " in text:
        raise TokenError("the token answer holds no access_token", reason="parse", hint=WRONG_ISSUER)
    return text


def _useful_life(answer: Mapping[str, object]) -> float:
    """Give the seconds for which the token is used: its life less a margin for slow calls and clocks."""
    life = answer.get("expires_in")
    if isinstance(life, str) and life.isascii() and life.isdigit() and len(life) < 10:  # noqa: PLR2004 - digits
        life = int(life)
    if isinstance(life, bool) or not isinstance(life, int | float) or not 0 < life < 10**7:
        life = _LIFE_WHEN_UNSAID
    return life - min(_EARLIEST_REFRESH, life * 0.1)
