"""The commands of console blocks: taken apart as a shell does."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from tests.docs.markdown import Block, blocks

_PROMPTS: Final = ("$ ", "# ")
_BETWEEN: Final = frozenset({"&&", "||", "|", ";", "(", ")", ">", "<"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is typed, with where it stands; `text` is what the shell gets."""

    block: Block
    text: str

    def __str__(self) -> str:
        return f"{self.block.page}: {self.text[:60]}"

    def commands(self) -> Iterator[Sequence[str]]:
        """Return each command of the line: program and arguments, without assignments before it and redirections."""
        lexer = shlex.shlex(self.text, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        parts = [(is_between, list(words)) for is_between, words in groupby(lexer, _BETWEEN.__contains__)]
        before: list[str] = []
        for is_between, words in parts:
            if is_between:
                before = words
                continue
            while "=" in words[0] and not words[0].startswith("-"):
                words = words[1:] or [""]  # noqa: PLW2901 - an assignment is not the program
            if before[-1:] not in ([">"], ["<"]) and words != [""]:
                yield words


def lines(block: Block) -> Iterator[Line]:
    """Return the lines that a console block has the reader type; every line is one, or goes on with one."""
    typed = ""
    for raw in block.text.splitlines():
        if not typed:
            assert raw.startswith(_PROMPTS), f"{block}: no prompt before {raw!r}"
        typed += raw.removesuffix("\\")[0 if typed else 2 :]
        if not raw.endswith("\\"):
            yield Line(block, typed)
            typed = ""
    assert not typed, f"{block}: ends in the midst of a command"


def all_lines() -> list[Line]:
    """Return the lines of all pages."""
    return [line for block in blocks("console") for line in lines(block)]
