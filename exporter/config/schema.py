"""The types of the configuration file, with all keys, defaults and bounds."""

import os
import re
from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated, Final, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    SecretStr,
    StringConstraints,
    model_validator,
)

from exporter.config.clouds import ENVIRONMENTS, GEOGRAPHIES
from exporter.config.expectations import Expectations
from exporter.config.files import ExistingFile
from exporter.config.sections import (
    Id,
    Integer,
    InvalidKeysError,
    Number,
    Seconds,
    Section,
    Switch,
    once_each,
)
from exporter.config.text import check_client_secret, check_no_reference, check_secret

AccountType = Literal["tenant", "partner"]
ApiVersion = Literal["modern", "legacy"]

_HOST: Final = re.compile(r"[A-Z0-9_-]{1,63}(\.[A-Z0-9_-]{1,63})*\.?|[0-9A-F:]+:[0-9A-F:.]*", re.ASCII | re.IGNORECASE)
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,99}", re.ASCII)
_PROXY_RULE: Final = "must be an http:// or https:// URL"
_PERCENT_ENCODING: Final = "percent-encode the password (@ is %40, / is %2F, : is %3A, # is %23, ? is %3F)"


def _url_parts(url: str, rule: str) -> SplitResult:
    """Return the parts of a URL. Raise ValueError with the violated rule if the URL is invalid.

    The error does not contain the message from urllib, because this message may contain a password.
    """
    if set(url) & set(" \t\r\n"):
        raise ValueError(f"{rule} without spaces")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(rule) from None
    is_plain = url.isprintable() and "\\" not in url and _HOST.fullmatch(parts.hostname or "")
    if not is_plain or parts.scheme not in ("http", "https"):
        raise ValueError(rule)
    with suppress(ValueError):
        if parts.port != 0:
            return parts
    raise ValueError(f"{rule} with a port from 1 to 65535")


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _safe_url(url: str) -> str:
    """Return a URL without a trailing slash. Raise ValueError if the URL is invalid or does not use HTTPS.

    Plain HTTP is allowed only for servers on the local machine.
    """
    parts = _url_parts(check_no_reference(url, anywhere=True), "must be an https:// URL")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise ValueError("must not contain a user name, query or fragment")
    if parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
        raise ValueError("must begin with https://, because tokens are never sent unencrypted")
    return url.rstrip("/")


def check_proxy_url(url: str) -> str:
    """Return the URL of a proxy. Raise ValueError if it is invalid. The message contains no part of the URL."""
    user, sign, _ = url.rpartition("@")
    user = user.partition("://")[2]
    if sign and (set(user) & set("@/?#") or not user.isascii()):  # Such a password could change the host.
        raise ValueError(f"{_PROXY_RULE}; {_PERCENT_ENCODING}")
    parts = _url_parts(check_no_reference(url, anywhere=True), _PROXY_RULE)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{_PROXY_RULE} without a path")
    return url


def _proxy(url: SecretStr) -> SecretStr:
    return SecretStr(check_proxy_url(url.get_secret_value()))


def _set_variable(name: str) -> str:
    if name.startswith(("$", "%")):
        raise ValueError("must be the name of an environment variable, without $, % or braces")
    if not os.environ.get(name, "").strip():
        # The value may be a secret that was entered in the wrong key, so the error must not contain the value.
        shown = name if _VARIABLE.fullmatch(name) else "with this name"
        raise ValueError(f"the environment variable {shown} is not set or is empty; set it for the exporter process")
    return name


def _secret(secret: SecretStr) -> SecretStr:
    return SecretStr(check_secret(secret.get_secret_value()))


def _geography(name: str) -> str:
    if name not in GEOGRAPHIES:
        raise ValueError(f"must be one of {', '.join(GEOGRAPHIES)}")
    return name


def _shown(value: object) -> object:
    if not isinstance(value, bool) and value != "hashed":
        raise ValueError("must be true, false or hashed")
    return value


Interval = Annotated[Seconds, Field(ge=1, le=30 * 86_400)]
AccountName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Url = Annotated[str, AfterValidator(_safe_url)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
ProxyUrl = Annotated[SecretStr, AfterValidator(_proxy)]
EnvironmentVariable = Annotated[str, AfterValidator(_set_variable)]
Geography = Annotated[str, AfterValidator(_geography)]
Shown = Annotated[bool | Literal["hashed"], BeforeValidator(_shown)]


class Auth(Section):
    """Required: client ID of the app registration, and exactly one secret or certificate."""

    client_id: Id = Field(description="Client ID of the app registration.")
    client_secret: Secret | None = Field(None, description="Client secret; a file is more secure.")
    client_secret_file: ExistingFile | None = Field(
        None, description="File with the client secret, read for each token request."
    )
    client_secret_env: EnvironmentVariable | None = Field(
        None, description="Environment variable with the client secret."
    )
    certificate_file: ExistingFile | None = Field(
        None, description="Certificate and private key (.pem or .pfx), read for each token request."
    )
    certificate_password_file: ExistingFile | None = Field(
        None, description="File with the password of the private key."
    )
    certificate_password_env: EnvironmentVariable | None = Field(
        None, description="Environment variable with the password of the private key."
    )

    @model_validator(mode="after")
    def _secret_is_not_the_id(self) -> Self:
        try:
            if self.client_secret is not None:
                check_client_secret(self.client_secret.get_secret_value(), self.client_id)
        except ValueError as error:
            raise InvalidKeysError([("client_secret", str(error))]) from None
        return self


class Requests(Section):
    """Limits on the requests to AvePoint."""

    concurrency: Integer = Field(8, ge=1, le=64, description="Maximum number of concurrent requests.")
    per_second: Number = Field(10, gt=0, le=1000, description="Maximum requests per second, on average.")
    timeout: Seconds = Field(30.0, ge=0.1, le=600, description="Timeout of one request.")
    retries: Integer = Field(3, ge=0, le=10, description="Maximum number of retries for a failed request.")


class Tls(Section):
    """Trusted certificate authorities; certificates are always verified."""

    ca_file: ExistingFile | None = Field(
        None,
        description="PEM file with additional CA certificates to trust, also for an https:// proxy.",
    )


class CustomerFilter(Section):
    """Partner accounts only: IDs that select the customers to read."""

    include: tuple[Id, ...] = Field(
        (), description="IDs of the customers to read; an empty list means all visible customers."
    )
    exclude: tuple[Id, ...] = Field((), description="IDs of customers to ignore.")


class Labels(Section):
    """Partner accounts only: how names appear in the labels of `avepoint_customer_info`.

    `hashed` replaces each name with its hash. If an account does not set `labels`, the top-level `labels` apply.
    """

    owner_email: Shown = Field(default=False, description="E-mail addresses of owners (personal data).")
    organization: Shown = Field(default=True, description="Names of customers and of their Microsoft 365 tenants.")


class CollectorOptions(Section):
    """Options that all collectors have in common."""

    enabled: Switch = Field(
        default=True,
        description="`false` disables the collector. If you set `true`, a missing permission is an error.",
    )
    interval: Interval = Field(3600.0, description="Time between the starts of consecutive refreshes.")
    max_age: Annotated[Seconds, Field(ge=1)] | None = Field(
        None,
        description="Age at which values are dropped, at least `interval`. Default: the longer of 12h and 3 intervals.",
    )

    @property
    def stale_after(self) -> float:
        """Return the age in seconds at which values are dropped."""
        return self.max_age if self.max_age is not None else max(12 * 3600.0, 3 * self.interval)

    @model_validator(mode="after")
    def _outlives_an_interval(self) -> Self:
        if self.stale_after < self.interval:
            raise InvalidKeysError([("max_age", "must be at least as long as interval")])
        return self


class Account(Section):
    """Settings of one tenant in AvePoint Online Services, or of one partner in Elements."""

    name: AccountName = Field(description="Unique name; value of the label `account`.")
    type: AccountType = Field(description="`tenant` for one organization, `partner` for the customers of a partner.")
    environment: Literal["commercial", "us-gov", "aos2", "fedramp"] = Field(
        "commercial", description="AvePoint cloud of the account."
    )
    data_center: Id | None = Field(
        None, description="Data center of a tenant; required if `environment` is `commercial`."
    )
    base_url: Url | None = Field(None, description="URL of the API, used instead of `environment` and `data_center`.")
    token_url: Url | None = Field(None, description="URL for token requests. Default: the token URL of `environment`.")
    auth: Auth = Field(description="Credential of the app.")
    api: Literal["auto", "modern", "legacy"] = Field(
        "auto", description="API version; `auto` selects the modern version and falls back to the legacy version."
    )
    locations: Annotated[tuple[Geography, ...], AfterValidator(once_each)] = Field(
        (), description="Multi-Geo tenants only: geo locations to read; values of the label `geo_location`."
    )
    customers: CustomerFilter = Field(CustomerFilter(), description="Partner accounts only: customers to read.")
    labels: Labels = Field(
        Labels(), description="Partner accounts only: how names appear in labels. Default: top-level `labels`."
    )
    expectations: Expectations = Field(
        Expectations(),
        description="Limits at which a problem is reported. Default for each key: top-level `expectations`.",
    )
    requests: Requests = Field(Requests(), description="Limits on the requests to AvePoint.")
    tls: Tls = Field(Tls(), description="Trusted certificate authorities.")
    proxy_url: ProxyUrl | None = Field(
        None,
        description="Proxy, `http://[USER:PASSWORD@]HOST:PORT`. Default: variables `HTTPS_PROXY` and `NO_PROXY`.",
    )
    collectors: dict[str, InstanceOf[CollectorOptions]] = Field(
        {}, description="Options by collector name. Collectors without options use the defaults."
    )

    @property
    def api_url(self) -> str:
        """Return the URL of the API without a trailing slash."""
        environment = ENVIRONMENTS[self.environment]
        tenant_url = environment.tenant_url.format(dc=self.data_center or environment.data_center)
        return self.base_url or (environment.partner_url if self.type == "partner" else tenant_url)

    @property
    def identity_url(self) -> str:
        """Return the URL for token requests."""
        return self.token_url or ENVIRONMENTS[self.environment].token_url


class Config(Section):
    """Top-level keys of the configuration file."""

    labels: Labels = Field(Labels(), description="How names appear in labels, for accounts that do not set `labels`.")
    expectations: Expectations = Field(
        Expectations(), description="Limits at which a problem is reported, for all accounts."
    )
    accounts: tuple[Account, ...] = Field(min_length=1, description="Accounts to read.")
