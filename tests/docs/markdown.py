"""The project's Markdown pages, with their fenced blocks, links, anchors and inline code."""

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).parents[2]
_PLACES: Final = ("*.md", "docs/**/*.md", "deploy/**/*.md", "helm/**/*.md", "grafana/**/*.md", "prometheus/**/*.md")
_NO_SLUG: Final = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `language` is the first word after the fence."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Page:
    """A Markdown file. `name` is the path of the file relative to the root of the checkout."""

    name: str
    tokens: Sequence[Token]

    @property
    def path(self) -> Path:
        return ROOT / self.name

    def blocks(self) -> Iterator[Block]:
        """Return every block of code. Indented blocks have no language."""
        for token in self.tokens:
            if token.type in ("fence", "code_block"):
                line = token.map[0] + 1 if token.map else 0
                yield Block(self.name, line, token.info.split(" ")[0], token.content)

    def links(self) -> Iterator[str]:
        """Return the targets of links and images."""
        for child in self._inline():
            if child.type in ("link_open", "image"):
                yield str(child.attrs["href" if child.type == "link_open" else "src"])

    def code(self) -> Iterator[str]:
        """Return all inline code."""
        yield from (child.content for child in self._inline() if child.type == "code_inline")

    def anchors(self) -> frozenset[str]:
        """Return the anchors that GitHub generates from the headings."""
        found: Counter[str] = Counter()
        slugs = set()
        for before, token in zip(self.tokens, self.tokens[1:], strict=False):
            if before.type == "heading_open":
                text = "".join(child.content for child in token.children or ())
                slug = _NO_SLUG.sub("", text.lower()).replace(" ", "-")
                slugs.add(f"{slug}-{found[slug]}" if found[slug] else slug)
                found[slug] += 1
        return frozenset(slugs)

    def _inline(self) -> Iterator[Token]:
        for token in self.tokens:
            yield from token.children or ()


@functools.cache
def pages() -> Mapping[str, Page]:
    """Return every page, keyed by name."""
    parser = MarkdownIt("commonmark").enable("table")
    paths = sorted({path for place in _PLACES for path in ROOT.glob(place)})
    return {
        name: Page(name, parser.parse(path.read_text(encoding="utf-8")))
        for path in paths
        for name in [path.relative_to(ROOT).as_posix()]
    }


def blocks(*languages: str) -> list[Block]:
    """Return the blocks in these languages. Without arguments, return all blocks."""
    found = (block for page in pages().values() for block in page.blocks())
    return [block for block in found if not languages or block.language in languages]
