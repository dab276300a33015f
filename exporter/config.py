"""The configuration file as types: every key, default and bound. Loading and messages: configfile.py."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    SecretStr,
    StringConstraints,
    ValidationInfo,
)

AccountType = Literal["tenant", "partner"]
Generation = Literal["modern", "legacy"]

DATA_CENTERS: Final = frozenset({
    "us", "ca", "au", "sg", "jp", "kr", "ne", "we", "fr", "de", "ch", "uk", "uae", "za", "qa", "gov", "aos2",
    "gcp-us", "gcp-au", "gcp-jp", "gcp-kr", "gcp-we",
})  # fmt: skip

_DOMAIN: Final = "avepointonlineservices.com"


class Environment(BaseModel):
    """Where one of AvePoint's clouds answers; `data_center` is what a tenant in it uses unless told."""

    model_config = ConfigDict(frozen=True)

    token_url: str
    partner_url: str
    data_center: str | None = None
    tenant_url: str = f"https://graph-{{dc}}.{_DOMAIN}"


ENVIRONMENTS: Final[Mapping[str, Environment]] = MappingProxyType(
    {
        "commercial": Environment(
            token_url=f"https://identity.{_DOMAIN}/connect/token", partner_url=f"https://graph.{_DOMAIN}"
        ),
        "us-gov": Environment(
            token_url=f"https://identity-gov.{_DOMAIN}/connect/token",
            partner_url=f"https://graph-gov.{_DOMAIN}",
            data_center="gov",
        ),
        "aos2": Environment(
            token_url=f"https://identity-aos2.{_DOMAIN}/connect/token",
            partner_url=f"https://graph-aos2.{_DOMAIN}",
            data_center="aos2",
        ),
        "fedramp": Environment(
            token_url="https://identity.online15.net/connect/token",  # noqa: S106 - an address, not a secret
            partner_url="https://graphusgovapi.online15.net",
            data_center="fedramp",
            tenant_url="https://graphusgovapi.online15.net",
        ),
    }
)

_DURATION: Final = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
_UNIT_SECONDS: Final = (604_800, 86_400, 3600, 60, 1, 0.001)
_LOOPBACK: Final = re.compile(r"localhost|127(\.\d{1,3}){3}|::1", re.ASCII)


def parse_duration(value: object) -> float:
    """Read "30s", "5m", "1h30m" or "7d", as Prometheus writes them, in seconds."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        raise ValueError("not a duration such as 30s, 5m, 1h or 7d")
    return sum(int(part) * unit for part, unit in zip(match.groups(), _UNIT_SECONDS, strict=True) if part)


def _safe_url(url: str) -> str:
    """Refuse what would send a token unencrypted; plain HTTP is for servers on this machine only."""
    parts = urlsplit(url)
    try:
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or not host or not port_is_fine:
        raise ValueError("not an https:// address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be an address without user name, query and fragment")
    if parts.scheme == "http" and not _LOOPBACK.fullmatch(host):
        raise ValueError("must begin with https://; a token is never sent unencrypted")
    return url.rstrip("/")


def _proxy(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an http:// or https:// address")
    return url


def _readable_file(path: Path, info: ValidationInfo) -> Path:
    """Resolve against the configuration file's folder; the file must be there, readable and not empty."""
    folder: Path = (info.context or {}).get("folder", Path())
    path = folder / path
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {(error.strerror or 'unreadable').lower()}") from None
    if empty:
        raise ValueError(f"{path} is empty")
    return path


def _set_variable(name: str) -> str:
    if not os.environ.get(name):
        raise ValueError(f"the environment variable {name} is not set")
    return name


Seconds = Annotated[float, BeforeValidator(parse_duration)]
Interval = Annotated[Seconds, Field(ge=1, le=30 * 86_400)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
AccountName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Url = Annotated[str, AfterValidator(_safe_url)]
ProxyUrl = Annotated[SecretStr, AfterValidator(_proxy)]
ReadableFile = Annotated[Path, AfterValidator(_readable_file)]
EnvironmentVariable = Annotated[str, AfterValidator(_set_variable)]


class Section(BaseModel):
    """A part of the file: frozen, strict about keys, and silent about what was typed in."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Auth(Section):
    """The credentials of the registered app: one secret or one certificate."""

    client_id: Text
    client_secret: SecretStr | None = Field(None, min_length=1)
    client_secret_file: ReadableFile | None = None
    client_secret_env: EnvironmentVariable | None = None
    certificate_file: ReadableFile | None = None
    certificate_password_file: ReadableFile | None = None
    certificate_password_env: EnvironmentVariable | None = None


class Requests(Section):
    """How hard AvePoint is asked."""

    concurrency: int = Field(8, ge=1, le=64)
    per_second: float = Field(10, gt=0, le=1000)
    timeout: Annotated[Seconds, Field(ge=0.1, le=600)] = 30.0
    retries: int = Field(3, ge=0, le=10)


class Tls(Section):
    """Which certificate authorities are trusted; verification itself cannot be turned off."""

    ca_file: ReadableFile | None = None


class Customers(Section):
    """Which customers of a partner are read, by id; no `include` means all that the account can see."""

    include: tuple[Text, ...] = ()
    exclude: tuple[Text, ...] = ()


class CollectorOptions(Section):
    """What every collector can be told; each collector adds its own."""

    enabled: bool = True
    interval: Interval = 3600.0
    max_age: Annotated[Seconds, Field(ge=1)] | None = None

    @property
    def stale_after(self) -> float:
        """Age in seconds at which values are dropped: as configured, else 12 h or three intervals."""
        return self.max_age if self.max_age is not None else max(12 * 3600.0, 3 * self.interval)


Options = TypeVar("Options", bound=CollectorOptions)


class Account(Section):
    """One AvePoint Online Services tenant, or one Elements partner."""

    name: AccountName
    type: AccountType
    environment: Literal["commercial", "us-gov", "aos2", "fedramp"] = "commercial"
    data_center: Text | None = None
    base_url: Url | None = None
    token_url: Url | None = None
    auth: Auth
    api: Literal["auto", "modern", "legacy"] = "auto"
    customers: Customers = Customers()
    requests: Requests = Requests()
    tls: Tls = Tls()
    proxy_url: ProxyUrl | None = None
    collectors: dict[str, InstanceOf[CollectorOptions]] = {}

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

    accounts: tuple[Account, ...] = Field(min_length=1)
