"""Code and documents do not contain the words and forms that the style guide refuses."""

import ast
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.docs.markdown import ROOT

_REFUSED: Final = re.compile(
    r"\b(?:(?:is|are) had|told of|tells of|anew|befalls?|mend(?:s|ed|ing)?|for want of|but for(?! example)|shall|hence"
    r"|thus|twins?|whoever|who may|proves? itself|as it came|as ever|nobody knew|stands twice|for ever)\b",
    re.IGNORECASE,
)
_SAME: Final = re.compile(r"\|\s*the same\s*(?=\|)", re.IGNORECASE)
_RIDDLE: Final = re.compile(r'"(?:title|description)": "((?:What|Who|Where|Which|How) [^"]*)"')
_BREAK: Final = re.compile(r"\s*\n[\s#]*")
_SUFFIXES: Final = frozenset((".py", ".md", ".html", ".json", ".yaml", ".yml", ".toml", ".txt", ".j2", ""))
_NOT_OURS: Final = re.compile(
    r"(?:LICENSE|requirements/|tests/(?:golden|payloads)/|(?:.*/)?schemas/|helm/avepoint-exporter/files/|tests/docs/test_english\.py)"
)


def _files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = (name for name in listed.splitlines() if Path(name).suffix in _SUFFIXES and not _NOT_OURS.match(name))
    return [name for name in names if (ROOT / name).is_file()]


def findings(name: str, text: str) -> list[str]:
    """Return refused words, table cells with "the same", and the beginnings that descriptions must not have."""
    found = _REFUSED.findall(_BREAK.sub(" ", text))
    if name.endswith(".json"):
        found += _RIDDLE.findall(text)
    if name.endswith(".md"):
        found += _SAME.findall(text)
    if text.startswith("#!/usr/bin/env python") or name.endswith(".py"):
        found += [doc for doc in _docstrings(text) if doc.startswith("Give")]
    return found


def _docstrings(text: str) -> list[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    return [ast.get_docstring(node) or "" for node in nodes]


@pytest.mark.parametrize("name", _files())
def test_a_file_has_no_refused_words(name: str) -> None:
    assert findings(name, (ROOT / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(("name", "text"), [
    ("a.md", "a token is had"), ("a.md", "for\nwant of it"), ("a.md", "| a | the same |"), ("a.md", "Mend it."),
    ("a.json", '{"description": "What is wrong."}'),
    ("a.py", "x = 1  # stands\n# twice"), ("a.py", 'def f() -> None:\n    """Give a thing."""\n'),
])  # fmt: skip
def test_what_is_refused_is_found(name: str, text: str) -> None:
    assert len(findings(name, text)) == 1


@pytest.mark.parametrize(
    "text", ["It is the same as before.", "a mender", "butter for it", "| a | the same as above |"]
)
def test_what_is_plain_is_not_found(text: str) -> None:
    assert findings("a.md", text) == []
