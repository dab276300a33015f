"""Cards for current and earlier errors. Customers with the same error share one card."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from exporter.engine.snapshot import SnapshotView
from exporter.errors import Failure
from exporter.web.status.collectors import failed_link, state_of
from exporter.web.status.formatting import Moment, count, moment, safe_text
from exporter.web.status.query import StatusQuery
from exporter.web.status_data import StatusData


@dataclass(frozen=True, slots=True)
class ErrorCard:
    """An error with its hint and the times of its first and last occurrence; `link` lists the affected customers."""

    account: str
    collector: str
    summary: str
    error: str
    hint: str
    request_id: str
    since: Moment | None
    at: Moment | None
    link: str = ""

    @property
    def runbook(self) -> str:
        """Return the name of the runbook for the error."""
        return "AvePointCustomerUnreadable" if self.link else "AvePointAccountUnreadable"


def error_cards(data: StatusData, query: StatusQuery) -> Iterator[ErrorCard]:
    """Yield the errors of collectors that are down, then the errors of customers, most frequent first."""
    for view in data.views:
        if state_of(view.status) == "down":
            yield _of_collector(view, data)
    groups = [group for view in data.views for group in _of_customers(view, data, query)]
    yield from (card for _, card in sorted(groups, key=lambda group: -group[0]))


def earlier_errors(views: Sequence[SnapshotView], now: float) -> list[ErrorCard]:
    """Return the recent resolved errors of all collectors, newest first."""
    failures = (
        (failure, view)
        for view in views
        for failure in (view.status.failures[:-1] if state_of(view.status) == "down" else view.status.failures)
    )
    ordered = sorted(failures, key=lambda one: -(one[0].at or 0))
    return [_card(view, "", failure, now) for failure, view in ordered]


def _of_collector(view: SnapshotView, data: StatusData) -> ErrorCard:
    return _card(view, "is down", view.status.failure or Failure(""), data.now)


def _of_customers(view: SnapshotView, data: StatusData, query: StatusQuery) -> Iterator[tuple[int, ErrorCard]]:
    """Yield a card and the number of affected customers for each error; skip the error of the collector itself."""
    down = view.status.failure if state_of(view.status) == "down" else None
    of_collector = (down.message, f"skipped: {down.message}") if down else ()
    groups: dict[str, list[Failure]] = {}
    for failure in view.customer_failures.values():
        groups.setdefault(failure.message, []).append(failure)
    for message, group in groups.items():
        if message not in of_collector:
            summary = f"refresh failed for {len(group):,} of {count(len(view.customer_up), 'customer')}"
            newest = max(group, key=lambda one: one.at or 0)
            whole = replace(newest, since=min((one.since for one in group if one.since), default=None))
            yield len(group), _card(view, summary, whole, data.now, failed_link(view.account, query))


def _card(view: SnapshotView, summary: str, failure: Failure, now: float, link: str = "") -> ErrorCard:
    return ErrorCard(
        account=view.account,
        collector=view.collector,
        summary=summary,
        error=safe_text(failure.message),
        hint=safe_text(failure.hint),
        request_id=safe_text(failure.request_id),
        since=moment(failure.since, now) if failure.since else None,
        at=moment(failure.at, now) if failure.at else None,
        link=link,
    )
