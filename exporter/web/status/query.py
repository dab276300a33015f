"""What a visitor asks the page for: a filter of the customers and places in two lists. Nothing in it is believed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Literal, TypeVar, get_args
from urllib.parse import urlencode

Wanted = Literal["all", "failed", "ok"]
Item = TypeVar("Item")

_LONGEST_TEXT: Final = 100
_LONGEST_ACCOUNT: Final = 200
_LONGEST_NUMBER: Final = 6
_NEAR: Final = 1
"""Pages named to the left and to the right of the current one."""


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """Which customers are wanted, and which page of them and of the collectors, from 1."""

    account: str = ""
    text: str = ""
    state: Wanted = "all"
    page: int = 1
    part: int = 1

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "StatusQuery":
        """Read it from the address; what makes no sense counts as not said."""
        state = given.get("state", "")
        return cls(
            account=given.get("account", "")[:_LONGEST_ACCOUNT],
            text=_printable(given.get("q", ""))[:_LONGEST_TEXT].strip(),
            state=next((one for one in get_args(Wanted) if one == state), "all"),
            page=_number(given.get("page", "")),
            part=_number(given.get("part", "")),
        )

    @property
    def filters(self) -> bool:
        """Whether some customers may be left out."""
        return bool(self.account or self.text or self.state != "all")

    def link(self, fragment: str, **changes: Any) -> str:  # noqa: ANN401 - dataclasses.replace checks the names
        """Give the address of the page with these changes, to a part of it."""
        other, plain = replace(self, **changes), StatusQuery()
        said = {
            "account": other.account,
            "q": other.text,
            "state": "" if other.state == plain.state else other.state,
            "page": "" if other.page == plain.page else str(other.page),
            "part": "" if other.part == plain.part else str(other.part),
        }
        return f"?{urlencode({name: value for name, value in said.items() if value})}#{fragment}"


@dataclass(frozen=True, slots=True)
class PagerStep:
    """One place to go to: its words, its address, and whether it is where the visitor is."""

    text: str
    link: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class Paged(Generic[Item]):
    """One page of a list: its items, which of how many they are, and the ways to the others (None for a gap)."""

    items: Sequence[Item]
    first: int
    last: int
    total: int
    steps: tuple[PagerStep | None, ...]


def paged(
    items: Sequence[Item], size: int, query: StatusQuery, key: Literal["page", "part"], fragment: str
) -> Paged[Item]:
    """Give the page that is asked for, or the last one there is."""
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
