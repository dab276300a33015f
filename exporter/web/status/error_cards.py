"""What is wrong now, the same thing said once however many customers it befalls; and what went wrong lately."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from exporter.engine.snapshot import SnapshotView
from exporter.errors import Failure
from exporter.web.facts import Facts
from exporter.web.status.collectors import failed_link, state_of
from exporter.web.status.formatting import Moment, count, moment, plain
from exporter.web.status.query import StatusQuery


@dataclass(frozen=True, slots=True)
class ErrorCard:
    """What is wrong, with what, since when, and what to do; `link` leads to the customers that it befalls."""

    account: str
    collector: str
    what: str
    error: str
    hint: str
    request_id: str
    since: Moment | None
    at: Moment | None
    link: str = ""

    @property
    def runbook(self) -> str:
        """The runbook that says how to look into it."""
        return "AvePointCustomerUnreadable" if self.link else "AvePointAccountUnreadable"


def error_cards(facts: Facts, query: StatusQuery) -> Iterator[ErrorCard]:
    """Give what is wrong: collectors that are down first, then customers, most of them first."""
    for view in facts.views:
        if state_of(view.status) == "down":
            yield _of_collector(view, facts)
    groups = [group for view in facts.views for group in _of_customers(view, facts, query)]
    yield from (trouble for _, trouble in sorted(groups, key=lambda one: -one[0]))


def earlier(views: Sequence[SnapshotView], now: float) -> list[ErrorCard]:
    """Give the last errors of all collectors but for those that last, newest first."""
    problems = (
        (problem, view)
        for view in views
        for problem in (view.status.failures[:-1] if state_of(view.status) == "down" else view.status.failures)
    )
    ordered = sorted(problems, key=lambda one: -(one[0].at or 0))
    return [_trouble(view, "", problem, now) for problem, view in ordered]


def _of_collector(view: SnapshotView, facts: Facts) -> ErrorCard:
    return _trouble(view, "is down", view.status.failure or Failure(""), facts.now)


def _of_customers(view: SnapshotView, facts: Facts, query: StatusQuery) -> Iterator[tuple[int, ErrorCard]]:
    """Group a collector's failed customers by what they failed with, but for what its own state says already."""
    down = view.status.failure if state_of(view.status) == "down" else None
    said = (down.message, f"not asked for: {down.message}") if down else ()
    groups: dict[str, list[Failure]] = {}
    for problem in view.customer_failures.values():
        groups.setdefault(problem.message, []).append(problem)
    for message, group in groups.items():
        if message not in said:
            what = f"could not read {count(len(group), 'customer')} of {len(view.customer_up):,}"
            newest = max(group, key=lambda one: one.at or 0)
            whole = replace(newest, since=min((one.since for one in group if one.since), default=None))
            yield len(group), _trouble(view, what, whole, facts.now, failed_link(view.account, query))


def _trouble(view: SnapshotView, what: str, problem: Failure, now: float, link: str = "") -> ErrorCard:
    return ErrorCard(
        account=view.account,
        collector=view.collector,
        what=what,
        error=plain(problem.message),
        hint=plain(problem.hint),
        request_id=plain(problem.request_id),
        since=moment(problem.since, now) if problem.since else None,
        at=moment(problem.at, now) if problem.at else None,
        link=link,
    )
