"""Functions that read key files. A key file contains a private key and its certificate, in PEM or PFX format.

Decrypting a key file can take a second. Checking a long key takes a quarter of a second. During this time, the library
`cryptography` holds Python's global interpreter lock. To keep the event loop running, the exporter parses a new file in
a child process.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

from exporter.config.text import decode_text

_LONGEST_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: RSAPrivateKey

    @property
    def expires_at(self) -> float:
        """Expiry of the certificate, as Unix time."""
        return self.certificate.not_valid_after_utc.timestamp()


@dataclass(frozen=True, slots=True, repr=False)
class KeyFile:
    """The contents of a key file, and the password of the private key."""

    data: bytes
    password: bytes | None


class KeyFileError(Exception):
    """Raised if a key file cannot be used. `is_of_password` is true if the password is missing or wrong."""

    def __init__(self, problem: str, *, is_of_password: bool = False) -> None:
        self.problem = problem
        self.is_of_password = is_of_password
        super().__init__(problem)


def parse_in_child(contents: KeyFile, run: Callable[..., Any] = subprocess.run) -> KeyPair:
    """Parse a file in a child process, and return the key pair.

    Raise KeyFileError if the file contains no usable key pair, or OSError if no process can be started.
    """
    try:
        child = run(
            [sys.executable, "-P", "-m", __name__],
            input=_encoded(contents),
            capture_output=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            timeout=_LONGEST_SECONDS,
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        raise KeyFileError("cannot be parsed") from None
    result = json.loads(child.stdout)
    if "problem" in result:
        raise KeyFileError(result["problem"], is_of_password=result["is_of_password"])
    # The child process has already checked the key, so this check is skipped.
    key = load_pem_private_key(result["key"].encode(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise KeyFileError("cannot be parsed")
    return KeyPair(x509.load_pem_x509_certificate(result["certificate"].encode()), key)


def parsed_in_child(request: bytes) -> str:
    """Return the JSON that the child process sends to the parent process."""
    return json.dumps(_result(_decoded(request)))


def _result(contents: KeyFile) -> Mapping[str, object]:
    try:
        pair = parse(contents)
    except KeyFileError as error:
        return {"problem": error.problem, "is_of_password": error.is_of_password}
    key = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {"key": key.decode(), "certificate": pair.certificate.public_bytes(Encoding.PEM).decode()}


def _encoded(contents: KeyFile) -> bytes:
    texts = (None if part is None else base64.b64encode(part).decode() for part in (contents.data, contents.password))
    return json.dumps([*texts]).encode()


def _decoded(request: bytes) -> KeyFile:
    data, password = json.loads(request)
    return KeyFile(base64.b64decode(data), None if password is None else base64.b64decode(password))


def parse(contents: KeyFile) -> KeyPair:
    """Parse a file, and return the key pair. Raise KeyFileError if the file contains no usable key pair."""
    data = _unwrapped(contents.data)
    if not data.strip():
        raise KeyFileError("is empty")
    key, certificates = (_read_pem if b"-----BEGIN" in data else _read_pfx)(data, contents.password)
    if not isinstance(key, RSAPrivateKey):
        raise KeyFileError("contains no private key" if key is None else "contains a key that is not an RSA key")
    public = key.public_key()
    for certificate in certificates:
        if _public_key(certificate) == public:
            return KeyPair(certificate, key)
    raise KeyFileError("the private key does not match the certificate" if certificates else "contains no certificate")


def _unwrapped(data: bytes) -> bytes:
    """Return the PEM or PFX data of a file.

    PowerShell writes PEM files in UTF-16, and Azure Key Vault returns PFX files in base64.
    """
    try:
        text = decode_text(data)
        return text.encode() if "-----BEGIN" in text else base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return data


def _read_pem(data: bytes, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    try:
        certificates = x509.load_pem_x509_certificates(data) if b"BEGIN CERTIFICATE" in data else []
    except ValueError:
        raise KeyFileError("the certificate in the file cannot be read") from None
    if b"PRIVATE KEY-----" not in data:
        return None, certificates
    if b"ENCRYPTED" not in data:
        password = None  # load_pem_private_key rejects a password if the key is not encrypted
    try:
        return load_pem_private_key(data, password), certificates
    except TypeError:
        raise KeyFileError("needs a password", is_of_password=True) from None
    except (ValueError, UnsupportedAlgorithm):
        wrong = "the password is wrong" if password else "the private key in the file cannot be read"
        raise KeyFileError(wrong, is_of_password=bool(password)) from None


def _read_pfx(data: bytes, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    try:
        key, certificate, others = load_key_and_certificates(data, password)
    except (ValueError, UnsupportedAlgorithm) as error:
        if password and _needs_no_password(data):
            return _read_pfx(data, None)
        # Only the message of the exception distinguishes a wrong password from a broken file.
        if "password" not in str(error).lower():
            raise KeyFileError("the format is not PEM or PFX") from None
        raise KeyFileError("the password is wrong" if password else "needs a password", is_of_password=True) from None
    return key, [*([certificate] if certificate is not None else []), *others]


def _needs_no_password(data: bytes) -> bool:
    with suppress(ValueError, UnsupportedAlgorithm):
        return bool(load_key_and_certificates(data, None))
    return False


def check_dates(pair: KeyPair, now: float) -> None:
    """Raise KeyFileError if the certificate has expired or is not valid yet. `now` is a Unix time."""
    begin, end, at = (
        pair.certificate.not_valid_before_utc, pair.certificate.not_valid_after_utc, datetime.fromtimestamp(now, UTC),
    )  # fmt: skip
    if at >= end:
        raise KeyFileError(f"the certificate expired on {end:%Y-%m-%d}")
    if at < begin:
        raise KeyFileError(f"the certificate is not valid before {begin:%Y-%m-%d}")


def _public_key(certificate: x509.Certificate) -> object:
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):  # a CA certificate in the chain may have another type of key
        return None


if __name__ == "__main__":
    sys.stdout.write(parsed_in_child(sys.stdin.buffer.read()))
