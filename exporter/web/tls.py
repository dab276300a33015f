"""The TLS contexts of the server.

Each new connection uses the current context. After a certificate is renewed, a new context replaces the current
context. An existing context never loads a new certificate. If the new certificate and key did not match, the context
would lose its old certificate.
"""

import ipaddress
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

from exporter.config.files import load_authorities, pem_text, plain_certificates, text_file
from exporter.config.validation import InvalidKey
from exporter.config.web_schema import TlsServerConfig
from exporter.errors import ConfigError, why_unreadable

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
_VERIFY = {"VerifyClientCertIfGiven": ssl.CERT_OPTIONAL, "RequireAndVerifyClientCert": ssl.CERT_REQUIRED}
# These cipher suites have forward secrecy and authenticated encryption. Every Prometheus release since 2016 supports
# these suites.
_DEFAULT_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"

_WEAK = {
    "EE_KEY_TOO_SMALL": "the key of the certificate is too short; issue a certificate with a longer key",
    "CA_KEY_TOO_SMALL": "the key of a CA certificate is too short; use a CA with a longer key",
    "CA_MD_TOO_WEAK": "the certificate is signed with a weak hash such as SHA-1; issue one that is signed with SHA-256",
}


class UnusableTlsError(ConfigError):
    """A certificate, key or client CA is unusable. `invalid` contains the path of the configuration key."""

    def __init__(self, invalid: InvalidKey) -> None:
        self.invalid = invalid
        super().__init__([f"{invalid.path}: {invalid.message}"])


def build_context(tls: TlsServerConfig) -> ssl.SSLContext:
    """Return a TLS context for the server. Raise UnusableTlsError if a file is unusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.min_version]
    context.maximum_version = _VERSIONS[tls.max_version]
    context.set_ciphers(tls.openssl_ciphers or _DEFAULT_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if tls.prefer_server_cipher_suites:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    for curve in tls.curve_preferences:
        context.set_ecdh_curve(_CURVES[curve])
    _load_identity(context, tls)
    _load_client_ca(context, tls)
    return context


def _load_identity(context: ssl.SSLContext, tls: TlsServerConfig) -> None:
    field, key_field = "cert_file" if tls.cert_file else "cert", "key_file" if tls.key_file else "key"
    certificate = _read(field, tls.cert_file, tls.cert)
    key = _read(key_field, tls.key_file, tls.key.get_secret_value() if tls.key else "")
    _load(field, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate)  # finds a damaged certificate
    try:
        with text_file(_certificates(field, certificate)) as path, text_file(_pem(key_field, key)) as key_path:
            context.load_cert_chain(path, key_path, _refuse_passphrase)
    except ssl.SSLError as error:
        if error.reason in _WEAK:
            raise _error(field, _WEAK[error.reason]) from None
        if error.reason == "KEY_VALUES_MISMATCH":
            what = f"does not match {field}; use the private key of this certificate"
        else:
            what = "the private key cannot be read; use the private key of the certificate, in PEM format"
        raise _error(key_field, what) from None


def expired_certificates(tls: TlsServerConfig, now: float) -> Iterator[InvalidKey]:
    """Yield a warning if the certificate of the server has expired. `now` is a Unix time."""
    from cryptography import x509  # noqa: PLC0415 - slow to load

    if not tls.enabled:
        return
    field = "cert_file" if tls.cert_file else "cert"
    first, *_ = x509.load_pem_x509_certificates(_certificates(field, _read(field, tls.cert_file, tls.cert)).encode())
    if first.not_valid_after_utc.timestamp() <= now:
        message = f"the certificate expired on {first.not_valid_after_utc:%Y-%m-%d}; replace the file"
        yield InvalidKey(f"tls_server_config.{field}", message)


def _load_client_ca(context: ssl.SSLContext, tls: TlsServerConfig) -> None:
    context.verify_mode = _VERIFY.get(tls.client_auth_type, ssl.CERT_NONE)
    if context.verify_mode == ssl.CERT_NONE:
        return
    # As in Go, trust every certificate in the file, even intermediate and client certificates.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    field = "client_ca_file" if tls.client_ca_file else "client_ca"
    _load(field, context, _read(field, tls.client_ca_file, tls.client_ca))


def _read(field: str, path: Path | None, text: str | None) -> bytes:
    try:
        return path.read_bytes() if path else (text or "").encode()
    except OSError as error:
        raise _error(field, f"cannot read the file: {why_unreadable(error)}") from None


def _load(field: str, context: ssl.SSLContext, data: bytes) -> None:
    try:
        load_authorities(context, data)
    except ValueError as error:
        raise _error(field, str(error)) from None


def _certificates(field: str, data: bytes) -> str:
    return plain_certificates(_pem(field, data))


def _pem(field: str, data: bytes) -> str:
    try:
        return pem_text(data)
    except ValueError as error:
        raise _error(field, str(error)) from None


def _error(field: str, text: str) -> UnusableTlsError:
    return UnusableTlsError(InvalidKey(f"tls_server_config.{field}", text))


def _refuse_passphrase() -> str:
    # Without this callback, OpenSSL would block and prompt for the passphrase on the terminal.
    raise _error(
        "key_file", "is encrypted, but a server cannot prompt for a passphrase; store the key without a passphrase"
    )


def is_allowed(certificate: Mapping[str, object] | None, allowed: tuple[str, ...]) -> bool:
    """Return whether a verified certificate has an allowed alternative name.

    If `allowed` is empty, all names are allowed.
    """
    names = certificate.get("subjectAltName") if certificate else None
    if not allowed:
        return True
    if not isinstance(names, tuple):
        return False
    return not {_canonical(name) for _, name in names}.isdisjoint(map(_canonical, allowed))


def _canonical(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name.strip()))  # Go's notation; OpenSSL writes IPv6 addresses in full
    except ValueError:
        return name
