"""What no single key of the configuration can know: mistakes between keys and between accounts."""

from collections.abc import Iterator
from typing import Final

from exporter.config.clouds import DATA_CENTERS, ENVIRONMENTS

_SECRETS: Final = ("client_secret", "client_secret_file", "client_secret_env")
_PASSWORDS: Final = ("certificate_password_file", "certificate_password_env")
_KINDS: Final = ("tenant", "partner")
_OF_ONE_KIND: Final = (
    ("data_center", "tenant", "a data center"),
    ("locations", "tenant", "locations"),
    ("customers", "partner", "customers"),
    ("labels", "partner", "customers to name"),
)


def cross_checks(accounts: list[object]) -> Iterator[str]:
    """Check what no single key can know."""
    first: dict[str, int] = {}
    for index, raw in enumerate(accounts):
        if not isinstance(raw, dict):
            continue
        name = raw.get("name")
        if isinstance(name, str) and first.setdefault(name, index) != index:
            yield f"accounts[{index}].name: is the name of accounts[{first[name]}] too"
        yield from _kind_mistakes(raw, f"accounts[{index}]")
        yield from _address_mistakes(raw, f"accounts[{index}]")
        if isinstance(auth := raw.get("auth"), dict):
            yield from _credential_mistakes(auth, f"accounts[{index}].auth")


def _kind_mistakes(raw: dict[str, object], path: str) -> Iterator[str]:
    """Find what only the other kind of account has, or only the other generation."""
    kind = raw.get("type")
    for key, owner, words in _OF_ONE_KIND:
        if kind in _KINDS and kind != owner and raw.get(key) is not None:
            yield f"{path}.{key}: only a {owner} has {words}"
    if kind == "tenant" and raw.get("api") == "legacy" and raw.get("locations"):
        yield f"{path}.locations: the legacy endpoints know no locations; set api to auto or modern"


def _address_mistakes(raw: dict[str, object], path: str) -> Iterator[str]:
    center, name = raw.get("data_center"), raw.get("environment") or "commercial"
    environment = ENVIRONMENTS.get(name) if isinstance(name, str) else None
    if raw.get("type") != "tenant" or raw.get("base_url") is not None or environment is None:
        return
    choices = sorted(DATA_CENTERS - {other.data_center for other in ENVIRONMENTS.values()})
    if environment.data_center is not None:
        if center not in (None, environment.data_center):
            yield f"{path}.data_center: must be {environment.data_center} in the environment {name}, or left out"
    elif center is None:
        yield f"{path}.data_center: is required for a tenant (or base_url); one of {', '.join(choices)}"
    elif others := [other for other, its in ENVIRONMENTS.items() if its.data_center == center]:
        yield f"{path}.data_center: is in the environment {others[0]}"
    elif isinstance(center, str) and center and center not in choices:
        yield f"{path}.data_center: must be one of {', '.join(choices)}; for another one set base_url"


def _credential_mistakes(auth: dict[str, object], path: str) -> Iterator[str]:
    secrets = [key for key in (*_SECRETS, "certificate_file") if auth.get(key) is not None]
    passwords = [key for key in _PASSWORDS if auth.get(key) is not None]
    if not secrets:
        yield f"{path}: needs one of {', '.join(_SECRETS)} or certificate_file"
    for several in (secrets, passwords):
        if len(several) > 1:
            yield f"{path}: has {' and '.join(several)}; only one of them can be used"
    if passwords and auth.get("certificate_file") is None:
        yield f"{path}.{passwords[0]}: is for certificate_file, which is not set"
