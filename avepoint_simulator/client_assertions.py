"""Client assertions are JWTs that clients send instead of a client secret."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

_PARTS_OF_A_JWT: Final = 3


def is_valid_assertion(assertion: str, client_id: str, now: float, public_key_pem: str | None) -> bool:
    """Return whether a JWT authenticates the client. Verify the signature only if `public_key_pem` is set."""
    claims = _claims(assertion)
    expires = claims.get("exp")
    fits = claims.get("iss") == claims.get("sub") == client_id and bool(claims.get("aud"))
    lasts = isinstance(expires, int | float) and expires > now
    return fits and lasts and (public_key_pem is None or _is_signed(assertion, public_key_pem))


def _claims(assertion: str) -> dict[str, Any]:
    parts = assertion.split(".")
    if len(parts) != _PARTS_OF_A_JWT:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _is_signed(assertion: str, public_key_pem: str) -> bool:
    import jwt  # noqa: PLC0415 - the import is slow, and only clients with a public key need it

    try:
        # Do not check the claims here, because is_valid_assertion checks them with the simulator's clock.
        jwt.api_jws.decode(assertion, public_key_pem, algorithms=["RS256"])
    except jwt.InvalidTokenError:
        return False
    return True
