"""From a YAML file to a Config; every mistake at once, each a line with its path in the file."""

import difflib
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from exporter.config import DATA_CENTERS, ENVIRONMENTS, Account, CollectorOptions, Config
from exporter.errors import ConfigError

Catalogue = Mapping[str, Mapping[str, type[CollectorOptions]]]
"""The collectors there are: account type → collector's name → its options."""

M = TypeVar("M", bound=BaseModel)

_SECRETS: Final = ("client_secret", "client_secret_file", "client_secret_env")
_PASSWORDS: Final = ("certificate_password_file", "certificate_password_env")
_WORDS: Final = {
    "missing": "is required",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "path_type": "must be the path of a file",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
}


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML as it is meant: a key that stands twice is a mistake, not a silent loss of the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the library's signature
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen and key != "<<":
                raise yaml.MarkedYAMLError(problem=f"the key {key} stands twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def load(path: Path, catalogue: Catalogue) -> Config:
    """Read the file; raises ConfigError with every mistake in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise ConfigError([f"{path}: {reason} (--config.file names the configuration)"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: not a UTF-8 text"]) from None
    return parse(text, catalogue, source=str(path), folder=path.parent)


def parse(text: str, catalogue: Catalogue, *, source: str, folder: Path) -> Config:
    """Read the text of a configuration whose relative paths count from `folder`."""
    try:
        data = yaml.load(text, _UniqueKeyLoader)  # noqa: S506 - a SafeLoader with one more check
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError([f"{source}: {_yaml_problem(error)}"]) from None
    if not isinstance(data, dict):
        raise ConfigError([f"{source}: must be a mapping with the key accounts"])
    mistakes: list[str] = []
    accounts = data.get("accounts")
    if isinstance(accounts, list):
        prepared = [_with_collectors(raw, index, catalogue, mistakes) for index, raw in enumerate(accounts)]
        mistakes += _cross_checks(accounts)
        data = {**data, "accounts": prepared}
    config = _validate(Config, data, "", mistakes, folder)
    if mistakes or config is None:
        raise ConfigError(sorted(set(mistakes), key=mistakes.index))
    return config


def _with_collectors(raw: object, index: int, catalogue: Catalogue, mistakes: list[str]) -> object:
    """Replace the raw options of an account's collectors by their types, defaults included."""
    if not isinstance(raw, dict) or raw.get("type") not in catalogue:
        return {key: raw[key] for key in raw if key != "collectors"} if isinstance(raw, dict) else raw
    known, given = catalogue[raw["type"]], raw.get("collectors")
    path = f"accounts[{index}].collectors"
    if given is not None and not isinstance(given, dict):
        mistakes.append(f"{path}: {_WORDS['dict_type']}")
        given = None
    given = given or {}
    mistakes += [f"{path}.{name}: {_unknown(name, known)}" for name in given if name not in known]
    options = {
        name: _validate(kind, {} if given.get(name) is None else given[name], f"{path}.{name}", mistakes, None)
        for name, kind in known.items()
    }
    return {**raw, "collectors": {name: value for name, value in options.items() if value is not None}}


def _validate(kind: type[M], data: object, path: str, mistakes: list[str], folder: Path | None) -> M | None:
    try:
        return kind.model_validate(data, context={"folder": folder or Path()})
    except ValidationError as error:
        fields = _fields(kind)
        details = error.errors(include_url=False, include_input=False)
        mistakes.extend(f"{_path(path, detail['loc'])}: {_words(dict(detail), fields)}" for detail in details)
        return None


def _words(detail: dict[str, Any], fields: frozenset[str]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(str(detail["loc"][-1]), fields)
    if kind == "literal_error":
        return f"must be one of {context['expected'].replace(' or ', ', ')}"
    if kind == "string_pattern_mismatch":
        return "must be 1 to 63 letters, digits, dots, dashes or underscores, beginning with a letter or digit"
    if kind == "value_error":
        return str(context["error"])
    return _WORDS.get(kind) or str(detail["msg"]).replace("Input should be", "must be")


def _unknown(name: str, known: Mapping[str, object] | frozenset[str]) -> str:
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f"unknown key; did you mean {close[0]}?" if close else "unknown key"


def _fields(kind: type[BaseModel]) -> frozenset[str]:
    """Collect the keys of a section and of the sections in it, for suggestions."""
    names = set(kind.model_fields)
    if kind is Config:
        names = set(Account.model_fields) | names
        for field in Account.model_fields.values():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                names |= set(field.annotation.model_fields)
    return frozenset(names)


def _path(prefix: str, location: tuple[int | str, ...]) -> str:
    path = prefix
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "accounts"


def _cross_checks(accounts: list[object]) -> Iterator[str]:
    """Check what no single key can know."""
    first: dict[object, int] = {}
    for index, raw in enumerate(accounts):
        if not isinstance(raw, dict):
            continue
        name = raw.get("name")
        if isinstance(name, str) and first.setdefault(name, index) != index:
            yield f"accounts[{index}].name: {name} is taken by accounts[{first[name]}]"
        yield from _address_mistakes(raw, f"accounts[{index}]")
        if isinstance(auth := raw.get("auth"), dict):
            yield from _credential_mistakes(auth, f"accounts[{index}].auth")


def _address_mistakes(raw: dict[str, object], path: str) -> Iterator[str]:
    center, environment = raw.get("data_center"), raw.get("environment", "commercial")
    if raw.get("type") == "partner":
        if center is not None:
            yield f"{path}.data_center: only a tenant has a data center"
    elif raw.get("type") == "tenant":
        if raw.get("customers") is not None:
            yield f"{path}.customers: only a partner has customers"
        known, choice = ENVIRONMENTS.get(str(environment)), f"one of {', '.join(sorted(DATA_CENTERS))}"
        if raw.get("base_url") is not None:
            return
        if center is None and known is not None and known.data_center is None:
            yield f"{path}.data_center: is required for a tenant (or base_url); {choice}"
        if isinstance(center, str) and center not in DATA_CENTERS:
            yield f"{path}.data_center: must be {choice}; for another one set base_url"


def _credential_mistakes(auth: dict[str, object], path: str) -> Iterator[str]:
    secrets = [key for key in _SECRETS if auth.get(key) is not None]
    passwords = [key for key in _PASSWORDS if auth.get(key) is not None]
    certificate = auth.get("certificate_file") is not None
    if len(secrets) + certificate == 0:
        yield f"{path}: needs one of {', '.join(_SECRETS)} or certificate_file"
    elif len(secrets) + certificate > 1:
        both = [*secrets, *(["certificate_file"] if certificate else [])]
        yield f"{path}: has {' and '.join(both)}; only one of them can be used"
    if len(passwords) > 1:
        yield f"{path}: has {' and '.join(passwords)}; only one of them can be used"
    if passwords and not certificate:
        yield f"{path}.{passwords[0]}: is for certificate_file, which is not set"


def _yaml_problem(error: Exception) -> str:
    """Say where and what, without repeating a line that may hold a secret."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"not valid YAML: line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    if isinstance(error, yaml.reader.ReaderError):
        return "not valid YAML: a character that YAML does not allow"
    return "not valid YAML"
