"""The rows for customers on the status page. A query selects the customers.

Failed customers come first. Within each group, customers are sorted by the severity of their problems.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from exporter.collectors.partner.customers import INFO
from exporter.engine.snapshot import SnapshotView
from exporter.errors import Failure
from exporter.health.registry import Severity
from exporter.web.status.error_cards import Cause, cause_of
from exporter.web.status.formatting import Moment, moment, rounded_time, safe_text
from exporter.web.status.problems import SEVERITIES, CustomerKey, Organizations, Problems
from exporter.web.status.query import Paged, StatusQuery, paged
from exporter.web.status_data import StatusData

_PAGE_SIZE: Final = 25

CustomerViews = Mapping[CustomerKey, Sequence[SnapshotView]]
"""For each customer, the views of all collectors that read this customer."""


@dataclass(frozen=True, slots=True)
class CustomerError:
    """An error of one customer. Several collectors can report the same error."""

    collectors: str
    error: str
    hint: str
    request_id: str
    since: Moment | None


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """The state of one customer.

    `collectors` is the number of collectors that read the customer. `up` is the number of these collectors whose
    most recent refresh of the customer succeeded. `read_at` is the read time of the oldest data. If a collector has no
    data, `read_at` is None.
    `stale_after` is the age at which data of the customer became stale, or "" if no data is stale.
    """

    account: str
    id: str
    organization: str
    problems: tuple[tuple[Severity, int], ...]
    up: int
    collectors: int
    read_at: Moment | None
    stale_after: str
    errors: tuple[CustomerError, ...]
    metrics: str


def organizations(data: StatusData) -> Organizations:
    """Return the organization names that appear as label values on the metrics page."""
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


def customer_views(data: StatusData) -> CustomerViews:
    """Return the views of each customer. Include customers without views if they have a verdict."""
    found: dict[CustomerKey, list[SnapshotView]] = {}
    for view in data.views:
        for customer_id in view.customer_up:
            found.setdefault(CustomerKey(view.account, customer_id), []).append(view)
    for view in data.verdicts:
        for customer_id in filter(None, view.reads):
            found.setdefault(CustomerKey(view.account, customer_id), [])
    return found


def customers(
    data: StatusData, views: CustomerViews, names: Organizations, problems: Problems, query: StatusQuery
) -> Paged[CustomerRow]:
    """Return the requested page of the customers that match the query."""
    found = sorted(_matching(views, names, problems, query))
    chosen = paged(found, _PAGE_SIZE, query, "page", "customers")
    rows = [_customer(key, views[key], names.get(key.account, {}), problems, data) for *_, key in chosen.items]
    return Paged(rows, chosen.first, chosen.last, chosen.total, chosen.steps)


def _matching(
    views: CustomerViews, names: Organizations, problems: Problems, query: StatusQuery
) -> Iterator[tuple[bool, int, str, CustomerKey]]:
    """Yield one tuple per matching customer. The page sorts the customers by these tuples."""
    needle = query.text.casefold()
    for key, of_customer in views.items():
        is_up = all(view.customer_up[key.id] for view in of_customer)
        own = problems.by_customer.get(key)
        if query.account not in ("", key.account) or not _has_state(query.state, is_up=is_up, has_problem=bool(own)):
            continue
        name = names.get(key.account, {}).get(key.id, "").casefold()
        if needle in name or needle in key.id.casefold():
            yield is_up, SEVERITIES.index(own.severity) if own else len(SEVERITIES), name or key.id, key


def _has_state(state: str, *, is_up: bool, has_problem: bool) -> bool:
    return {"all": True, "problem": has_problem, "failed": not is_up, "ok": is_up}[state]


def _customer(
    key: CustomerKey, views: Sequence[SnapshotView], names: Mapping[str, str], problems: Problems, data: StatusData
) -> CustomerRow:
    results = [(view, view.reads.get(key.id)) for view in views]
    reads = [result for _, result in results if result is not None]
    stale = [
        view for view, result in results if result and data.monotonic - result.read_at_monotonic > view.stale_after
    ]
    own = problems.by_customer.get(key)
    is_read = bool(reads) and len(reads) == len(views)
    return CustomerRow(
        account=key.account,
        id=key.id,
        organization=names.get(key.id, ""),
        problems=own.counts if own else (),
        up=sum(view.customer_up[key.id] for view in views),
        collectors=len(views),
        read_at=moment(min(read.read_at for read in reads), data.now) if is_read else None,
        stale_after=rounded_time(stale[0].stale_after) if stale else "",
        errors=tuple(_errors(key.id, views, data.now)),
        metrics=f"probe?{urlencode({'account': key.account})}",
    )


def _errors(customer_id: str, views: Sequence[SnapshotView], now: float) -> Iterator[CustomerError]:
    groups: dict[Cause, list[tuple[str, Failure]]] = {}
    for view in views:
        failure = view.customer_failures.get(customer_id)
        if failure is not None:
            groups.setdefault(cause_of(failure), []).append((view.collector, failure))
    for group in groups.values():
        failure = group[0][1]
        yield CustomerError(
            collectors=", ".join(collector for collector, _ in group),
            error=safe_text(failure.message),
            hint=safe_text(failure.hint),
            request_id=safe_text(failure.request_id),
            since=moment(failure.since, now) if failure.since else None,
        )
