"""Authentication with a certificate: a signed assertion proves that the exporter has the private key.

The assertion is signed with RS256 and is valid for five minutes, as AvePoint's documentation requires. The header field
`kid` contains the SHA-1 thumbprint of the certificate in upper-case hex. The header field `x5t` contains the thumbprint
in base64url.
"""

import base64
import os
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives import hashes

from exporter.avepoint.auth.key_file import KeyFile, KeyFileError, KeyPair, check_dates, parse_in_child
from exporter.clock import Clock
from exporter.config.schema import Auth
from exporter.config.text import decode_text
from exporter.errors import TokenError, why_unreadable

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE: Final = 300
"""Lifetime of an assertion in seconds."""

_REPLACE: Final = "replace the file; no restart is needed"
_PASSWORD: Final = "set auth.certificate_password_file or auth.certificate_password_env to the password"  # noqa: S105 - words


class ClientCertificate:
    """A credential that reads the configured certificate file for each token request."""

    def __init__(self, auth: Auth, token_url: str, clock: Clock, expires: Callable[[float], None]) -> None:
        self._auth = auth
        self._token_url = token_url
        self._clock = clock
        self._expires = expires
        self._contents: KeyFile | None = None
        self._pair: KeyPair | KeyFileError
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return "ClientCertificate(…)"

    def form(self) -> Mapping[str, str]:
        """Return the fields of a token request with a new assertion. Raise TokenError if the file cannot be used."""
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self._assertion(self.load())}

    def load(self) -> KeyPair:
        """Read the key pair from the file, and report the expiry of the certificate.

        Raise TokenError if the file cannot be used or the certificate is not currently valid.
        """
        path = self._auth.certificate_file
        if path is None:
            raise TokenError("certificate_file is not set", reason="credential")
        pair = self._read(path, self.password())
        self._expires(pair.expires_at)
        try:
            check_dates(pair, self._clock.time())
        except KeyFileError as error:
            raise _broken(path, error.problem) from None
        return pair

    def _read(self, path: Path, password: bytes | None) -> KeyPair:
        """Return the key pair in the file. The file is parsed again only if the file or the password has changed."""
        try:
            contents = KeyFile(path.read_bytes(), password)
            with self._lock:
                if contents != self._contents:
                    self._pair, self._contents = _parsed(contents), contents
        except OSError as error:
            raise _unreadable(path, error) from None
        if isinstance(self._pair, KeyFileError):
            raise _broken(path, self._pair.problem, _PASSWORD if self._pair.is_of_password else _REPLACE)
        return self._pair

    def password(self) -> bytes | None:
        """Return the password of the private key, or None. Raise TokenError if the password file cannot be read."""
        if self._auth.certificate_password_env is not None:
            return os.fsencode(os.environ.get(self._auth.certificate_password_env, "").strip("\r\n")) or None
        path = self._auth.certificate_password_file
        if path is None:
            return None
        try:
            return decode_text(path.read_bytes()).strip("\r\n").encode() or None
        except OSError as error:
            raise _unreadable(path, error) from None
        except ValueError as error:
            raise _broken(path, str(error)) from None

    def _assertion(self, pair: KeyPair) -> str:
        thumbprint = pair.certificate.fingerprint(hashes.SHA1())  # noqa: S303 - AvePoint identifies certificates by SHA-1
        now = int(self._clock.time())
        return jwt.encode(
            {
                "iss": self._auth.client_id,
                "sub": self._auth.client_id,
                "aud": self._token_url,
                "jti": str(uuid.uuid4()),
                "iat": now,
                "nbf": now,
                "exp": now + ASSERTION_LIFE,
            },
            pair.key,
            algorithm="RS256",
            headers={
                "kid": thumbprint.hex().upper(),
                "x5t": base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode(),
            },
        )


def _parsed(contents: KeyFile) -> KeyPair | KeyFileError:
    try:
        return parse_in_child(contents)
    except KeyFileError as error:
        return error


def _unreadable(path: Path, error: OSError) -> TokenError:
    reason, _, advice = why_unreadable(error).partition("; ")
    return _broken(path, f"cannot read the file: {reason}", f"{advice}; no restart is needed")


def _broken(path: Path, problem: str, hint: str = _REPLACE) -> TokenError:
    return TokenError(f"{path}: {problem}", reason="credential", hint=hint)
