"""POST /connect/token: issue tokens for the OAuth 2.0 client credentials grant."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from avepoint_simulator.client_assertions import is_valid_assertion
from avepoint_simulator.endpoints import PERMISSIONS
from avepoint_simulator.requests import Reply
from avepoint_simulator.switches import Switches

LONGEST_SCOPE: Final = 300
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MANY_TOKENS: Final = 10_000


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """The app registration. If `public_key_pem` is set, the signatures of client assertions are verified."""

    client_id: str = "simulator"
    client_secret: str = "open-sesame"  # noqa: S105 - this secret is valid only for the simulator
    public_key_pem: str | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    scopes: frozenset[str]
    expires: float


class TokenBook:
    """Stores the valid tokens and the scopes of all issued tokens."""

    def __init__(self, credentials: AppCredentials) -> None:
        self.credentials = credentials
        self.granted: deque[str] = deque(maxlen=_MANY_TOKENS)
        self._tokens: dict[str, _Token] = {}

    def grant(self, form: Mapping[str, str], switches: Switches, now: float) -> Reply:
        """Return the response to a token request."""
        error = self._refusal(form, switches, now)
        if error:
            return Reply(status=HTTPStatus.BAD_REQUEST, body={"error": error})
        token, lifetime = secrets.token_urlsafe(32), switches.token_lifetime_seconds
        self._discard_expired(now)
        self._tokens[token] = _Token(frozenset(form["scope"].split()), now + lifetime)
        self.granted.append(form["scope"])
        return Reply(
            body={
                "access_token": token,
                "expires_in": int(lifetime),
                "token_type": "Bearer",
                "scope": form["scope"],
            },
            headers={"cache-control": "no-store"},
        )

    def scopes(self, authorization: str, now: float) -> frozenset[str] | None:
        """Return the scopes of the token in an Authorization header, or None if the token is not valid."""
        scheme, _, value = authorization.partition(" ")
        token = self._tokens.get(value.strip()) if scheme.lower() == "bearer" else None
        return token.scopes if token is not None and token.expires > now else None

    def revoke_all(self) -> None:
        """Revoke all issued tokens."""
        self._tokens.clear()

    def _refusal(self, form: Mapping[str, str], switches: Switches, now: float) -> str | None:
        if form.get("grant_type") != "client_credentials":
            return "unsupported_grant_type"
        if not self._is_client(form, now):
            return "invalid_client"
        return None if _is_granted(form.get("scope", ""), switches) else "invalid_scope"

    def _is_client(self, form: Mapping[str, str], now: float) -> bool:
        known = self.credentials
        if form.get("client_id") != known.client_id:
            return False
        if form.get("client_assertion_type") == ASSERTION_TYPE:
            assertion = form.get("client_assertion", "")
            return is_valid_assertion(assertion, known.client_id, now, known.public_key_pem)
        return form.get("client_secret") == known.client_secret

    def _discard_expired(self, now: float) -> None:
        if len(self._tokens) >= _MANY_TOKENS:
            self._tokens = {name: token for name, token in self._tokens.items() if token.expires > now}


def _is_granted(scope: str, switches: Switches) -> bool:
    wanted, granted = scope.split(), switches.granted_scopes
    known = PERMISSIONS if granted is None else PERMISSIONS & granted
    return bool(wanted) and len(scope) <= LONGEST_SCOPE and known.issuperset(wanted)
