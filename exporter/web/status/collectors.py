"""The rows for collectors on the status page, and the request statistics of each account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlencode

from exporter.avepoint.throttle import LimitUsage
from exporter.engine.snapshot import RefreshStatus, SnapshotView
from exporter.exposition.exporter_metrics import Usage
from exporter.web.status.formatting import Moment, moment, precise_time, rate, rounded_time, safe_text
from exporter.web.status.plot import Plot, plot
from exporter.web.status.query import StatusQuery
from exporter.web.status_data import StatusData

CollectorState = Literal["waiting", "up", "down", "off"]

_THROTTLED: Final = ("429", "503")


@dataclass(frozen=True, slots=True)
class CollectorRow:
    """The row of an account's collector. If the collector is off, `reason` and `hint` are set.

    `stale_after` is the age at which the collector's data became stale, or "" if the data is not stale.
    """

    account: str
    name: str
    state: CollectorState
    success: Moment | None
    stale_after: str
    next_run: str
    read: int
    failed: int
    failed_link: str
    duration: str
    plot: Plot | None
    api_version: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class AccountUsage:
    """An account's rate limit and the statistics of its requests.

    While the exporter backs off, `backing_off` contains the reduced rate. `throttled` is the number of responses with
    status 429 or 503. `waited` is the total waiting time of the requests. `codes` contains the number of requests per
    status code. `tokens` contains the number of token requests per result. `codes` and `tokens` are sorted by number,
    highest first.
    """

    account: str
    probe: str
    running: int
    concurrency: int
    rate: str
    full_rate: str
    backing_off: str
    throttled: int
    waited: str
    codes: tuple[tuple[str, int], ...]
    tokens: tuple[tuple[str, int], ...] = ()


def state_of(status: RefreshStatus) -> CollectorState:
    """Return the state of a collector. The state is "waiting" until the first refresh is complete."""
    if status.off:
        return "off"
    return "waiting" if status.up is None else "up" if status.up else "down"


def collector(view: SnapshotView, data: StatusData, query: StatusQuery) -> CollectorRow:
    """Return the row of one collector."""
    status, whole = view.status, view.reads.get("")
    state, failed = state_of(status), sum(not is_up for is_up in view.customer_up.values())
    is_old = whole is not None and data.monotonic - whole.read_at_monotonic > view.stale_after
    return CollectorRow(
        account=view.account,
        name=view.collector,
        state=state,
        success=None if status.last_success is None else moment(status.last_success, data.now),
        stale_after=rounded_time(view.stale_after) if is_old else "",
        next_run=_next_run(status, data.now),
        read=len(view.customer_up) - failed,
        failed=failed,
        failed_link=failed_link(view.account, query),
        duration="" if status.duration is None else precise_time(status.duration),
        plot=plot(status.refreshes),
        api_version=status.api_version,
        reason=safe_text(status.failure.message) if status.failure and state == "off" else "",
        hint=safe_text(status.failure.hint) if status.failure and state == "off" else "",
    )


def failed_link(account: str, query: StatusQuery) -> str:
    """Return a link to the list of an account's failed customers."""
    return query.link("customers", account=account, text="", state="failed", page=1)


def account_usage(accounts: Sequence[str], data: StatusData) -> tuple[AccountUsage, ...]:
    """Return the usage of each account, in the order of `accounts`. Skip accounts that a reload has just removed."""
    usage = data.usage()
    known = [account for account in accounts if account in data.limits]
    return tuple(_account_usage(one, data.limits[one], usage.get(one, Usage({}, 0.0))) for one in known)


def _account_usage(account: str, limits: LimitUsage, usage: Usage) -> AccountUsage:
    return AccountUsage(
        account=account,
        probe=f"probe?{urlencode({'account': account})}",
        running=limits.under_way,
        concurrency=limits.concurrency,
        rate=rate(limits.recent),
        full_rate=rate(limits.full_rate),
        backing_off=_backing_off(limits),
        throttled=sum(usage.calls.get(code, 0) for code in _THROTTLED),
        waited=precise_time(usage.throttled),
        codes=_highest_first(usage.calls),
        tokens=_highest_first(usage.tokens),
    )


def _highest_first(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def is_backing_off(limits: LimitUsage) -> bool:
    """Return whether the exporter backs off at the moment, after a response with status 429 or 503."""
    return limits.pause > 0 or limits.rate < limits.full_rate


def _backing_off(limits: LimitUsage) -> str:
    if not is_backing_off(limits):
        return ""
    pause = f"paused for {rounded_time(limits.pause)}, then " if limits.pause > 0 else ""
    return f"{pause}at most {rate(limits.rate)} per second"


def _next_run(status: RefreshStatus, now: float) -> str:
    if status.next_attempt is None:
        return "" if status.last_attempt is None else "running"
    return f"in {rounded_time(status.next_attempt - now)}" if status.next_attempt > now else "due now"
