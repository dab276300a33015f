"""URLs, data centers and geo locations of AvePoint's clouds."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

DATA_CENTERS: Final = frozenset({
    "us", "ca", "au", "sg", "jp", "kr", "ne", "we", "fr", "de", "ch", "uk", "uae", "za", "qa", "gov", "aos2",
    "gcp-us", "gcp-au", "gcp-jp", "gcp-kr", "gcp-we",
})  # fmt: skip

GEOGRAPHIES: Final = (
    "PrimaryGeoLocation", "NAM", "EUR", "GBR", "JPN", "APC", "AUS", "CAN", "IND", "FRA", "ARE", "ZAF", "CHE", "KOR",
    "DEU", "BRA", "NOR", "SWE", "QAT", "POL", "ITA", "ISR", "MEX", "NZL", "ESP", "TWN",
)  # fmt: skip
"""Geo locations of Multi-Geo tenants. AvePoint returns an empty list for other names."""

_DOMAIN: Final = "avepointonlineservices.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The URLs of an AvePoint cloud. `data_center` is the default for tenant accounts."""

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
            token_url="https://identity.online15.net/connect/token",  # noqa: S106 - a URL, not a secret
            partner_url="https://graphusgovapi.online15.net",
            data_center="fedramp",
            tenant_url="https://graphusgovapi.online15.net",
        ),
    }
)
