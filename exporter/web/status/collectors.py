"""The collectors of all accounts, and what each account has used of its budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from exporter.avepoint.throttle import LimitUsage
from exporter.engine.snapshot import RefreshStatus, SnapshotView
from exporter.exposition.exporter_metrics import Usage
from exporter.web.facts import Facts
from exporter.web.status.formatting import Moment, moment, plain, rate, span, took
from exporter.web.status.plot import Plot, plot
from exporter.web.status.query import StatusQuery

State = Literal["waiting", "up", "down", "off"]


@dataclass(frozen=True, slots=True)
class CollectorRow:
    """One collector of one account; `reason` says why it is off, `too_old` that its values are no longer shown."""

    account: str
    name: str
    state: State
    success: Moment | None
    too_old: str
    next_run: str
    read: int
    failed: int
    failed_link: str
    took: str
    plot: Plot | None
    api_version: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Spent:
    """An account's budget of calls; `codes` are ended calls by status code, the most frequent first."""

    account: str
    probe: str
    under_way: int
    concurrency: int
    rate: str
    full_rate: str
    is_slowed: bool
    silence: str
    throttled: str
    codes: tuple[tuple[str, int], ...]


def state_of(status: RefreshStatus) -> State:
    """Give a collector's state as one word."""
    if status.off:
        return "off"
    return "waiting" if status.up is None else "up" if status.up else "down"


def collector(view: SnapshotView, facts: Facts, query: StatusQuery) -> CollectorRow:
    """Make a collector's row."""
    status, whole = view.status, view.reads.get("")
    state, failed = state_of(status), sum(not is_read for is_read in view.customer_up.values())
    is_old = whole is not None and facts.monotonic - whole.read_at_monotonic > view.stale_after
    return CollectorRow(
        account=view.account,
        name=view.collector,
        state=state,
        success=None if status.last_success is None else moment(status.last_success, facts.now),
        too_old=span(view.stale_after) if is_old else "",
        next_run=_next_run(status, facts.now),
        read=len(view.customer_up) - failed,
        failed=failed,
        failed_link=failed_link(view.account, query),
        took="" if status.duration is None else took(status.duration),
        plot=plot(status.refreshes),
        api_version=status.api_version,
        reason=plain(status.failure.message) if status.failure and state == "off" else "",
        hint=plain(status.failure.hint) if status.failure and state == "off" else "",
    )


def failed_link(account: str, query: StatusQuery) -> str:
    """Give the address of an account's failed customers."""
    return query.link("customers", account=account, text="", state="failed", page=1)


def spent(accounts: Sequence[str], facts: Facts) -> tuple[Spent, ...]:
    """Make the accounts' budgets, in this order; one that is being taken away has none."""
    usage = facts.usage()
    return tuple(
        _spent(account, facts.budgets[account], usage.get(account, Usage({}, 0.0)))
        for account in accounts
        if account in facts.budgets
    )


def _spent(account: str, budget: LimitUsage, usage: Usage) -> Spent:
    return Spent(
        account=account,
        probe=f"probe?{urlencode({'account': account})}",
        under_way=budget.under_way,
        concurrency=budget.concurrency,
        rate=rate(budget.rate),
        full_rate=rate(budget.full_rate),
        is_slowed=budget.rate < budget.full_rate,
        silence=span(budget.silence) if budget.silence > 0 else "",
        throttled=took(usage.throttled),
        codes=tuple(sorted(usage.calls.items(), key=lambda one: (-one[1], one[0]))),
    )


def _next_run(status: RefreshStatus, now: float) -> str:
    if status.next_attempt is None:
        return "" if status.last_attempt is None else "under way"
    return f"in {span(status.next_attempt - now)}" if status.next_attempt > now else "due now"
