"""Checks that compare several keys or several accounts."""

from collections.abc import Iterator
from typing import Final

from exporter.config.clouds import DATA_CENTERS, ENVIRONMENTS
from exporter.config.schema import Config
from exporter.config.validation import InvalidKey

_SECRETS: Final = ("client_secret", "client_secret_file", "client_secret_env")
_PASSWORDS: Final = ("certificate_password_file", "certificate_password_env")
_TYPES: Final = ("tenant", "partner")
KEYS_OF_ONE_TYPE: Final = {
    "data_center": "tenant",
    "locations": "tenant",
    "customers": "partner",
    "labels": "partner",
}
"""Maps the keys that are available for only one account type to this type."""


def cross_checks(accounts: list[object]) -> Iterator[InvalidKey]:
    """Yield an error for each conflict between two keys or two accounts."""
    first: dict[str, int] = {}
    for index, raw in enumerate(accounts):
        if not isinstance(raw, dict):
            continue
        name = raw.get("name")
        if isinstance(name, str) and first.setdefault(name, index) != index:
            yield InvalidKey(f"accounts[{index}].name", f"duplicate of accounts[{first[name]}].name; use another name")
        yield from _check_type(raw, f"accounts[{index}]")
        yield from _check_data_center(raw, f"accounts[{index}].data_center")
        yield from _check_customers(raw, f"accounts[{index}]")
        if isinstance(auth := raw.get("auth"), dict):
            yield from _check_credentials(auth, f"accounts[{index}].auth")


def contradictions(config: Config) -> Iterator[InvalidKey]:
    """Yield an error for each pair of contradictory expectations, including inherited expectations."""
    common = config.expectations
    yield from (InvalidKey(f"expectations{path}", message) for path, message in common.contradictions())
    for index, account in enumerate(config.accounts):
        own = account.expectations
        if any(getattr(own, key) != getattr(common, key) for key in ("idle_after", "retired_after", "exceptions")):
            for path, message in own.contradictions():
                yield InvalidKey(f"accounts[{index}].expectations{path}", message)


def _check_customers(raw: dict[str, object], path: str) -> Iterator[InvalidKey]:
    match raw:
        case {"customers": {"include": list(include), "exclude": list(exclude)}}:
            excluded = {_folded(customer) for customer in exclude}
            if include and all(_folded(customer) in excluded for customer in include):
                message = "contains all customers of `include`; remove some of these customers"
                yield InvalidKey(f"{path}.customers.exclude", message)
    match raw:
        case {"type": "tenant", "expectations": {"exceptions": list(exceptions)}}:
            for index, exception in enumerate(exceptions):
                if isinstance(exception, dict) and exception.get("customers"):
                    message = "not available for tenant accounts; remove the key"
                    yield InvalidKey(f"{path}.expectations.exceptions[{index}].customers", message)


def _folded(customer_id: object) -> str:
    return str(customer_id).strip("{}").lower()


def _check_type(raw: dict[str, object], path: str) -> Iterator[InvalidKey]:
    account_type = raw.get("type")
    for key, only in KEYS_OF_ONE_TYPE.items():
        if account_type in _TYPES and account_type != only and raw.get(key) is not None:
            yield InvalidKey(f"{path}.{key}", f"not available for {account_type} accounts; remove the key")
    if account_type == "tenant" and raw.get("api") == "legacy" and raw.get("locations"):
        yield InvalidKey(f"{path}.locations", "not available with the legacy API; set api to auto or modern")


def _check_data_center(raw: dict[str, object], path: str) -> Iterator[InvalidKey]:
    center, name = raw.get("data_center"), raw.get("environment") or "commercial"
    environment = ENVIRONMENTS.get(name) if isinstance(name, str) else None
    if raw.get("type") != "tenant" or raw.get("base_url") is not None or environment is None:
        return
    choices = sorted(DATA_CENTERS - {other.data_center for other in ENVIRONMENTS.values()})
    if environment.data_center is not None:
        if center not in (None, environment.data_center):
            yield InvalidKey(
                path, f"must be {environment.data_center} in environment {name}; correct or remove the key"
            )
    elif center is None:
        yield InvalidKey(path, f"is missing; set the key to one of {', '.join(choices)}, or set base_url")
    elif others := [other for other, its in ENVIRONMENTS.items() if its.data_center == center]:
        yield InvalidKey(path, f"is available only in environment {others[0]}; set environment: {others[0]}")
    elif isinstance(center, str) and center not in choices:
        yield InvalidKey(path, f"must be one of {', '.join(choices)}; for another data center, set base_url")


def _check_credentials(auth: dict[str, object], path: str) -> Iterator[InvalidKey]:
    secrets = [key for key in (*_SECRETS, "certificate_file") if auth.get(key) is not None]
    passwords = [key for key in _PASSWORDS if auth.get(key) is not None]
    if empty := [key for key in (*_SECRETS, "certificate_file") if key in auth and not secrets]:
        what = "must not be empty; if the value begins with # or &, put it in quotes"
        yield from (InvalidKey(f"{path}.{key}", what) for key in empty)
    elif not secrets:
        yield InvalidKey(path, f"contains no credential; set one of {', '.join(_SECRETS)} or certificate_file")
    for several in (secrets, passwords):
        if len(several) > 1:
            yield InvalidKey(path, f"contains {' and '.join(several)}; keep only one")
    if passwords and auth.get("certificate_file") is None:
        yield InvalidKey(f"{path}.{passwords[0]}", "requires certificate_file, which is missing")
