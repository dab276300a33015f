"""A strict YAML reader.

The reader rejects duplicate keys, accepts only decimal integers, and reports the line of each error. Errors never
contain values, because a value may be a secret. Errors contain a key only if the key looks like a configuration key.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from exporter.config.text import decode_text
from exporter.errors import ConfigError, why_unreadable

KEY: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}[0-9]{0,3}", re.ASCII)
"""Pattern of strings that look like configuration keys."""
_QUOTED: Final = re.compile(r"""('(?:<[a-z ]+>|[][{},:?-])')|'[^']*'|"[^"]*\"""")
_PROBLEMS: Final = {
    r"'\\t'": "tab found; indent with spaces",
    "cannot start any token|constructor for the tag|undefined tag|chomping or indentation|comment or a line break": (
        "a key or value begins with a special character; put it in quotes"
    ),
    "undefined alias": "undefined alias; define the anchor, or put the value in quotes",
}
"""Maps patterns of PyYAML's messages to plain messages."""
_DECIMAL: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)$", re.ASCII)
_LONGEST_LINE: Final = 1000


@dataclass(frozen=True, slots=True)
class Document:
    """The data of a YAML file. `lines` maps the path of each key, such as `accounts[0].auth`, to its line number."""

    data: object
    lines: Mapping[str, int]


def read_yaml(path: Path, *, flag: str, hint: str = "") -> Document:
    """Read a YAML file. Raise ConfigError if the file is unreadable or not valid YAML.

    `flag` is the flag that sets `path`. If the file does not exist, `hint` is appended to the error message.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        missing = hint if isinstance(error, FileNotFoundError) else ""
        raise ConfigError([one_line(f"{flag}: cannot read {path}: {why_unreadable(error)}{missing}")]) from None
    try:
        text = decode_text(data)
    except ValueError as error:
        raise ConfigError([one_line(f"{path}: {error}")]) from None
    return parse_yaml(text, source=str(path))


def parse_yaml(text: str, *, source: str) -> Document:
    """Parse the text of a YAML file. Raise ConfigError if the text is not valid YAML."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        lines = dict(_lines(node, "", set())) if node is not None else {}
        return Document(loader.construct_document(node) if node is not None else None, lines)
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError([one_line(f"{source}: {_explain(error, text)}")]) from None


def join_path(path: str, key: object) -> str:
    """Append a key or a list index to a path."""
    return f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else str(key)


def one_line(message: str) -> str:
    """Return a message as one line of limited length. Replace unprintable characters, such as those in file paths."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in message[:_LONGEST_LINE])


class _Loader(yaml.SafeLoader):
    """A strict version of PyYAML's safe loader. The loader rejects duplicate keys and does not read octal numbers."""

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be a string", problem_mark=key.start_mark)
            if (key.tag, key.value) in seen:
                name = f"key {key.value}" if KEY.fullmatch(key.value) else "key"
                raise yaml.MarkedYAMLError(problem=f"duplicate {name}; remove one", problem_mark=key.start_mark)
            seen.add((key.tag, key.value))
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - the library's signature
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError):
            raise yaml.MarkedYAMLError(
                problem="the value does not match its YAML type", problem_mark=node.start_mark
            ) from None


# YAML 1.1 reads 050 as 40, 1:30 as 90 and 1_0 as 10. This loader reads 050, 1:30 and 1_0 as strings.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:int"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _DECIMAL, list("-+0123456789"))


def _lines(node: yaml.Node, path: str, seen: set[int]) -> Iterator[tuple[str, int]]:
    """Yield the path and line number of each key below a node. An aliased node has the path of its first use."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = join_path(path, key.value)
            yield below, key.start_mark.line + 1
            yield from _lines(value, below, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            below = join_path(path, index)
            yield below, value.start_mark.line + 1
            yield from _lines(value, below, seen)


def _explain(error: Exception, text: str) -> str:
    """Return the position and cause of a YAML error, without text from the file."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark, problem = error.problem_mark, error.problem or "syntax error"
        return f"invalid YAML at line {mark.line + 1}, column {mark.column + 1}: {_problem(problem)}"
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return f"invalid YAML at line {line}, column {column}: invalid character; remove the character"
    return "invalid YAML: nested too deeply; see config.example.yaml"


def _problem(problem: str) -> str:
    """Return the cause of a YAML error with advice."""
    plain = next((plain for pattern, plain in _PROBLEMS.items() if re.search(pattern, problem)), "")
    plain = plain or _QUOTED.sub(lambda part: part[1] or "…", problem)
    return plain if ";" in plain else f"{plain}; check this line and the previous line"
