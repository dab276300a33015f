"""Cards for current and earlier errors. Each account has one card per cause, for all its collectors and customers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from exporter.engine.snapshot import SnapshotView
from exporter.errors import Failure
from exporter.web.status.collectors import failed_link, state_of
from exporter.web.status.formatting import Moment, count, moment, safe_text
from exporter.web.status.query import StatusQuery
from exporter.web.status_data import StatusData

_SKIPPED: Final = "skipped: "


@dataclass(frozen=True, slots=True)
class ErrorCard:
    """An error, its hint, and the times of its first and last occurrence. `link` leads to the affected customers."""

    account: str
    collectors: str
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


class Cause(NamedTuple):
    """The cause of an error. `reason` is the error message without the permission or endpoint at its start."""

    hint: str
    reason: str


class _Key(NamedTuple):
    account: str
    cause: Cause


class _Occurrence(NamedTuple):
    view: SnapshotView
    customer_id: str
    failure: Failure


def cause_of(failure: Failure) -> Cause:
    """Return the cause of an error. Messages that differ only in the permission have the same cause."""
    message = failure.message.removeprefix(_SKIPPED)
    return Cause(failure.hint, (message.partition(": ")[2] if failure.hint else "") or message)


def error_cards(data: StatusData, query: StatusQuery) -> Iterator[ErrorCard]:
    """Yield the errors of collectors that are down. Then yield the errors of customers, most frequent first."""
    down = _grouped(_of_collectors(data))
    for group in down.values():
        summary = "is down" if len(group) == 1 else "are down"
        yield _card(group, summary, data.now)
    groups = [group for key, group in _grouped(_of_customers(data)).items() if key not in down]
    for group in sorted(groups, key=lambda group: -len(_customers(group))):
        failed, views = _customers(group), {one.view.collector: one.view for one in group}
        total = count(len({customer for view in views.values() for customer in view.customer_up}), "customer")
        link = failed_link(group[0].view.account, query)
        yield _card(group, f"refresh failed for {len(failed):,} of {total}", data.now, link)


def earlier_errors(views: Sequence[SnapshotView], now: float) -> list[ErrorCard]:
    """Return the recent resolved errors of all collectors, most recent first."""
    failures = (
        _Occurrence(view, "", failure)
        for view in views
        for failure in (view.status.failures[:-1] if state_of(view.status) == "down" else view.status.failures)
    )
    return [_card([one], "", now) for one in sorted(failures, key=lambda one: -(one.failure.at or 0))]


def _of_collectors(data: StatusData) -> Iterator[_Occurrence]:
    for view in data.views:
        if state_of(view.status) == "down":
            yield _Occurrence(view, "", view.status.failure or Failure(""))


def _of_customers(data: StatusData) -> Iterator[_Occurrence]:
    for view in data.views:
        for customer_id, failure in view.customer_failures.items():
            yield _Occurrence(view, customer_id, failure)


def _grouped(occurrences: Iterator[_Occurrence]) -> dict[_Key, list[_Occurrence]]:
    groups: dict[_Key, list[_Occurrence]] = {}
    for one in occurrences:
        groups.setdefault(_Key(one.view.account, cause_of(one.failure)), []).append(one)
    return groups


def _customers(group: Sequence[_Occurrence]) -> frozenset[str]:
    return frozenset(one.customer_id for one in group)


def _card(group: Sequence[_Occurrence], summary: str, now: float, link: str = "") -> ErrorCard:
    failures = [one.failure for one in group]
    newest = max(failures, key=lambda one: (not one.message.startswith(_SKIPPED), one.at or 0))
    failure = replace(newest, since=min((one.since for one in failures if one.since), default=None))
    return ErrorCard(
        account=group[0].view.account,
        collectors=", ".join(dict.fromkeys(one.view.collector for one in group)),
        summary=summary,
        error=safe_text(failure.message),
        hint=safe_text(failure.hint),
        request_id=safe_text(failure.request_id),
        since=moment(failure.since, now) if failure.since else None,
        at=moment(failure.at, now) if failure.at else None,
        link=link,
    )
