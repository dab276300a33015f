"""Validation of the data in a YAML file.

All errors are reported together. Each error contains the key path, the line and the account. No error contains a value
from the file.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from exporter.config.sections import InvalidKeysError, format_duration, is_duration
from exporter.config.yaml_file import KEY, Document, join_path, one_line
from exporter.errors import ConfigError

M = TypeVar("M", bound=BaseModel)

_MESSAGES: Final = {
    "missing": "is missing; add the key",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list; begin each item with a dash",
    "string_type": "must be a string",
    "string_unicode": "must be a string",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be an integer",
    "int_parsing": "must be an integer",
    "float_type": "must be a number",
    "path_type": "must be the path of a file",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
    "too_short": "must not be empty; add an item",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "value_error": "{error}",
    "literal_error": "must be one of {choices}",
    "string_pattern_mismatch": (
        "must be 1 to 63 letters, digits, dots, dashes or underscores, and begin with a letter or digit"
    ),
    "invalid_key": "contains a key that is not a string; put numbers, dates, on, off, yes and no in quotes",
}
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9]+", re.ASCII)


class InvalidKey(NamedTuple):
    """An error message and the path of the invalid key. The path is "" for the whole file."""

    path: str
    message: str


def validate(kind: type[M], data: object, path: str, errors: list[InvalidKey], directory: Path) -> M | None:
    """Return the validated section. If the section is invalid, add its errors to `errors` and return None.

    Relative file paths are resolved against `directory`.
    """
    try:
        return kind.model_validate(data, context={"directory": directory})
    except ValidationError as error:
        details = error.errors(include_url=False)
        locations = [detail["loc"] for detail in details]
        for detail in details:
            # pydantic counts only valid items, so a list with only invalid items is reported as too short.
            has_invalid_items = any(place[:-1][: len(detail["loc"])] == detail["loc"] for place in locations)
            if not (detail["type"] == "too_short" and has_invalid_items):
                errors += _invalid_keys(kind, detail, path)
        return None


def require_valid(section: M | None, errors: Iterable[InvalidKey], document: Document, source: str) -> M:
    """Return the section. Raise ConfigError if there are errors, with one line per error, sorted by account."""
    lines = [locate(error, document, source) for error in sorted(errors, key=_account_index)]
    if lines or section is None:
        raise ConfigError(list(dict.fromkeys(lines)))
    return section


def unknown_key(path: str, key: object, section: type[BaseModel] | Iterable[str]) -> InvalidKey:
    """Return the error for an unknown key.

    The error suggests a similar key in this section or in a section directly below.
    """
    known = dict.fromkeys(section.model_fields if isinstance(section, type) else section)
    below = dict[str, str]()
    if isinstance(section, type):
        for name, field in section.model_fields.items():
            below |= {key: f"{name}.{key}" for key in getattr(_section_in(field.annotation), "model_fields", ())}
    text, names = str(key), ", ".join(known)
    before = text.partition(":")[0]
    if before != text and before in known:
        return InvalidKey(join_path(path, before), "needs a space after the colon")
    if not KEY.fullmatch(text):
        return InvalidKey(
            path,
            "contains an unknown key, which is not shown because it may be a secret; check the keys",
        )
    close = difflib.get_close_matches(text, known, n=1)
    close = close or [below[name] for name in difflib.get_close_matches(text, below, n=1)]
    return InvalidKey(join_path(path, text), f"unknown key; {f'did you mean {close[0]}?' if close else f'use {names}'}")


def similar(value: str, choices: Iterable[str]) -> str:
    """Return the most similar choice. If there is none, return a choice that contains the value, or ""."""
    names = {choice.casefold(): choice for choice in choices}
    typed = value.strip().casefold()
    close = difflib.get_close_matches(typed, names, n=1) or [name for name in names if typed and typed in name]
    return names[close[0]] if close else ""


def locate(error: InvalidKey, document: Document, source: str) -> str:
    """Format an error as one line, with the file, the line number and the account name if they are available."""
    path = error.path
    if not path:
        return one_line(f"{source or 'the file'}: {error.message}")
    while path not in document.lines and path:
        path = re.sub(r"(\.[^.[\]]*|\[\d+\]|^[^.[\]]*)$", "", path)
    where = [f"{source}:{document.lines[path]}" if path else source] if source else []
    where += [f"account {name}" for name in _account_name(error, document.data) if source]
    return one_line(f"{error.path}: {error.message}" + (f" ({', '.join(where)})" if where else ""))


def _account_index(error: InvalidKey) -> int:
    match = re.match(r"accounts\[(\d+)\]", error.path)
    return int(match[1]) if match else -1


def _account_name(error: InvalidKey, data: object) -> Iterator[str]:
    accounts, index = data.get("accounts") if isinstance(data, dict) else None, _account_index(error)
    if isinstance(accounts, list) and 0 <= index < len(accounts) and isinstance(accounts[index], dict):
        name = accounts[index].get("name")
        if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
            yield name


def _invalid_keys(kind: type[BaseModel], detail: ErrorDetails, path: str) -> Iterator[InvalidKey]:
    """Convert an error from pydantic to errors whose messages never contain the invalid value."""
    location = tuple(part for part in detail["loc"] if part != "[key]")
    section, what = _section(kind, location), detail["type"]
    error = detail.get("ctx", {}).get("error")
    if isinstance(error, InvalidKeysError):
        yield from (InvalidKey(_path(path, (*location, key)), message) for key, message in error.errors)
    elif what == "extra_forbidden":
        yield unknown_key(_path(path, location[:-1]), location[-1], section)
    else:
        message = _MESSAGES.get(what, "cannot be used").format(**_context(section, location, detail))
        yield InvalidKey(
            _path(path, location[:-1] if what == "invalid_key" else location), message + _advice(detail, section)
        )


def _advice(detail: ErrorDetails, section: type[BaseModel]) -> str:
    value = detail["input"]
    if detail["type"] == "model_type" and value is False and "enabled" in section.model_fields and not detail["loc"]:
        return "; to disable the collector, set enabled: false"
    if detail["type"] == "literal_error" and isinstance(value, str):
        close = similar(value, _choices(detail))
        return f"; did you mean {close}?" if close else ""
    if detail["type"] == "string_type" and not isinstance(value, list | dict):
        return "; put the value in quotes"
    if detail["type"] == "int_type" and isinstance(value, str) and _LEADING_ZERO.fullmatch(value):
        return " without a leading zero"
    return ""


def _context(section: type[BaseModel], location: tuple[int | str, ...], detail: ErrorDetails) -> dict[str, str]:
    """Return the bounds and choices for an error message. Durations have the format of the configuration file."""
    field = section.model_fields.get(str(location[-1])) if location else None
    write = format_duration if field is not None and is_duration(field) else "{:g}".format
    context = {
        name: write(value) if isinstance(value, int | float) else str(value)
        for name, value in detail.get("ctx", {}).items()
    }
    return {**context, "choices": ", ".join(_choices(detail))}


def _choices(detail: ErrorDetails) -> list[str]:
    return re.findall("'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))


def _section(kind: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the type of the section that contains the key at a location."""
    for part in location[:-1]:
        if isinstance(part, str) and part in kind.model_fields:
            kind = _section_in(kind.model_fields[part].annotation) or kind
    return kind


def _section_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)


def _path(path: str, location: Iterable[int | str]) -> str:
    for part in location:
        path = join_path(path, part)
    return path
