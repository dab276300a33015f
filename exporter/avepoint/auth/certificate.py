"""Authentication with a certificate: a signed assertion proves that the exporter has the private key.

The assertion has the form that AvePoint documents. The assertion is signed with RS256 and is valid for five minutes.
The header field `kid` contains the SHA-1 thumbprint of the certificate in upper-case hex, and `x5t` contains it in
base64url.
"""

import base64
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import jwt
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

from exporter.clock import Clock
from exporter.config.files import decode_text
from exporter.config.schema import Auth
from exporter.errors import TokenError

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE: Final = 300
"""Seconds for which an assertion is valid."""

_REPLACE: Final = "replace the file; no restart is needed"
_PASSWORD: Final = "set auth.certificate_password_file or auth.certificate_password_env to the password"  # noqa: S105 - words


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: RSAPrivateKey

    @property
    def expires_at(self) -> float:
        """Expiry of the certificate, as Unix time."""
        return self.certificate.not_valid_after_utc.timestamp()


class ClientCertificate:
    """A credential that reads the configured certificate file each time it is used."""

    def __init__(self, auth: Auth, token_url: str, clock: Clock, expires: Callable[[float], None]) -> None:
        self._auth = auth
        self._token_url = token_url
        self._clock = clock
        self._expires = expires

    def __repr__(self) -> str:
        return "ClientCertificate(…)"

    def form(self) -> Mapping[str, str]:
        """Return the fields of a token request, with a new assertion. Raise TokenError if the file cannot be used."""
        pair = self.load()
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self._assertion(pair)}

    def load(self) -> KeyPair:
        """Read the key pair from the file, and report when the certificate expires.

        Raise TokenError if the file cannot be used, or if the certificate has expired or is not valid yet.
        """
        path = self._auth.certificate_file
        if path is None:
            raise TokenError("certificate_file is not set", reason="credential")
        pair = _read(path, self._password())
        self._expires(pair.expires_at)
        now = datetime.fromtimestamp(self._clock.time(), UTC)
        if now >= pair.certificate.not_valid_after_utc:
            raise _broken(path, f"the certificate expired on {pair.certificate.not_valid_after_utc:%Y-%m-%d}")
        if now < pair.certificate.not_valid_before_utc:
            raise _broken(path, f"the certificate is valid only from {pair.certificate.not_valid_before_utc:%Y-%m-%d}")
        return pair

    def _password(self) -> bytes | None:
        if self._auth.certificate_password_env is not None:
            return os.environ.get(self._auth.certificate_password_env, "").strip("\r\n").encode() or None
        path = self._auth.certificate_password_file
        if path is None:
            return None
        try:
            return decode_text(path.read_bytes()).strip("\r\n").encode() or None
        except OSError as error:
            raise _broken(path, f"cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise _broken(path, str(error)) from None

    def _assertion(self, pair: KeyPair) -> str:
        thumbprint = pair.certificate.fingerprint(hashes.SHA1())  # noqa: S303 - AvePoint identifies the certificate by it
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


def _read(path: Path, password: bytes | None) -> KeyPair:
    try:
        data = _unwrapped(path.read_bytes())
    except OSError as error:
        raise _broken(path, f"cannot be read: {error.strerror}") from None
    key, certificates = (_read_pem if b"-----BEGIN" in data else _read_pfx)(path, data, password)
    if not isinstance(key, RSAPrivateKey):
        raise _broken(path, "contains no private key" if key is None else "contains a key that is not an RSA key")
    public = key.public_key()
    for certificate in certificates:
        if _public_key(certificate) == public:
            return KeyPair(certificate, key)
    raise _broken(path, "the private key belongs to another certificate" if certificates else "contains no certificate")


def _unwrapped(data: bytes) -> bytes:
    """Decode the contents of a file to PEM or PFX.

    PowerShell writes PEM files in UTF-16, and Azure Key Vault returns PFX files in base64.
    """
    try:
        text = decode_text(data)
        return text.encode() if "-----BEGIN" in text else base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return data


def _read_pem(path: Path, data: bytes, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    try:
        certificates = x509.load_pem_x509_certificates(data) if b"BEGIN CERTIFICATE" in data else []
    except ValueError:
        raise _broken(path, "the certificate in the file cannot be read") from None
    if b"PRIVATE KEY-----" not in data:
        return None, certificates
    if b"ENCRYPTED" not in data:
        password = None  # load_pem_private_key rejects a password if the key is not encrypted
    try:
        return load_pem_private_key(data, password), certificates
    except TypeError:
        raise _broken(path, "needs a password", _PASSWORD) from None
    except (ValueError, UnsupportedAlgorithm):
        wrong = "the password is wrong" if password else "the private key in the file cannot be read"
        raise _broken(path, wrong, _PASSWORD if password else _REPLACE) from None


def _read_pfx(path: Path, data: bytes, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    try:
        key, certificate, others = load_key_and_certificates(data, password)
    except (ValueError, UnsupportedAlgorithm) as error:
        # Only the message of the exception distinguishes a wrong password from a broken file.
        if "password" not in str(error).lower():
            raise _broken(path, "neither PEM nor PFX") from None
        raise _broken(path, "the password is wrong" if password else "needs a password", _PASSWORD) from None
    return key, [*([certificate] if certificate is not None else []), *others]


def _public_key(certificate: x509.Certificate) -> object:
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):  # a CA certificate in the chain may have another type of key
        return None


def _broken(path: Path, problem: str, hint: str = _REPLACE) -> TokenError:
    return TokenError(f"{path}: {problem}", reason="credential", hint=hint)
