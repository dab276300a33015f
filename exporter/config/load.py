"""Functions that load the configuration file. A ConfigError lists all errors in the file."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from exporter.config.checks import contradictions, cross_checks
from exporter.config.schema import Account, CollectorOptions, Config
from exporter.config.validation import InvalidKey, locate, require_valid, unknown_key, validate
from exporter.config.yaml_file import Document, parse_yaml, read_yaml
from exporter.errors import ConfigError

Catalogue = Mapping[str, Mapping[str, type[CollectorOptions]]]
"""Maps account types and collector names to the types of collector options."""

_FLAG: Final = "--config.file"
_INIT: Final = " (`avepoint-exporter init` creates the file)"
_FREE: Final = "x-"
"""Prefix of top-level keys that are ignored. As in Compose files, keys with this prefix can contain YAML anchors."""


def load_config(path: Path, catalogue: Catalogue) -> Config:
    """Load a configuration file. Raise ConfigError if the file is invalid or unreadable."""
    document = read_yaml(path, flag=_FLAG, hint=_INIT)
    return _config(document, catalogue, source=str(path), directory=path.absolute().parent)


def parse_config(text: str, catalogue: Catalogue, *, source: str, directory: Path) -> Config:
    """Parse a configuration with paths relative to `directory`. Raise ConfigError if the configuration is invalid."""
    return _config(parse_yaml(text, source=source), catalogue, source=source, directory=directory)


def account_names(path: Path) -> tuple[str, ...]:
    """Return the account names in a file, even if the file contains errors. If the file is unreadable, return ()."""
    try:
        data = read_yaml(path, flag=_FLAG).data
    except ConfigError:
        return ()
    accounts = data.get("accounts") if isinstance(data, dict) else None
    found = [raw.get("name") for raw in accounts if isinstance(raw, dict)] if isinstance(accounts, list) else []
    return tuple(name for name in found if isinstance(name, str))


def _config(document: Document, catalogue: Catalogue, *, source: str, directory: Path) -> Config:
    data = document.data
    if not isinstance(data, dict):
        error = InvalidKey("", 'must be a mapping with the key "accounts"; see config.example.yaml')
        return require_valid(None, [error], document, source)
    data = {key: value for key, value in data.items() if not (isinstance(key, str) and key.startswith(_FREE))}
    errors: list[InvalidKey] = []
    accounts = data.get("accounts")
    if isinstance(accounts, list):
        data["accounts"] = [_with_collectors(raw, index, catalogue, errors) for index, raw in enumerate(accounts)]
    invalid: list[InvalidKey] = []
    config = validate(Config, data, "", invalid, directory)
    if isinstance(accounts, list):
        paths = {error.path for error in invalid}
        errors += [error for error in cross_checks(accounts) if error.path not in paths]
    errors += invalid
    if config is not None:
        config = _inherited(config)
        errors += contradictions(config)
    return require_valid(config, errors, document, source)


def located(errors: Iterable[InvalidKey], path: Path, flag: str = _FLAG) -> Iterator[str]:
    """Yield one message per error, with the line number and the account. `flag` is the flag that sets `path`."""
    document = read_yaml(path, flag=flag)
    yield from (locate(error, document, str(path)) for error in errors)


def _inherited(config: Config) -> Config:
    """Copy the top-level `labels` and `expectations` into accounts that do not set these keys."""
    return config.model_copy(update={"accounts": tuple(_with_defaults(account, config) for account in config.accounts)})


def _with_defaults(account: Account, config: Config) -> Account:
    update: dict[str, object] = {"expectations": account.expectations.inherit(config.expectations)}
    if "labels" not in account.model_fields_set:
        update["labels"] = config.labels
    return account.model_copy(update=update)


def _with_collectors(raw: object, index: int, catalogue: Catalogue, errors: list[InvalidKey]) -> object:
    """Validate the collector options of an account, add the defaults, and return the account."""
    if not isinstance(raw, dict):
        return raw
    every = {name: kind for kinds in catalogue.values() for name, kind in kinds.items()}
    account_type, given, path = raw.get("type"), raw.get("collectors"), f"accounts[{index}].collectors"
    # If the account type is invalid, check the options against the collectors of all account types.
    known = catalogue.get(account_type, every) if isinstance(account_type, str) else every
    if given is not None and not isinstance(given, dict):
        errors.append(InvalidKey(path, "must be a mapping of keys to values"))
        given = None
    given = given or {}
    errors += [
        InvalidKey(f"{path}.{name}", f"not available for {account_type} accounts; remove the key")
        if name in every
        else unknown_key(path, name, known)
        for name in given
        if name not in known
    ]
    options = {
        name: validate(kind, {} if given.get(name) is None else given[name], f"{path}.{name}", errors, Path())
        for name, kind in known.items()
    }
    return {**raw, "collectors": {name: value for name, value in options.items() if value is not None}}
