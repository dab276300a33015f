"""The whole page as plain records, before any HTML."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from exporter import __version__
from exporter.web.facts import Facts
from exporter.web.status.collectors import CollectorRow, Spent, State, collector, spent, state_of
from exporter.web.status.customers import CustomerRow, customers
from exporter.web.status.error_cards import ErrorCard, earlier, error_cards
from exporter.web.status.formatting import Moment, count, moment, plain, span
from exporter.web.status.query import Paged, StatusQuery, paged

_COLLECTORS: Final = 50
_TROUBLES: Final = 12
_EARLIER: Final = 10
_MISTAKES: Final = 10


@dataclass(frozen=True, slots=True)
class Headline:
    """How everything is, in a sentence; "waiting" where it is not known yet."""

    level: Literal["good", "waiting", "bad"]
    text: str


@dataclass(frozen=True, slots=True)
class Model:
    """Everything on the page; numbers of what there is more of where a list is cut."""

    version: str
    uptime: str
    as_of: Moment
    verdict: Headline
    configured: Moment | None
    mistakes: tuple[str, ...]
    more_mistakes: int
    error_cards: tuple[ErrorCard, ...]
    more_error_cards: int
    collectors: Paged[CollectorRow]
    spent: tuple[Spent, ...]
    earlier: tuple[ErrorCard, ...]
    accounts: tuple[str, ...]
    customers: Paged[CustomerRow]
    customers_total: int
    query: StatusQuery


def model(facts: Facts, query: StatusQuery) -> Model:
    """Make the page that is asked for; `query` may be anything."""
    with_customers = tuple(dict.fromkeys(view.account for view in facts.views if view.customer_up))
    if query.account not in with_customers:
        query = StatusQuery(text=query.text, state=query.state, page=query.page, part=query.part)
    shown = paged(facts.views, _COLLECTORS, query, "part", "collectors")
    rows = [collector(view, facts, query) for view in shown.items]
    wrong, mistakes = iter(error_cards(facts, query)), facts.configured.errors
    read_at = facts.configured.read_at
    return Model(
        version=__version__,
        uptime=span(facts.uptime),
        as_of=moment(facts.now, facts.now),
        verdict=verdict(facts),
        configured=None if read_at is None else moment(read_at, facts.now),
        mistakes=tuple(map(plain, mistakes[:_MISTAKES])),
        more_mistakes=max(0, len(mistakes) - _MISTAKES),
        error_cards=tuple(islice(wrong, _TROUBLES)),
        more_error_cards=sum(1 for _ in wrong),
        collectors=Paged(rows, shown.first, shown.last, shown.total, shown.steps),
        spent=spent(tuple(dict.fromkeys(row.account for row in rows)), facts),
        earlier=tuple(earlier(facts.views, facts.now)[:_EARLIER]),
        accounts=with_customers,
        customers=customers(facts, query),
        customers_total=sum(len(view.customer_up) for view in facts.views),
        query=query,
    )


def verdict(facts: Facts) -> Headline:
    """Say how everything is."""
    states: Mapping[State, int] = Counter(state_of(view.status) for view in facts.views)
    known = {(view.account, customer): up for view in facts.views for customer, up in view.customer_up.items() if up}
    unread = {(view.account, customer) for view in facts.views for customer, up in view.customer_up.items() if not up}
    wrong = [
        *([f"{states['down']} of {count(len(facts.views), 'collector')} down"] if states.get("down") else ()),
        *([f"{count(len(unread), 'customer')} of {len(known.keys() | unread):,} not read"] if unread else ()),
        *(["the changed configuration has mistakes"] if facts.configured.errors else ()),
    ]
    if wrong:
        return Headline("bad", _sentence(wrong))
    if waiting := states.get("waiting"):
        return Headline("waiting", f"Not ready: {waiting} of {count(len(facts.views), 'collector')} in a first refresh")
    if not facts.views:
        return Headline("waiting", "No collector runs here")
    off = f", {states['off']} off" if states.get("off") else ""
    return Headline("good", f"{count(states.get('up', 0), 'collector')} up{off}; nothing is wrong")


def _sentence(parts: list[str]) -> str:
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]
