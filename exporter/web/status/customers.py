"""The rows of the page for customers that match a query, with failed customers first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from exporter.collectors.partner.customers import INFO
from exporter.engine.snapshot import SnapshotView
from exporter.web.status.formatting import Moment, moment, rounded_time, safe_text
from exporter.web.status.query import Paged, StatusQuery, paged
from exporter.web.status_data import StatusData

_PAGE_SIZE: Final = 25

Organizations = Mapping[str, Mapping[str, str]]
"""Organization names by account and customer id. A name is included only if it is on the metrics page."""


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """The state of one customer in one collector; `stale_after` is the age limit, set if the values are older."""

    account: str
    collector: str
    id: str
    organization: str
    is_up: bool
    read_at: Moment | None
    stale_after: str
    error: str
    hint: str
    request_id: str
    since: Moment | None


class _Match(NamedTuple):
    is_up: bool
    name: str
    customer_id: str
    view: SnapshotView


def organizations(data: StatusData) -> Organizations:
    """Return the organization names that are labels on the metrics page."""
    names: dict[str, dict[str, str]] = {}
    position = INFO.labels.index("organization") - 1
    for view in data.views:
        for result in view.reads.values():
            if data.monotonic - result.read_at_monotonic > view.stale_after:
                continue
            for sample in result.samples:
                if sample.family.name == INFO.name and sample.labels[position]:
                    names.setdefault(view.account, {})[sample.labels[0]] = sample.labels[position]
    return names


def customers(data: StatusData, names: Organizations, query: StatusQuery) -> Paged[CustomerRow]:
    """Return the requested page of the customers that match the query."""
    found = sorted(_matching(data.views, names, query), key=lambda one: one[:3])
    chosen = paged(found, _PAGE_SIZE, query, "page", "customers")
    rows = [_customer(one, names.get(one.view.account, {}), data) for one in chosen.items]
    return Paged(rows, chosen.first, chosen.last, chosen.total, chosen.steps)


def _matching(views: Sequence[SnapshotView], names: Organizations, query: StatusQuery) -> Iterator[_Match]:
    needle = query.text.casefold()
    for view in views:
        if query.account not in ("", view.account):
            continue
        organizations = names.get(view.account, {})
        for customer_id, is_up in view.customer_up.items():
            if query.state != "all" and is_up is not (query.state == "ok"):
                continue
            name = organizations.get(customer_id, "").casefold()
            if needle in name or needle in customer_id.casefold():
                yield _Match(is_up, name or customer_id, customer_id, view)


def _customer(found: _Match, names: Mapping[str, str], data: StatusData) -> CustomerRow:
    view, customer_id = found.view, found.customer_id
    result, failure = view.reads.get(customer_id), view.customer_failures.get(customer_id)
    age = None if result is None else data.monotonic - result.read_at_monotonic
    return CustomerRow(
        account=view.account,
        collector=view.collector,
        id=customer_id,
        organization=names.get(customer_id, ""),
        is_up=found.is_up,
        read_at=None if result is None else moment(result.read_at, data.now),
        stale_after=rounded_time(view.stale_after) if age is not None and age > view.stale_after else "",
        error=safe_text(failure.message) if failure else "",
        hint=safe_text(failure.hint) if failure else "",
        request_id=safe_text(failure.request_id) if failure else "",
        since=moment(failure.since, data.now) if failure and failure.since else None,
    )
