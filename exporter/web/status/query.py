"""The query string of the status page.

The query string filters the customers, and selects a page of the customer list and a page of the collector list. All
values come from the client and are untrusted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Literal, TypeVar, get_args
from urllib.parse import urlencode

StateFilter = Literal["all", "problem", "failed", "ok"]
Item = TypeVar("Item")

_LONGEST_TEXT: Final = 100
_LONGEST_ACCOUNT: Final = 200
_LONGEST_NUMBER: Final = 6
_NEAR: Final = 1
"""Number of page links on each side of the current page."""


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """A filter for customers, and the page numbers of the customer list (`page`) and the collector list (`part`)."""

    account: str = ""
    text: str = ""
    state: StateFilter = "all"
    page: int = 1
    part: int = 1

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "StatusQuery":
        """Return the query from the parameters of a URL. Replace invalid values with their defaults."""
        state = given.get("state", "")
        return cls(
            account=given.get("account", "")[:_LONGEST_ACCOUNT],
            text=_printable(given.get("q", ""))[:_LONGEST_TEXT].strip(),
            state=next((one for one in get_args(StateFilter) if one == state), "all"),
            page=_number(given.get("page", "")),
            part=_number(given.get("part", "")),
        )

    @property
    def filters(self) -> bool:
        """Return whether a filter is set."""
        return bool(self.account or self.text or self.state != "all")

    def link(self, fragment: str, **changes: Any) -> str:  # noqa: ANN401 - dataclasses.replace checks the field names
        """Return a link to a fragment of the page. In the link, `changes` replace values of this query."""
        other, default = replace(self, **changes), StatusQuery()
        values = {
            "account": other.account,
            "q": other.text,
            "state": "" if other.state == default.state else other.state,
            "page": "" if other.page == default.page else str(other.page),
            "part": "" if other.part == default.part else str(other.part),
        }
        return f"?{urlencode({name: value for name, value in values.items() if value})}#{fragment}"


@dataclass(frozen=True, slots=True)
class PagerStep:
    """One link in the page navigation. If the link leads to the current page, `current` is true."""

    text: str
    link: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class Paged(Generic[Item]):
    """One page of a list. `steps` contains the links to other pages. None marks a gap between page numbers."""

    items: Sequence[Item]
    first: int
    last: int
    total: int
    steps: tuple[PagerStep | None, ...]


def paged(
    items: Sequence[Item], size: int, query: StatusQuery, key: Literal["page", "part"], fragment: str
) -> Paged[Item]:
    """Return the part of a list that is on the selected page. If the page number is too high, return the last page."""
    pages = max(1, -(-len(items) // size))
    number = min(pages, getattr(query, key))
    begin = (number - 1) * size
    chosen = items[begin : begin + size]
    steps = _steps(number, pages, lambda page: query.link(fragment, **{key: page})) if pages > 1 else ()
    return Paged(chosen, begin + 1 if chosen else 0, begin + len(chosen), len(items), steps)


def _steps(number: int, pages: int, link: Any) -> tuple[PagerStep | None, ...]:  # noqa: ANN401 - a local function
    near = range(number - _NEAR, number + _NEAR + 1)
    steps: list[PagerStep | None] = [PagerStep("Previous", link(number - 1))] if number > 1 else []
    before = 0
    for page in sorted({1, pages, *(one for one in near if 1 <= one <= pages)}):
        if page > before + 1:
            steps.append(None)
        steps.append(PagerStep(str(page), link(page), page == number))
        before = page
    return (*steps, PagerStep("Next", link(number + 1))) if number < pages else tuple(steps)


def _printable(text: str) -> str:
    return "".join(one for one in text[: 4 * _LONGEST_TEXT] if one.isprintable())


def _number(text: str) -> int:
    sensible = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    return max(1, int(text)) if sensible else 1
