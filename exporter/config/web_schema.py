"""The types of the web configuration file. The file has the format of the Prometheus exporter-toolkit.

See https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md for the format.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from exporter.config.files import ReadableFile
from exporter.config.sections import Integer, InvalidKeysError, Seconds, Section

# The salt has 16 bytes in 22 characters, so the last character has only four valid values.
_HASH = re.compile(r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")

# The headers that the toolkit accepts, with their allowed values. If the list is empty, every value is allowed.
_HEADERS: Mapping[str, Sequence[str]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}

# The cipher suites that Go considers secure, with their names in Go and in OpenSSL.
CIPHER_SUITES: Mapping[str, str] = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
# As in Go, these names have no effect, because TLS 1.3 always offers all three cipher suites.
_TLS13_SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")


def _version(value: str) -> str:
    if value in {"TLS10", "TLS11"}:
        raise ValueError(f"{value} is not secure; use TLS12 or TLS13")
    if value not in {"TLS12", "TLS13"}:
        raise ValueError("must be TLS12 or TLS13")
    return value


def _client_auth(value: str) -> str:
    if value in {"RequestClientCert", "RequireAnyClientCert", "RequireClientCert"}:
        # Python's ssl module cannot request a client certificate without verifying the certificate.
        raise ValueError(
            f"{value} is not supported, because it does not verify certificates; use RequireAndVerifyClientCert"
        )
    if value not in {"NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"}:
        raise ValueError("must be NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert")
    return value


def _cipher(value: str) -> str:
    if value not in CIPHER_SUITES and value not in _TLS13_SUITES:
        raise ValueError("must be the name of a cipher suite that Go considers secure")
    return value


def _hash(value: SecretStr) -> SecretStr:
    if not _HASH.fullmatch(value.get_secret_value()):
        raise ValueError("must be a bcrypt hash; create one with htpasswd -nBC 10 USER")
    return value


def _user(value: str) -> str:
    if ":" in value:
        raise ValueError("user names must not contain a colon")
    return value


def _headers(value: dict[str, str]) -> dict[str, str]:
    errors = [(name, error) for name, text in value.items() if (error := _header_error(name, text))]
    if errors:
        raise InvalidKeysError(errors)
    return value


def _header_error(name: str, text: str) -> str:
    if name not in _HEADERS:
        return "this header is not supported; available headers are " + ", ".join(_HEADERS)
    if _HEADERS[name] and text.lower() not in _HEADERS[name]:
        return "must be " + " or ".join(_HEADERS[name])
    return "" if re.fullmatch(r"[\x20-\x7e]*", text) else "must be one line of ASCII characters"


class WebSection(Section):
    """A section of the web configuration file. As in Go, an empty string means that a key is not set."""

    unset: ClassVar[tuple[object, ...]] = (None, "")


class TlsServerConfig(WebSection):
    """The section `tls_server_config`."""

    cert: str | None = None
    key: SecretStr | None = None
    cert_file: ReadableFile | None = None
    key_file: ReadableFile | None = None
    client_auth_type: Annotated[str, AfterValidator(_client_auth)] = "NoClientCert"
    client_ca: str | None = None
    client_ca_file: ReadableFile | None = None
    client_allowed_sans: tuple[str, ...] = ()
    min_version: Annotated[str, AfterValidator(_version)] = "TLS12"
    max_version: Annotated[str, AfterValidator(_version)] = "TLS13"
    cipher_suites: tuple[Annotated[str, AfterValidator(_cipher)], ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[Literal["CurveP256", "CurveP384", "CurveP521", "X25519"], ...] = ()

    @property
    def enabled(self) -> bool:
        """Return whether TLS is enabled. As in Go, an empty section disables TLS."""
        return bool(self.model_fields_set)

    @property
    def verifies_clients(self) -> bool:
        """Return whether each client must present a valid certificate."""
        return self.client_auth_type == "RequireAndVerifyClientCert"

    @property
    def openssl_ciphers(self) -> str:
        """Return the TLS 1.2 cipher suites as an OpenSSL cipher string, or "" if none are configured."""
        return ":".join(CIPHER_SUITES[name] for name in self.cipher_suites if name in CIPHER_SUITES)

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        errors = [(key, message) for key, message, is_wrong in self._rules() if is_wrong]
        if self.enabled and errors:
            raise InvalidKeysError(errors)
        return self

    def _rules(self) -> Sequence[tuple[str, str, bool]]:
        ca = bool(self.client_ca or self.client_ca_file)
        verifies = self.client_auth_type != "NoClientCert"
        no_suite = bool(self.cipher_suites) and not self.openssl_ciphers and self.min_version == "TLS12"
        return (
            ("cert_file", "is missing; add cert_file or cert", not (self.cert or self.cert_file)),
            ("key_file", "is missing; add key_file or key", not (self.key or self.key_file)),
            ("cert", "conflicts with cert_file; remove one of the keys", bool(self.cert and self.cert_file)),
            ("key", "conflicts with key_file; remove one of the keys", bool(self.key and self.key_file)),
            (
                "client_ca",
                "conflicts with client_ca_file; remove one of the keys",
                bool(self.client_ca and self.client_ca_file),
            ),
            (
                "client_ca_file",
                f"is missing; {self.client_auth_type} requires client_ca_file or client_ca",
                verifies and not ca,
            ),
            (
                "client_auth_type",
                "NoClientCert ignores the client CA; use RequireAndVerifyClientCert",
                ca and not verifies,
            ),
            (
                "client_allowed_sans",
                "needs client_auth_type: RequireAndVerifyClientCert",
                bool(self.client_allowed_sans) and not self.verifies_clients,
            ),
            ("max_version", "must not be below min_version", self.max_version < self.min_version),
            ("cipher_suites", "contains no TLS 1.2 suite; add one, or set min_version: TLS13", no_suite),
            # Before Python 3.15, the ssl module accepts only one curve.
            ("curve_preferences", "must contain only one curve", len(self.curve_preferences) > 1),
        )


class HttpServerConfig(WebSection):
    """The section `http_server_config`."""

    # The key has no effect, because the server supports only HTTP/1.1.
    http2: bool = True
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(default_factory=dict)


class RateLimitConfig(WebSection):
    """The section `rate_limit`, a token bucket for all requests.

    One token is added per `interval` seconds. If `interval` is 0, there is no limit.
    """

    interval: Seconds = 0.0
    burst: Integer = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.burst and "interval" not in self.model_fields_set:
            raise InvalidKeysError([("interval", "is missing; without it, burst has no effect")])
        if self.interval and not self.burst:
            raise InvalidKeysError([("burst", "must be at least 1, because 0 refuses every request")])
        return self


class WebConfig(WebSection):
    """The whole web configuration file. By default, all features are disabled."""

    tls_server_config: TlsServerConfig = TlsServerConfig()
    http_server_config: HttpServerConfig = HttpServerConfig()
    rate_limit: RateLimitConfig = RateLimitConfig()
    basic_auth_users: dict[Annotated[str, AfterValidator(_user)], Annotated[SecretStr, AfterValidator(_hash)]] = Field(
        default_factory=dict
    )

    @property
    def users(self) -> dict[bytes, bytes]:
        """Return the bcrypt hashes as bytes, keyed by user name."""
        return {user.encode(): secret.get_secret_value().encode() for user, secret in self.basic_auth_users.items()}

    def files(self) -> tuple[Path, ...]:
        """Return the certificate and key files to watch for changes."""
        tls = self.tls_server_config
        return tuple(path for path in (tls.cert_file, tls.key_file, tls.client_ca_file) if path)
