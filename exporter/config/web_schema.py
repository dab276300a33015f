"""The Prometheus exporter-toolkit's file format (`--web.config.file`) as types; reading it: webconfig.py.

The format: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md.
No message made here repeats a secret from the file; what YAML or pydantic quote of it is left out.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    model_validator,
)

from exporter.errors import why_unreadable

# The salt is 16 bytes in 22 characters: the last one can have only four values, and bcrypt refuses others.
_HASH = re.compile(r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}

# The toolkit's closed list, with the values that it allows where it allows only some.
_HEADERS: Mapping[str, Sequence[str]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}

# Go's names of the suites that Go itself holds for secure, and OpenSSL's names of the same.
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
# As in Go, these may be named and are always on when TLS 1.3 is: the list rules TLS 1.2 only.
_TLS13_SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")


class MistakesError(ValueError):
    """Several mistakes of one section, each with the path below it."""

    def __init__(self, mistakes: Sequence[tuple[str, str]]) -> None:
        self.mistakes = mistakes
        super().__init__("several mistakes")


def _version(value: str) -> str:
    if value in {"TLS10", "TLS11"}:
        raise ValueError(f"{value} is not safe any more; only TLS12 and TLS13 are served")
    if value not in {"TLS12", "TLS13"}:
        raise ValueError("must be TLS12 or TLS13")
    return value


def _client_auth(value: str) -> str:
    if value in {"RequestClientCert", "RequireAnyClientCert", "RequireClientCert"}:
        # Any self-made certificate would do; and Python's ssl cannot ask for one without verifying it.
        raise ValueError(f"{value} verifies nothing and cannot be had here; use RequireAndVerifyClientCert")
    if value not in {"NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"}:
        raise ValueError("must be NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert")
    return value


def _cipher(value: str) -> str:
    if value not in CIPHER_SUITES and value not in _TLS13_SUITES:
        raise ValueError("is not a cipher suite that Go holds for secure, by Go's name")
    return value


def _hash(value: SecretStr) -> SecretStr:
    if not _HASH.fullmatch(value.get_secret_value()):
        raise ValueError("not a bcrypt hash; make one with htpasswd -nBC 10 USER")
    return value


def _user(value: str) -> str:
    if ":" in value:
        raise ValueError("a user name cannot hold a colon")
    return value


def _readable(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    path = Path((info.context or {}).get("folder", "")) / value
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise ValueError(why_unreadable(error)) from None


def _headers(value: dict[str, str]) -> dict[str, str]:
    mistakes = [(name, mistake) for name, text in value.items() if (mistake := _header_mistake(name, text))]
    if mistakes:
        raise MistakesError(mistakes)
    return value


def _header_mistake(name: str, text: str) -> str:
    if name not in _HEADERS:
        return "is not a header that can be set; only " + ", ".join(_HEADERS)
    if _HEADERS[name] and text.lower() not in _HEADERS[name]:
        return "must be " + " or ".join(_HEADERS[name])
    return "" if re.fullmatch(r"[\x20-\x7e]*", text) else "must be one line of ASCII"


def _duration(value: object) -> float:
    if value == 0 and not isinstance(value, bool):
        return 0.0
    parts = _DURATION.findall(value) if isinstance(value, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError("must be a duration such as 1s or 500ms")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


ReadableFile = Annotated[Path, BeforeValidator(_readable)]


class _Section(BaseModel):
    """A mapping of the file: unknown keys are refused, empty values mean unset as in Go."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {k: v for k, v in data.items() if k not in cls.model_fields or v not in (None, "")}


class TlsServerConfig(_Section):
    """`tls_server_config`."""

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
        """Tell whether TLS is served; an empty section means no, as in Go."""
        return bool(self.model_fields_set)

    @property
    def verifies_clients(self) -> bool:
        """Tell whether a client without a certificate is turned away."""
        return self.client_auth_type == "RequireAndVerifyClientCert"

    @property
    def openssl_ciphers(self) -> str:
        """Give the TLS 1.2 suites as OpenSSL's cipher string; empty if the file names none."""
        return ":".join(CIPHER_SUITES[name] for name in self.cipher_suites if name in CIPHER_SUITES)

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        mistakes = [(field, text) for field, text, wrong in self._rules() if wrong]
        if self.enabled and mistakes:
            raise MistakesError(mistakes)
        return self

    def _rules(self) -> Sequence[tuple[str, str, bool]]:
        ca = bool(self.client_ca or self.client_ca_file)
        asks = self.client_auth_type != "NoClientCert"
        no_suite = bool(self.cipher_suites) and not self.openssl_ciphers and self.min_version == "TLS12"
        return (
            ("cert_file", "is missing (or cert)", not (self.cert or self.cert_file)),
            ("key_file", "is missing (or key)", not (self.key or self.key_file)),
            ("cert", "give cert or cert_file, not both", bool(self.cert and self.cert_file)),
            ("key", "give key or key_file, not both", bool(self.key and self.key_file)),
            (
                "client_ca",
                "give client_ca or client_ca_file, not both",
                bool(self.client_ca and self.client_ca_file),
            ),
            (
                "client_ca_file",
                f"is missing (or client_ca): {self.client_auth_type} needs it",
                asks and not ca,
            ),
            ("client_auth_type", "NoClientCert leaves the client CA without use", ca and not asks),
            (
                "client_allowed_sans",
                "needs client_auth_type: RequireAndVerifyClientCert",
                bool(self.client_allowed_sans) and not self.verifies_clients,
            ),
            ("max_version", "is below min_version", self.max_version < self.min_version),
            ("cipher_suites", "names no TLS 1.2 suite; say min_version: TLS13", no_suite),
            # Python's ssl takes a single curve until 3.15; using the first of several would lock clients out.
            ("curve_preferences", "only one curve can be named here", len(self.curve_preferences) > 1),
        )


class HttpServerConfig(_Section):
    """`http_server_config`."""

    # Accepted and without effect: this server speaks HTTP/1.1, which every client of HTTP/2 speaks too.
    http2: bool = True
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(default_factory=dict)


class RateLimitConfig(_Section):
    """`rate_limit`: a token bucket over all requests; `interval` in seconds, 0 for none."""

    interval: Annotated[float, BeforeValidator(_duration)] = 0.0
    burst: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.interval and not self.burst:
            raise MistakesError([("burst", "must be 1 or more, or every request is refused")])
        return self


class WebConfig(_Section):
    """The whole file; without a file, everything is off."""

    tls_server_config: TlsServerConfig = TlsServerConfig()
    http_server_config: HttpServerConfig = HttpServerConfig()
    rate_limit: RateLimitConfig = RateLimitConfig()
    basic_auth_users: dict[Annotated[str, AfterValidator(_user)], Annotated[SecretStr, AfterValidator(_hash)]] = Field(
        default_factory=dict
    )

    @property
    def users(self) -> dict[bytes, bytes]:
        """Give each user's bcrypt hash, both as the bytes that a client's header is compared with."""
        return {user.encode(): secret.get_secret_value().encode() for user, secret in self.basic_auth_users.items()}

    def files(self) -> tuple[Path, ...]:
        """Give the certificate and key files that are to be watched."""
        tls = self.tls_server_config
        return tuple(path for path in (tls.cert_file, tls.key_file, tls.client_ca_file) if path)
