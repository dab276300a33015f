"""Links lead to existing files, anchors and pictures, and to known hosts. Every page is the target of a link."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from markdown_it import MarkdownIt

from tests.docs.markdown import ROOT, Page, pages

INDEX: Final = "docs/README.md"
_LOCAL: Final = frozenset({"localhost", "127.0.0.1"})
_LIBRARIES: Final = frozenset({
    "click.palletsprojects.com", "cryptography.io", "docs.pydantic.dev", "h11.readthedocs.io",
    "jinja.palletsprojects.com", "prometheus.github.io", "pyjwt.readthedocs.io", "pyyaml.org",
    "www.python-httpx.org", "www.starlette.io", "www.structlog.org", "www.uvicorn.org",
})  # fmt: skip
_STANDARDS: Final = frozenset({"keepachangelog.com", "semver.org"})
HOSTS: Final = _LOCAL | _LIBRARIES | _STANDARDS | {"github.com", "img.shields.io", "pipx.pypa.io"}
LONGEST: Final = 220
"""Maximum number of lines of a page that is not generated."""
_GENERATED: Final = ("docs/metrics.md", "docs/configuration.md", "docs/command-line.md")
_TABLES: Final = ("helm/avepoint-exporter/README.md",)

each_page = pytest.mark.parametrize("page", pages().values(), ids=lambda page: page.name)


def _inside(page: Page) -> Iterator[tuple[str, Path, str]]:
    """Return (link, file, anchor) for each link to a file of the checkout."""
    for link in page.links():
        parts = urlsplit(link)
        if not parts.scheme:
            yield link, (page.path.parent / parts.path).resolve() if parts.path else page.path, parts.fragment


@each_page
def test_links_lead_to_files_and_headings_that_there_are(page: Page) -> None:
    for link, target, anchor in _inside(page):
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in pages()[target.relative_to(ROOT).as_posix()].anchors(), link


@each_page
def test_addresses_are_well_formed_and_of_known_hosts(page: Page) -> None:
    for link in page.links():
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme == ("http" if parts.hostname in _LOCAL else "https"), link
            assert parts.hostname in HOSTS, link
            assert parts.port is None or parts.hostname in _LOCAL, link
            assert parts.username is None, link
            assert not re.search(r"\s", link), link


def test_every_known_host_is_linked_to() -> None:
    linked = {urlsplit(link).hostname for page in pages().values() for link in page.links()}
    assert linked >= HOSTS


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, waiting = set(), {INDEX}
    while waiting:
        name = waiting.pop()
        reached.add(name)
        linked = {target.relative_to(ROOT).as_posix() for _, target, _ in _inside(pages()[name])}
        waiting |= (linked & set(pages())) - reached
    assert set(pages()) - reached == set()


def test_the_readme_leads_to_the_index() -> None:
    assert INDEX in {target.relative_to(ROOT).as_posix() for _, target, _ in _inside(pages()["README.md"])}


def test_every_picture_is_shown_somewhere() -> None:
    shown = {target for page in pages().values() for _, target, _ in _inside(page)}
    assert set((ROOT / "docs" / "images").glob("*.png")) <= shown


@each_page
def test_no_page_is_longer_than_anybody_reads(page: Page) -> None:
    longest = 10_000 if page.name in (*_GENERATED, *_TABLES) else LONGEST
    text = page.path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= longest
    headings = [token for token in page.tokens if token.type == "heading_open"]
    assert [token.tag for token in headings].count("h1") == 1
    assert headings[0].tag == "h1"


def test_a_heading_that_stands_twice_has_an_anchor_of_its_own() -> None:
    page = Page("x.md", MarkdownIt().parse("# A `b`, c!\n\n## A b c\n\n## x_y (z)\n"))
    assert page.anchors() == {"a-b-c", "a-b-c-1", "x_y-z"}
