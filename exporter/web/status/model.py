"""The content of the status page as dataclasses, without HTML."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from exporter import __version__
from exporter.health.registry import Severity
from exporter.web.status.collectors import (
    AccountUsage,
    CollectorRow,
    CollectorState,
    account_usage,
    collector,
    is_backing_off,
    state_of,
)
from exporter.web.status.customers import CustomerRow, customer_views, customers, organizations
from exporter.web.status.error_cards import ErrorCard, earlier_errors, error_cards
from exporter.web.status.formatting import Moment, count, moment, rounded_time, safe_text
from exporter.web.status.problems import SEVERITIES, ProblemRow, Problems, current_problems, problem_rows
from exporter.web.status.query import Paged, StatusQuery, paged
from exporter.web.status_data import StatusData

_COLLECTORS: Final = 50
_ERROR_CARDS: Final = 12
_EARLIER: Final = 10
_CONFIG_ERRORS: Final = 10
_PROBLEM: Final[Mapping[Severity, str]] = {
    "critical": "a critical problem",
    "warning": "a warning",
    "info": "an informational problem",
}


@dataclass(frozen=True, slots=True)
class Headline:
    """The overall state in one sentence. The level is "waiting" or worse until all first refreshes are complete."""

    level: Literal["good", "waiting", "warning", "bad"]
    text: str


@dataclass(frozen=True, slots=True)
class Model:
    """The content of the page. Each field `more_...` is the number of entries that a list omits."""

    version: str
    uptime: str
    as_of: Moment
    headline: Headline
    configured: Moment | None
    config_errors: tuple[str, ...]
    more_config_errors: int
    error_cards: tuple[ErrorCard, ...]
    more_error_cards: int
    problems: tuple[ProblemRow, ...]
    problems_total: int
    collectors: Paged[CollectorRow]
    account_usage: tuple[AccountUsage, ...]
    earlier: tuple[ErrorCard, ...]
    accounts: tuple[str, ...]
    customers: Paged[CustomerRow]
    customers_total: int
    has_tenants: bool
    is_loading: bool
    query: StatusQuery


def model(data: StatusData, query: StatusQuery) -> Model:
    """Return the content of the page for a query. The values of the query are untrusted."""
    views = customer_views(data)
    with_customers = tuple(dict.fromkeys(key.account for key in views))
    if query.account not in with_customers:
        query = StatusQuery(text=query.text, state=query.state, page=query.page, part=query.part)
    shown = paged(data.views, _COLLECTORS, query, "part", "collectors")
    rows = [collector(view, data, query) for view in shown.items]
    cards, config_errors = iter(error_cards(data, query)), data.configured.errors
    loaded_at = data.configured.loaded_at
    names, problems = organizations(data), current_problems(data)
    return Model(
        version=__version__,
        uptime=rounded_time(data.uptime),
        as_of=moment(data.now, data.now),
        headline=headline(data, problems),
        configured=None if loaded_at is None else moment(loaded_at, data.now),
        config_errors=tuple(map(safe_text, config_errors[:_CONFIG_ERRORS])),
        more_config_errors=max(0, len(config_errors) - _CONFIG_ERRORS),
        error_cards=tuple(islice(cards, _ERROR_CARDS)),
        more_error_cards=sum(1 for _ in cards),
        problems=problem_rows(problems, names, query, data.now),
        problems_total=len(problems.current),
        collectors=Paged(rows, shown.first, shown.last, shown.total, shown.steps),
        account_usage=account_usage(tuple(dict.fromkeys(row.account for row in rows)), data),
        earlier=tuple(earlier_errors(data.views, data.now)[:_EARLIER]),
        accounts=with_customers,
        customers=customers(data, views, names, problems, query),
        customers_total=len(views),
        has_tenants=any(view.account not in with_customers for view in data.verdicts),
        is_loading=data.is_loading,
        query=query,
    )


def headline(data: StatusData, problems: Problems) -> Headline:
    """Return the overall state of the collectors, the configuration and the customers."""
    states: Mapping[CollectorState, int] = Counter(state_of(view.status) for view in data.views)
    errors, (severity, about_problems) = _errors(data, states), _worst(problems)
    found = (about_problems,) if severity else ()
    if errors or severity == "critical":
        return Headline("bad", _sentence(*(errors or _collectors(data, states)), *found))
    if not data.views or states.get("waiting"):
        return Headline(
            "warning" if severity == "warning" else "waiting", _sentence(*_collectors(data, states), *found)
        )
    about = (about_problems,) if about_problems else ()
    return Headline("warning" if severity == "warning" else "good", _sentence(*_collectors(data, states), *about))


def _errors(data: StatusData, states: Mapping[CollectorState, int]) -> list[str]:
    customers = [(view.account, *item) for view in data.views for item in view.customer_up.items()]
    failed = {(account, customer) for account, customer, is_up in customers if not is_up}
    total = len({(account, customer) for account, customer, _ in customers})
    return [
        *([f"{states['down']} of {count(len(data.views), 'collector')} down"] if states.get("down") else ()),
        *([f"{len(failed):,} of {count(total, 'customer')} failed"] if failed else ()),
        *(["the changed configuration is invalid"] if data.configured.errors else ()),
    ]


def _collectors(data: StatusData, states: Mapping[CollectorState, int]) -> list[str]:
    if not data.views:
        return ["not ready: the persistent state is being loaded" if data.is_loading else "no account is configured"]
    if waiting := states.get("waiting"):
        return [f"not ready: first refresh incomplete for {waiting} of {count(len(data.views), 'collector')}"]
    off = f", {states['off']} off" if states.get("off") else ""
    slowed = sum(map(is_backing_off, data.limits.values()))
    return [
        f"{count(states.get('up', 0), 'collector')} up{off}",
        *([f"the exporter backs off for {count(slowed, 'account')}"] if slowed else ()),
    ]


def _worst(problems: Problems) -> tuple[Severity | None, str]:
    """Return the highest severity of all problems, and a message with the number of affected customers.

    A tenant account counts as one customer.
    """
    severities = Counter(one.severity for one in problems.by_customer.values())
    customers = count(problems.customers, "customer")
    for severity in SEVERITIES:
        if severities[severity]:
            return severity, f"{severities[severity]:,} of {customers} with {_PROBLEM[severity]}"
    if not problems.customers:
        return None, ""
    return None, f"no {'' if problems.is_known else 'known '}problem in {customers}"


def _sentence(*parts: str) -> str:
    text = " · ".join(parts)
    return text[:1].upper() + text[1:]
