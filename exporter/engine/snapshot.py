"""What is known now, and since when. Written by the refreshes on the event loop; read as frozen views."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from exporter.collectors.base import Sample
from exporter.errors import AvePointError, Failure

RECENT_REFRESHES: Final = 30
"""Ends of refreshes that each collector keeps for its plot."""
RECENT_FAILURES: Final = 5
"""Errors of its own that each collector keeps, the same one in a row counted as one."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class ReadResult:
    """The samples of one read, with its Unix time and the monotonic time from which its age counts."""

    samples: Collection[Sample] = field(repr=False)
    read_at: float
    read_at_monotonic: float

    def without_labels(self, names: frozenset[str]) -> "ReadResult":
        """Give it without the samples of families that have one of the labels."""
        kept = tuple(sample for sample in self.samples if names.isdisjoint(sample.family.labels)) if names else ()
        return self if not names or len(kept) == len(self.samples) else replace(self, samples=kept)

    def of_customers(self, customers: frozenset[str]) -> "ReadResult":
        """Give it without the samples of customers that are not among the given ones."""
        kept = tuple(sample for sample in self.samples if (one := _customer(sample)) is None or one in customers)
        return self if len(kept) == len(self.samples) else replace(self, samples=kept)


def _customer(sample: Sample) -> str | None:
    """Give the customer that a sample is of; None where its family is not of customers."""
    return sample.labels[0] if sample.family.labels[1:2] == ("customer_id",) else None


@dataclass(frozen=True, slots=True)
class RefreshOutcome:
    """A refresh that ended: how many seconds it took; whether it could read the account, None where it is off."""

    seconds: float
    up: bool | None


@dataclass(frozen=True, slots=True)
class RefreshStatus:
    """How a collector's refreshes went; times in Unix seconds, None before the first.

    `off` is an optional collector for which the app has no permission; `up` is None then. `failure` is the reason if
    the collector is down or off; `failures` are the last ones.
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
    """One collector of one account at one moment; the mappings are by customer id ("" for the account)."""

    account: str
    collector: str
    stale_after: float
    status: RefreshStatus
    reads: Mapping[str, ReadResult]
    customer_up: Mapping[str, bool]
    customer_failures: Mapping[str, Failure] = field(default_factory=dict)


@dataclass(slots=True)
class CollectorEntry:
    """What one collector of one account has found out so far."""

    account: str
    collector: str
    stale_after: float
    status: RefreshStatus = field(default_factory=RefreshStatus)
    reads: dict[str, ReadResult] = field(default_factory=dict)
    customer_up: dict[str, bool] = field(default_factory=dict)
    customer_failures: dict[str, Failure] = field(default_factory=dict)

    def note(self, **changes: Any) -> None:  # noqa: ANN401 - dataclasses.replace checks the names
        """Change the status."""
        self.status = replace(self.status, **changes)

    def failed(self, error: AvePointError) -> None:
        """Note that the refresh under way could not read the account."""
        status = self.status
        earlier, last = status.failures, status.failures[-1] if status.failures and status.up is False else None
        failure = Failure.of(error, at=self._began, before=last)
        if last is not None and last.message == failure.message:
            earlier = earlier[:-1]  # it goes on
        self.note(up=False, off=False, failure=failure, failures=(*earlier, failure)[-RECENT_FAILURES:])

    def ended(self, seconds: float, *, api_version: str) -> None:
        """Note the end of a refresh."""
        refreshes = (*self.status.refreshes, RefreshOutcome(seconds, self.status.up))[-RECENT_REFRESHES:]
        self.note(duration=seconds, api_version=api_version, refreshes=refreshes)

    def customer_read(self, customer_id: str) -> None:
        """Note that the refresh under way could read a customer."""
        self.customer_up[customer_id] = True
        self.customer_failures.pop(customer_id, None)

    def customer_failed(self, customer_id: str, error: AvePointError) -> None:
        """Note that it could not."""
        before = self.customer_failures.get(customer_id)
        self.customer_up[customer_id] = False
        self.customer_failures[customer_id] = Failure.of(error, at=self._began, before=before)

    def customers_skipped(self, customers: Iterable[str], error: AvePointError) -> None:
        """Note that it did not ask for these customers, because of an error."""
        skipped = tuple(customers)
        failure = Failure.of(AvePointError(f"not asked for: {error}", **error.context()), at=self._began)
        self.customer_up.update(dict.fromkeys(skipped, False))
        self.customer_failures.update(dict.fromkeys(skipped, failure))

    @property
    def _began(self) -> float:
        return self.status.last_attempt or 0.0

    def customers(self) -> frozenset[str]:
        """Give all customers of whom anything is known."""
        of_all = self.reads[""].samples if "" in self.reads else ()
        told = {one for sample in of_all if (one := _customer(sample)) is not None}
        return frozenset({*told, *self.reads, *self.customer_up, *self.customer_failures} - {""})

    def keep_only(self, customers: Collection[str]) -> None:
        """Forget the customers that are not among the given ones; "" stands for the account as a whole."""
        staying = frozenset({"", *customers})
        self.reads = {
            key: known if key else known.of_customers(staying) for key, known in self.reads.items() if key in staying
        }
        self.customer_up = {key: up for key, up in self.customer_up.items() if key in staying}
        self.customer_failures = {key: one for key, one in self.customer_failures.items() if key in staying}

    def view(self) -> SnapshotView:
        """Freeze what is known; the samples themselves are shared, not copied."""
        return SnapshotView(
            self.account,
            self.collector,
            self.stale_after,
            self.status,
            dict(self.reads),
            dict(self.customer_up),
            dict(self.customer_failures),
        )


class Snapshot:
    """The entries of all collectors of all accounts, in the order of the configuration."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], CollectorEntry] = {}

    def replace(self, entries: Collection[CollectorEntry]) -> None:
        """Take these entries in place of all before."""
        self._entries = {(entry.account, entry.collector): entry for entry in entries}

    def views(self, account: str | None = None) -> tuple[SnapshotView, ...]:
        """Freeze the entries of one account, or of all."""
        return tuple(entry.view() for entry in self._entries.values() if account in (None, entry.account))
