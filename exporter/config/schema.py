"""The configuration file as types: every key, default and bound. Loading and messages: configfile.py."""

import os
import re
from ipaddress import ip_address
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, Final, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

from exporter.config.clouds import ENVIRONMENTS, GEOGRAPHIES
from exporter.config.expectations import Expectations
from exporter.config.sections import NonEmptyText, Number, Seconds, Section, Switch, WholeNumber
from exporter.errors import why_unreadable

AccountType = Literal["tenant", "partner"]
ApiVersion = Literal["modern", "legacy"]

_HOST: Final = re.compile(r"[A-Z0-9_-]{1,63}(\.[A-Z0-9_-]{1,63})*\.?|[0-9A-F:]+:[0-9A-F:.]*", re.ASCII | re.IGNORECASE)
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,99}", re.ASCII)


def _parts(url: str) -> SplitResult | None:
    """Take an address apart; None for what is none. What urllib says of it may hold its password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    is_plain = url.isprintable() and not set(url) & set(" \\") and _HOST.fullmatch(parts.hostname or "")
    return parts if is_plain and port != 0 and parts.scheme in ("http", "https") else None


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _safe_url(url: str) -> str:
    """Refuse what would send a token unencrypted; plain HTTP is for servers on this machine only."""
    parts = _parts(url)
    if parts is None:
        raise ValueError("not an https:// address")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise ValueError("must be an address without user name, query and fragment")
    if parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
        raise ValueError("must begin with https://; a token is never sent unencrypted")
    return url.rstrip("/")


def _proxy(url: SecretStr) -> SecretStr:
    if _parts(url.get_secret_value()) is None:
        raise ValueError("not an http:// or https:// address")
    return url


def _readable_file(path: Path, info: ValidationInfo) -> Path:
    """Resolve against the configuration file's folder; the file must be there, readable and not blank.

    A relative path is not repeated in messages: it may be a secret that stands in the wrong key.
    """
    folder: Path = (info.context or {}).get("folder", Path())
    name = str(path) if path.is_absolute() else f"the file, sought in {folder},"
    path = folder / path
    try:
        if not S_ISREG(path.stat().st_mode):
            raise ValueError(f"{name} is not a regular file; name one that is")
        with path.open("rb") as file:
            blank = not file.read(4096).strip()
    except OSError as error:
        raise ValueError(f"{name} {why_unreadable(error)}") from None
    if blank:
        raise ValueError(f"{name} is empty; fill it, or name another")
    return path


def _set_variable(name: str) -> str:
    if not os.environ.get(name, "").strip():
        # Who writes the secret itself here must not find it in a log.
        shown = name if _VARIABLE.fullmatch(name) else "of this name"
        raise ValueError(f"the environment variable {shown} is not set, or empty; set it where the exporter runs")
    return name


def _not_blank(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("must not be empty")
    return secret


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
Secret = Annotated[SecretStr, AfterValidator(_not_blank)]
ProxyUrl = Annotated[SecretStr, AfterValidator(_proxy)]
ReadableFile = Annotated[Path, AfterValidator(_readable_file)]
EnvironmentVariable = Annotated[str, AfterValidator(_set_variable)]
Geography = Annotated[str, AfterValidator(_geography)]
Shown = Annotated[bool | Literal["hashed"], BeforeValidator(_shown)]


class Auth(Section):
    """The credentials of the registered app: one secret or one certificate."""

    client_id: NonEmptyText = Field(description="The id of the app registration.")
    client_secret: Secret | None = Field(None, description="The secret itself; better in a file.")
    client_secret_file: ReadableFile | None = Field(None, description="File with the secret; read at each use.")
    client_secret_env: EnvironmentVariable | None = Field(None, description="Name of the variable with the secret.")
    certificate_file: ReadableFile | None = Field(
        None, description="Certificate with its private key, .pem or .pfx; read at each use."
    )
    certificate_password_file: ReadableFile | None = Field(None, description="File with the key's password.")
    certificate_password_env: EnvironmentVariable | None = Field(None, description="Variable with the key's password.")


class Requests(Section):
    """How hard AvePoint is asked."""

    concurrency: WholeNumber = Field(8, ge=1, le=64, description="Requests under way at the same time.")
    per_second: Number = Field(10, gt=0, le=1000, description="Requests that are begun in a second, on average.")
    timeout: Seconds = Field(30.0, ge=0.1, le=600, description="How long one request may take.")
    retries: WholeNumber = Field(3, ge=0, le=10, description="How often a failed request is tried again.")


class Tls(Section):
    """Which certificate authorities are trusted; verification itself cannot be turned off."""

    ca_file: ReadableFile | None = Field(None, description="Certificates in PEM that are trusted too.")


class CustomerFilter(Section):
    """Which customers of a partner are read, by id; no `include` means all that the account can see."""

    include: tuple[NonEmptyText, ...] = Field((), description="Ids of the customers to read; none means all.")
    exclude: tuple[NonEmptyText, ...] = Field((), description="Ids of customers that are left out.")


class Labels(Section):
    """Which names become labels of `avepoint_customer_info`; `hashed` gives a text that only tells names apart."""

    owner_email: Shown = Field(default=False, description="The owner's e-mail address: personal data.")
    organization: Shown = Field(default=True, description="The organisation's name.")


class CollectorOptions(Section):
    """What every collector can be told; each collector adds its own."""

    enabled: Switch = Field(
        default=True,
        description="Whether the collector is on. Where `true` is said, a missing permission is always a failure.",
    )
    interval: Interval = Field(3600.0, description="Time between the beginnings of two refreshes.")
    max_age: Annotated[Seconds, Field(ge=1)] | None = Field(
        None,
        description="Age at which values are dropped; at least `interval`. Unset: 12h or three intervals, the longer.",
    )

    @property
    def stale_after(self) -> float:
        """Age in seconds at which values are dropped: as configured, else 12 h or three intervals."""
        return self.max_age if self.max_age is not None else max(12 * 3600.0, 3 * self.interval)

    @model_validator(mode="after")
    def _outlives_an_interval(self) -> Self:
        if self.stale_after < self.interval:
            raise ValueError("max_age must be at least as long as interval")
        return self


class Account(Section):
    """One AvePoint Online Services tenant, or one Elements partner."""

    name: AccountName = Field(description="The label `account` of its metrics; unique in the file.")
    type: AccountType = Field(description="An organisation's own tenant, or a partner that looks after customers.")
    environment: Literal["commercial", "us-gov", "aos2", "fedramp"] = Field(
        "commercial", description="Which of AvePoint's clouds the account is in."
    )
    data_center: NonEmptyText | None = Field(None, description="Where a tenant is; required in `commercial`.")
    base_url: Url | None = Field(None, description="The API's address, in place of the two above.")
    token_url: Url | None = Field(None, description="Where tokens are had, in place of the usual.")
    auth: Auth = Field(description="The credentials; exactly one secret or certificate.")
    api: Literal["auto", "modern", "legacy"] = Field("auto", description="Generation of the endpoints.")
    locations: tuple[Geography, ...] = Field(
        (), description="Multi-Geo tenants only: the locations to read one by one, each a label `geo_location`."
    )
    customers: CustomerFilter = Field(CustomerFilter(), description="Partners only: which customers are read.")
    labels: Labels = Field(Labels(), description="Partners only: which names become labels; else as the file says.")
    expectations: Expectations = Field(
        Expectations(), description="What counts as a problem; keys that are not set are as in the file's section."
    )
    requests: Requests = Field(Requests(), description="How hard AvePoint is asked.")
    tls: Tls = Field(Tls(), description="Whom to trust.")
    proxy_url: ProxyUrl | None = Field(None, description="http://HOST:PORT; may hold a password.")
    collectors: dict[str, InstanceOf[CollectorOptions]] = Field({}, description="By name; those not named are on.")

    @property
    def api_url(self) -> str:
        """Where the API answers, without a slash at the end."""
        environment = ENVIRONMENTS[self.environment]
        if self.base_url is not None:
            return self.base_url
        if self.type == "partner":
            return environment.partner_url
        return environment.tenant_url.format(dc=self.data_center or environment.data_center)

    @property
    def identity_url(self) -> str:
        """Where tokens are had."""
        return self.token_url or ENVIRONMENTS[self.environment].token_url


class Config(Section):
    """The whole file."""

    labels: Labels = Field(
        Labels(), description="Which names become labels, of accounts that do not say so themselves."
    )
    expectations: Expectations = Field(Expectations(), description="What counts as a problem, of all accounts.")
    accounts: tuple[Account, ...] = Field(min_length=1, description="The accounts to read, at least one.")
