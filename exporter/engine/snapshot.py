"""The current state of all collectors.

Each refresh updates this state on the event loop. Scrapes and the status page use immutable views.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from exporter.collectors.base import Sample
from exporter.engine.samples import CustomerSamples, Lines, lines_of
from exporter.errors import AvePointError, Failure, StatusError

RECENT_REFRESHES: Final = 30
"""Number of recent refreshes to keep per collector. The status page plots these refreshes."""
RECENT_FAILURES: Final = 5
"""Number of recent failures to keep per collector. Repeated failures with the same message count as one."""


class ReadResult:
    """The samples of a customer or an account, and the time at which the samples were read.

    The age of the samples is computed from `read_at_monotonic`. If `is_complete` is false, an error occurred, and
    samples may be missing.
    """

    __slots__ = ("__weakref__", "_lines", "is_complete", "read_at", "read_at_monotonic", "samples")

    def __init__(
        self, samples: Collection[Sample], read_at: float, read_at_monotonic: float, *, is_complete: bool = True
    ) -> None:
        self.samples = samples
        self.read_at = read_at
        self.read_at_monotonic = read_at_monotonic
        self.is_complete = is_complete
        self._lines: Lines | None = None

    def lines(self, account: str) -> Lines:
        """Return the samples as rendered lines. The first call caches the lines."""
        if self._lines is None:
            samples = self.samples
            self._lines = samples.lines(account) if isinstance(samples, CustomerSamples) else lines_of(samples, account)
        return self._lines

    def without_counters(self) -> "ReadResult":
        """Return a copy without the samples of counter families."""
        return self._with(sample for sample in self.samples if sample.family.type != "counter")

    def without_labels(self, names: frozenset[str]) -> "ReadResult":
        """Return a copy without the samples that have at least one of the labels in `names`."""
        return self._with(s for s in self.samples if names.isdisjoint(s.family.labels)) if names else self

    def of_customers(self, customers: frozenset[str]) -> "ReadResult":
        """Return a copy that contains only the samples of `customers` and the samples without a customer id."""
        return self._with(s for s in self.samples if (customer := customer_of(s)) is None or customer in customers)

    def _with(self, samples: Iterable[Sample]) -> "ReadResult":
        kept = tuple(samples)
        if len(kept) == len(self.samples):
            return self
        return ReadResult(kept, self.read_at, self.read_at_monotonic, is_complete=self.is_complete)


def customer_of(sample: Sample) -> str | None:
    """Return the customer id of a sample, or None if its family does not have the label `customer_id`."""
    return sample.labels[0] if sample.family.labels[1:2] == ("customer_id",) else None


@dataclass(frozen=True, slots=True)
class RefreshOutcome:
    """The duration and the result of a completed refresh. If the collector is off, `up` is None."""

    seconds: float
    up: bool | None


@dataclass(frozen=True, slots=True)
class RefreshStatus:
    """The status of a collector. Timestamps are Unix times. If an event has not occurred yet, its timestamp is None.

    If the collector is optional and the app lacks the permission that the collector needs, `off` is true and `up` is
    None. `failure` contains the reason why the collector is down or off. `failures` contains the most recent failures.
    """

    up: bool | None = None
    off: bool = False
    last_attempt: float | None = None
    next_attempt: float | None = None
    last_success: float | None = None
    duration: float | None = None
    failure: Failure | None = None
    api_version: str = ""
    refreshes: tuple[RefreshOutcome, ...] = ()
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class SnapshotView:
    """An immutable copy of a collector's entry.

    The keys of the mappings are customer ids, or "" for the account itself.
    """

    account: str
    collector: str
    stale_after: float
    status: RefreshStatus
    reads: Mapping[str, ReadResult]
    customer_up: Mapping[str, bool]
    customer_failures: Mapping[str, Failure] = field(default_factory=dict)
    hides_counters: bool = False


@dataclass(slots=True)
class CollectorEntry:
    """The current state of one collector of one account.

    `hides_counters` is true while the stored counters are unknown. If the metrics page included such a counter, the
    counter could begin at 0 and later jump to its stored value. Prometheus would interpret the jump as an increase.
    """

    account: str
    collector: str
    stale_after: float
    status: RefreshStatus = field(default_factory=RefreshStatus)
    reads: dict[str, ReadResult] = field(default_factory=dict)
    customer_up: dict[str, bool] = field(default_factory=dict)
    customer_failures: dict[str, Failure] = field(default_factory=dict)
    hides_counters: bool = False

    def update_status(self, **changes: Any) -> None:  # noqa: ANN401 - dataclasses.replace checks the field names
        """Replace the given fields of the status."""
        self.status = replace(self.status, **changes)

    def record_failure(self, error: AvePointError) -> None:
        """Record that the current refresh failed."""
        status = self.status
        earlier, last = status.failures, status.failures[-1] if status.failures and status.up is False else None
        failure = Failure.of(error, at=status.last_attempt, before=last)
        if last is not None and last.message == failure.message:
            earlier = earlier[:-1]  # Keep only the newer of two failures with the same message.
        self.update_status(up=False, off=False, failure=failure, failures=(*earlier, failure)[-RECENT_FAILURES:])

    def record_end(self, seconds: float, *, api_version: str) -> None:
        """Record the end of the current refresh, with its duration in seconds and its API version."""
        refreshes = (*self.status.refreshes, RefreshOutcome(seconds, self.status.up))[-RECENT_REFRESHES:]
        self.update_status(duration=seconds, api_version=api_version, refreshes=refreshes)

    def record_read(self, customer_id: str, read: ReadResult) -> None:
        """Record that the current refresh has read a customer."""
        self.reads[customer_id] = read
        self.customer_up[customer_id] = True
        self.customer_failures.pop(customer_id, None)

    def record_customer_failure(self, customer_id: str, error: AvePointError) -> None:
        """Record that the current refresh failed to read a customer."""
        before = self.customer_failures.get(customer_id)
        self.customer_up[customer_id] = False
        self.customer_failures[customer_id] = Failure.of(error, at=self.status.last_attempt, before=before)

    def drop_unlicensed(self, customer_id: str, error: AvePointError) -> bool:
        """If a customer has no license, drop the customer. Return whether the customer was dropped.

        Status 403 or 404 indicates a missing license only if the exporter has data about other customers, but
        no data about this customer.
        """
        is_refused = isinstance(error, StatusError) and error.means_not_granted
        if not is_refused or not self.reads or customer_id in self.reads:
            return False
        self.customer_up.pop(customer_id, None)
        self.customer_failures.pop(customer_id, None)
        return True

    def record_skipped(self, customers: Iterable[str], error: AvePointError) -> None:
        """Record that the current refresh skipped customers because of an error."""
        skipped = tuple(customers)
        failure = Failure.of(AvePointError(f"skipped: {error}", **error.context()), at=self.status.last_attempt)
        hiding = replace(failure, hides_data=True)
        former = self.customer_failures
        self.customer_up.update(dict.fromkeys(skipped, False))
        self.customer_failures = former | {
            key: hiding if key in former and former[key].hides_data else failure for key in skipped
        }

    def customers(self) -> frozenset[str]:
        """Return the ids of all customers in this entry."""
        samples = self.reads[""].samples if "" in self.reads else ()
        named = {customer for sample in samples if (customer := customer_of(sample)) is not None}
        return frozenset({*named, *self.reads, *self.customer_up, *self.customer_failures} - {""})

    def keep_only(self, customers: Collection[str]) -> None:
        """Drop all customers that are not in `customers`, but keep the data about the account itself ("")."""
        kept = frozenset({"", *customers})
        self.reads = {key: read if key else read.of_customers(kept) for key, read in self.reads.items() if key in kept}
        self.customer_up = {key: up for key, up in self.customer_up.items() if key in kept}
        self.customer_failures = {key: failure for key, failure in self.customer_failures.items() if key in kept}

    def view(self) -> SnapshotView:
        """Return an immutable view that shares its samples with this entry."""
        return SnapshotView(
            self.account,
            self.collector,
            self.stale_after,
            self.status,
            dict(self.reads),
            dict(self.customer_up),
            dict(self.customer_failures),
            self.hides_counters,
        )


class Snapshot:
    """The entries of all collectors of all accounts, in the order of the configuration."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], CollectorEntry] = {}

    def replace(self, entries: Collection[CollectorEntry]) -> None:
        """Replace all entries."""
        self._entries = {(entry.account, entry.collector): entry for entry in entries}

    def views(self, account: str | None = None) -> tuple[SnapshotView, ...]:
        """Return immutable views of the entries of one account. If `account` is None, include all accounts."""
        return tuple(entry.view() for entry in self._entries.values() if account in (None, entry.account))
