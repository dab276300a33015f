"""From a YAML file to a Config; every mistake at once, each a line with its path in the file.

No message repeats a value of the file, nor a key that does not look like one: it may be a secret in the wrong place.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from exporter.config.checks import cross_checks
from exporter.config.schema import Account, CollectorOptions, Config
from exporter.config.sections import format_duration, is_duration
from exporter.errors import ConfigError

Catalogue = Mapping[str, Mapping[str, type[CollectorOptions]]]
"""The collectors there are: account type → collector's name → its options."""

M = TypeVar("M", bound=BaseModel)

_WORDS: Final = {
    "missing": "is missing; add it",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list",
    "string_type": "must be a text",
    "string_unicode": "must be a text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "path_type": "must be the path of a file",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
    "too_short": "must not be empty; give at least one",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "value_error": "{error}",
    "literal_error": "must be one of {choices}",
    "string_pattern_mismatch": (
        "must be 1 to 63 letters, digits, dots, dashes or underscores, beginning with a letter or digit"
    ),
    "invalid_key": "has a key that is not a text; quote numbers, dates, on, off, yes and no",
}
_KEY: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}[0-9]{0,3}", re.ASCII)
_QUOTED: Final = re.compile(r"""('(?:<[a-z ]+>|[][{},:?-])')|'[^']*'|"[^"]*\"""")
_LONGEST_LINE: Final = 1000


class _Loader(yaml.SafeLoader):
    """YAML as it is meant: a key that stands twice is a mistake, and whatever is wrong has its place."""

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be a text", problem_mark=key.start_mark)
            if (key.tag, key.value) in seen:
                name = f"the key {key.value}" if _KEY.fullmatch(key.value) else "a key"
                raise yaml.MarkedYAMLError(problem=f"{name} stands twice; keep one", problem_mark=key.start_mark)
            seen.add((key.tag, key.value))
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - the library's signature
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError):
            raise yaml.MarkedYAMLError(problem="cannot be read as its type", problem_mark=node.start_mark) from None


def load(path: Path, catalogue: Catalogue) -> Config:
    """Read the file; raises ConfigError with every mistake in it."""
    try:
        text = path.read_text(encoding="utf-8")
        folder = path.absolute().parent
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        init = ", avepoint-exporter init writes one" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError([_line(f"{path}: {reason} (--config.file names the configuration{init})")]) from None
    except UnicodeDecodeError:
        raise ConfigError([_line(f"{path}: not a UTF-8 text; save it as one")]) from None
    return parse(text, catalogue, source=str(path), folder=folder)


def names(path: Path) -> tuple[str, ...]:
    """Give the accounts' names as far as the file can be read, whatever else is wrong in it."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader with more checks
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return ()
    accounts = data.get("accounts") if isinstance(data, dict) else None
    found = [raw.get("name") for raw in accounts if isinstance(raw, dict)] if isinstance(accounts, list) else []
    return tuple(name for name in found if isinstance(name, str))


def parse(text: str, catalogue: Catalogue, *, source: str, folder: Path) -> Config:
    """Read the text of a configuration whose relative paths count from `folder`."""
    try:
        data = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with more checks
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError([_line(f"{source}: {_yaml_problem(error)}")]) from None
    if not isinstance(data, dict):
        raise ConfigError([_line(f"{source}: must be a mapping with the key accounts; see config.example.yaml")])
    mistakes: list[str] = []
    accounts = data.get("accounts")
    if isinstance(accounts, list):
        prepared = [_with_collectors(raw, index, catalogue, mistakes) for index, raw in enumerate(accounts)]
        mistakes += cross_checks(accounts)
        data = {**data, "accounts": prepared}
    config = _validate(Config, data, "", mistakes, folder)
    if mistakes or config is None:
        raise ConfigError(sorted(dict.fromkeys(map(_line, mistakes)), key=_position))
    return _inherited(config)


def _inherited(config: Config) -> Config:
    """Return the configuration with the file's labels and expectations in the accounts that do not set them."""
    return config.model_copy(update={"accounts": tuple(_with_defaults(account, config) for account in config.accounts)})


def _with_defaults(account: Account, config: Config) -> Account:
    update: dict[str, object] = {"expectations": account.expectations.inherit(config.expectations)}
    if "labels" not in account.model_fields_set:
        update["labels"] = config.labels
    return account.model_copy(update=update)


def _with_collectors(raw: object, index: int, catalogue: Catalogue, mistakes: list[str]) -> object:
    """Replace the raw options of an account's collectors by their types, defaults included."""
    if not isinstance(raw, dict):
        return raw
    every = {name: kind for kinds in catalogue.values() for name, kind in kinds.items()}
    account_type, given, path = raw.get("type"), raw.get("collectors"), f"accounts[{index}].collectors"
    # What is said of collectors is checked even where it is not known whose they are.
    known = catalogue.get(account_type, every) if isinstance(account_type, str) else every
    if given is not None and not isinstance(given, dict):
        mistakes.append(f"{path}: {_WORDS['dict_type']}")
        given = None
    given = given or {}
    mistakes += [
        f"{path}.{name}: is not for a {account_type} account; take it out"
        if name in every
        else _unknown(path, name, known)
        for name in given
        if name not in known
    ]
    options = {
        name: _validate(kind, {} if given.get(name) is None else given[name], f"{path}.{name}", mistakes, None)
        for name, kind in known.items()
    }
    return {**raw, "collectors": {name: value for name, value in options.items() if value is not None}}


def _validate(kind: type[M], data: object, path: str, mistakes: list[str], folder: Path | None) -> M | None:
    try:
        return kind.model_validate(data, context={"folder": folder or Path()})
    except ValidationError as error:
        details = error.errors(include_url=False)
        places = [detail["loc"] for detail in details]
        for detail in details:
            # A list whose items are all wrong is not empty, whatever pydantic counts.
            of_items = any(place[:-1][: len(detail["loc"])] == detail["loc"] for place in places)
            if not (detail["type"] == "too_short" and of_items):
                mistakes.append(_mistake(kind, detail, path))
        return None


def _mistake(kind: type[BaseModel], detail: ErrorDetails, path: str) -> str:
    """Say in one line what pydantic found; of the input only its type is looked at."""
    location, what = detail["loc"], detail["type"]
    section = _section(kind, location)
    if what == "extra_forbidden":
        return _unknown(_path(path, location[:-1]), location[-1], section)
    if what == "invalid_key":
        location = location[:-1]
    words = _WORDS.get(what, "cannot be used").format(**_context(section, detail))
    if what == "string_type" and not isinstance(detail["input"], list | dict):
        words += "; put it in quotes"
    return f"{_path(path, location) or 'the file'}: {words}"


def _context(section: type[BaseModel], detail: ErrorDetails) -> dict[str, str]:
    """Give what the words need of the rule that was broken, as the file would have it."""
    field = section.model_fields.get(str(detail["loc"][-1])) if detail["loc"] else None
    write = format_duration if field is not None and is_duration(field) else "{:g}".format
    context = {
        name: write(value) if isinstance(value, int | float) else str(value)
        for name, value in detail.get("ctx", {}).items()
    }
    return {**context, "choices": ", ".join(re.findall("'([^']*)'", context.get("expected", "")))}


def _section(kind: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    """Find the section in which a place lies."""
    for part in location[:-1]:
        if isinstance(part, str) and part in kind.model_fields:
            kind = _section_in(kind.model_fields[part].annotation) or kind
    return kind


def _section_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)


def _unknown(path: str, key: object, section: type[BaseModel] | Iterable[str]) -> str:
    """Name an unknown key, and the one that was probably meant, here or in a section below."""
    known = dict.fromkeys(section.model_fields if isinstance(section, type) else section)
    below = dict[str, str]()
    if isinstance(section, type):
        for name, field in section.model_fields.items():
            below |= {key: f"{name}.{key}" for key in getattr(_section_in(field.annotation), "model_fields", ())}
    text, names = str(key), ", ".join(known)
    before = text.partition(":")[0]
    if before != text and before in known:
        return f"{_path(path, (before,))}: needs a space after its colon"
    if not _KEY.fullmatch(text):
        return (
            f"{path or 'the file'}: has an unknown key, not shown because it may be a secret; see config.example.yaml"
        )
    close = difflib.get_close_matches(text, known, n=1)
    close = close or [below[name] for name in difflib.get_close_matches(text, below, n=1)]
    return f"{_path(path, (text,))}: unknown key; {f'did you mean {close[0]}?' if close else f'known are {names}'}"


def _path(prefix: str, location: tuple[int | str, ...]) -> str:
    path = prefix
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _position(mistake: str) -> int:
    """Tell which account a mistake is in, for their order; -1 for none."""
    match = re.match(r"accounts\[(\d+)\]", mistake)
    return int(match[1]) if match else -1


def _line(message: str) -> str:
    """Make one line of a message, whatever stands in the paths that it names."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in message[:_LONGEST_LINE])


def _yaml_problem(error: Exception) -> str:
    """Say where and what, without repeating what stands there."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark, problem = error.problem_mark, error.problem or "cannot be read"
        problem = (
            "a tab; indent with spaces" if "'\\t'" in problem else _QUOTED.sub(lambda part: part[1] or "…", problem)
        )
        place = f"line {mark.line + 1}, column {mark.column + 1}"
        return f"not valid YAML: {place}: {problem}{'' if ';' in problem else '; look there and just above'}"
    if isinstance(error, RecursionError):
        return "not valid YAML: nested too deeply; see config.example.yaml"
    return "not valid YAML: a character that YAML does not allow; remove it"
