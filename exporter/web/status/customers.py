"""The customers that the visitor asks for, out of thousands, worst first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from exporter.collectors.partner.customers import INFO
from exporter.engine.snapshot import SnapshotView
from exporter.web.facts import Facts
from exporter.web.status.formatting import Moment, moment, plain, span
from exporter.web.status.query import Paged, StatusQuery, paged

_PAGE: Final = 25

Organizations = Mapping[str, Mapping[str, str]]
"""Names by account and customer id, as the page of metrics shows them."""


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One customer as one collector sees it; `too_old` says that its values are no longer shown."""

    account: str
    collector: str
    id: str
    organization: str
    is_read: bool
    read_at: Moment | None
    too_old: str
    error: str
    hint: str
    request_id: str
    since: Moment | None


class _Found(NamedTuple):
    is_read: bool
    name: str
    customer_id: str
    view: SnapshotView


def organizations(facts: Facts) -> Organizations:
    """Give the organizations' names; those that the metrics do not show are not shown here either."""
    names: dict[str, dict[str, str]] = {}
    position = INFO.labels.index("organization") - 1
    for view in facts.views:
        for known in view.reads.values():
            if facts.monotonic - known.read_at_monotonic > view.stale_after:
                continue
            for sample in known.samples:
                if sample.family.name == INFO.name and sample.labels[position]:
                    names.setdefault(view.account, {})[sample.labels[0]] = sample.labels[position]
    return names


def customers(facts: Facts, query: StatusQuery) -> Paged[CustomerRow]:
    """Give the page of customers that is asked for."""
    names = organizations(facts)
    found = sorted(_matching(facts.views, names, query), key=lambda one: one[:3])
    chosen = paged(found, _PAGE, query, "page", "customers")
    rows = [_customer(one, names.get(one.view.account, {}), facts) for one in chosen.items]
    return Paged(rows, chosen.first, chosen.last, chosen.total, chosen.steps)


def _matching(views: Sequence[SnapshotView], names: Organizations, query: StatusQuery) -> Iterator[_Found]:
    needle = query.text.casefold()
    for view in views:
        if query.account not in ("", view.account):
            continue
        known = names.get(view.account, {})
        for customer_id, is_read in view.customer_up.items():
            if query.state != "all" and is_read is not (query.state == "ok"):
                continue
            name = known.get(customer_id, "").casefold()
            if needle in name or needle in customer_id.casefold():
                yield _Found(is_read, name or customer_id, customer_id, view)


def _customer(found: _Found, names: Mapping[str, str], facts: Facts) -> CustomerRow:
    view, customer_id = found.view, found.customer_id
    known, problem = view.reads.get(customer_id), view.customer_failures.get(customer_id)
    age = None if known is None else facts.monotonic - known.read_at_monotonic
    return CustomerRow(
        account=view.account,
        collector=view.collector,
        id=customer_id,
        organization=names.get(customer_id, ""),
        is_read=found.is_read,
        read_at=None if known is None else moment(known.read_at, facts.now),
        too_old=span(view.stale_after) if age is not None and age > view.stale_after else "",
        error=plain(problem.message) if problem else "",
        hint=plain(problem.hint) if problem else "",
        request_id=plain(problem.request_id) if problem else "",
        since=moment(problem.since, facts.now) if problem and problem.since else None,
    )
