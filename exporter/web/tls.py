"""The TLS contexts of the server.

Each new connection uses the current context. When a certificate is renewed, a new context replaces the current context.
The current context never loads a new certificate. If the new certificate and key did not match, the current context
would lose its old certificate.
"""

import contextlib
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from exporter.config.web_schema import TlsServerConfig
from exporter.errors import ConfigError, why_unreadable

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
_VERIFY = {"VerifyClientCertIfGiven": ssl.CERT_OPTIONAL, "RequireAndVerifyClientCert": ssl.CERT_REQUIRED}
# These cipher suites have forward secrecy and authenticated encryption. Every Prometheus release since 2016 supports
# these suites.
_DEFAULT_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def build_context(tls: TlsServerConfig) -> ssl.SSLContext:
    """Return a TLS context for the server. Raise ConfigError if the certificate, key or client CA is unusable."""
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
    key = tls.key.get_secret_value() if tls.key else ""
    field = "cert_file" if tls.cert_file else "cert"
    try:
        with _as_file(tls.cert or "") as cert_text, _as_file(key) as key_text:
            context.load_cert_chain(tls.cert_file or cert_text, tls.key_file or key_text, _refuse_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise _error(
                "key_file" if tls.key_file else "key",
                f"does not match {field}; use the private key of this certificate",
            ) from None
        raise _error(field, "certificate or key is not valid PEM; use files that openssl can read") from None
    except OSError as error:
        raise _error(field, f"cannot read the file: {why_unreadable(error)}") from None


def _load_client_ca(context: ssl.SSLContext, tls: TlsServerConfig) -> None:
    context.verify_mode = _VERIFY.get(tls.client_auth_type, ssl.CERT_NONE)
    if context.verify_mode == ssl.CERT_NONE:
        return
    # As in Go, trust every certificate in the file, even intermediate and client certificates.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    field = "client_ca_file" if tls.client_ca_file else "client_ca"
    try:
        text = tls.client_ca_file.read_text("ascii") if tls.client_ca_file else tls.client_ca
        context.load_verify_locations(cadata=text)
    except (ValueError, ssl.SSLError):
        raise _error(field, "contains no PEM certificate; use a file such as ca.pem") from None
    except OSError as error:
        raise _error(field, f"cannot read the file: {why_unreadable(error)}") from None


def _error(field: str, text: str) -> ConfigError:
    return ConfigError([f"tls_server_config.{field}: {text}"])


def _refuse_passphrase() -> str:
    # Without this callback, OpenSSL would block and prompt for the passphrase on the terminal.
    raise _error(
        "key_file", "is encrypted, but a server cannot prompt for a passphrase; store the key without a passphrase"
    )


@contextlib.contextmanager
def _as_file(text: str) -> Iterator[str]:
    # OpenSSL loads certificates only from files. A file in memory keeps the key off the disk, and needs no writable
    # file system.
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("web-config")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "pem")
            path.write_text(text, "utf-8")
            yield str(path)


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
