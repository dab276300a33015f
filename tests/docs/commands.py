"""Parse the commands in console blocks as a shell does."""

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
    """A line that the reader types. `block` contains this line, and `text` is the line without the prompt."""

    block: Block
    text: str

    def __str__(self) -> str:
        return f"{self.block.page}: {self.text[:60]}"

    def commands(self) -> Iterator[Sequence[str]]:
        """Yield each command of the line as a list of program and arguments, without assignments and redirections."""
        lexer = shlex.shlex(self.text, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        parts = [(is_between, list(words)) for is_between, words in groupby(lexer, _BETWEEN.__contains__)]
        before: list[str] = []
        for is_between, words in parts:
            if is_between:
                before = words
                continue
            while "=" in words[0] and not words[0].startswith("-"):
                words = words[1:] or [""]  # noqa: PLW2901 - skips an assignment
            if before[-1:] not in ([">"], ["<"]) and words != [""]:
                yield words


def lines(block: Block) -> Iterator[Line]:
    """Yield the lines that the reader types. A typed line may continue on the next lines of the block."""
    typed = ""
    for raw in block.text.splitlines():
        if not typed:
            assert raw.startswith(_PROMPTS), f"{block}: the line {raw!r} has no prompt"
        typed += raw.removesuffix("\\")[0 if typed else 2 :]
        if not raw.endswith("\\"):
            yield Line(block, typed)
            typed = ""
    assert not typed, f"{block}: the last command is incomplete"


def all_lines() -> list[Line]:
    """Return the typed lines of all pages."""
    return [line for block in blocks("console") for line in lines(block)]
