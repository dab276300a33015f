"""The content of the whole status page as dataclasses, without HTML."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from exporter import __version__
from exporter.web.status.collectors import AccountUsage, CollectorRow, State, account_usage, collector, state_of
from exporter.web.status.customers import CustomerRow, customers
from exporter.web.status.error_cards import ErrorCard, earlier_errors, error_cards
from exporter.web.status.formatting import Moment, count, moment, rounded_time, safe_text
from exporter.web.status.query import Paged, StatusQuery, paged
from exporter.web.status_data import StatusData

_COLLECTORS: Final = 50
_ERROR_CARDS: Final = 12
_EARLIER: Final = 10
_CONFIG_ERRORS: Final = 10


@dataclass(frozen=True, slots=True)
class Headline:
    """The overall state in one sentence; the level is "waiting" until all first refreshes are complete."""

    level: Literal["good", "waiting", "bad"]
    text: str


@dataclass(frozen=True, slots=True)
class Model:
    """The content of the page. A `more_` field counts the entries that are omitted from a list."""

    version: str
    uptime: str
    as_of: Moment
    headline: Headline
    configured: Moment | None
    config_errors: tuple[str, ...]
    more_config_errors: int
    error_cards: tuple[ErrorCard, ...]
    more_error_cards: int
    collectors: Paged[CollectorRow]
    account_usage: tuple[AccountUsage, ...]
    earlier: tuple[ErrorCard, ...]
    accounts: tuple[str, ...]
    customers: Paged[CustomerRow]
    customers_total: int
    query: StatusQuery


def model(data: StatusData, query: StatusQuery) -> Model:
    """Return the content of the page for a query, whose values are untrusted."""
    with_customers = tuple(dict.fromkeys(view.account for view in data.views if view.customer_up))
    if query.account not in with_customers:
        query = StatusQuery(text=query.text, state=query.state, page=query.page, part=query.part)
    shown = paged(data.views, _COLLECTORS, query, "part", "collectors")
    rows = [collector(view, data, query) for view in shown.items]
    cards, config_errors = iter(error_cards(data, query)), data.configured.errors
    loaded_at = data.configured.loaded_at
    return Model(
        version=__version__,
        uptime=rounded_time(data.uptime),
        as_of=moment(data.now, data.now),
        headline=headline(data),
        configured=None if loaded_at is None else moment(loaded_at, data.now),
        config_errors=tuple(map(safe_text, config_errors[:_CONFIG_ERRORS])),
        more_config_errors=max(0, len(config_errors) - _CONFIG_ERRORS),
        error_cards=tuple(islice(cards, _ERROR_CARDS)),
        more_error_cards=sum(1 for _ in cards),
        collectors=Paged(rows, shown.first, shown.last, shown.total, shown.steps),
        account_usage=account_usage(tuple(dict.fromkeys(row.account for row in rows)), data),
        earlier=tuple(earlier_errors(data.views, data.now)[:_EARLIER]),
        accounts=with_customers,
        customers=customers(data, query),
        customers_total=sum(len(view.customer_up) for view in data.views),
        query=query,
    )


def headline(data: StatusData) -> Headline:
    """Return the overall state of the collectors, customers and configuration."""
    states: Mapping[State, int] = Counter(state_of(view.status) for view in data.views)
    customers = [(view.account, *item) for view in data.views for item in view.customer_up.items()]
    failed = {(account, customer) for account, customer, is_up in customers if not is_up}
    total = len({(account, customer) for account, customer, _ in customers})
    parts = [
        *([f"{states['down']} of {count(len(data.views), 'collector')} down"] if states.get("down") else ()),
        *([f"{len(failed):,} of {count(total, 'customer')} failed"] if failed else ()),
        *(["the changed configuration is invalid"] if data.configured.errors else ()),
    ]
    if parts:
        return Headline("bad", _sentence(parts))
    if waiting := states.get("waiting"):
        return Headline(
            "waiting", f"Not ready: {waiting} of {count(len(data.views), 'collector')} in the first refresh"
        )
    if not data.views:
        return Headline("waiting", "No account is configured")
    off = f", {states['off']} off" if states.get("off") else ""
    return Headline("good", f"{count(states.get('up', 0), 'collector')} up{off}, no errors")


def _sentence(parts: list[str]) -> str:
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]
