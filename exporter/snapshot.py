"""What is known now, and since when. Written by the refreshes on the event loop; read as frozen views."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.collectors.base import Sample


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Known:
    """The samples of one read, with its Unix time and the monotonic time from which its age counts."""

    samples: tuple[Sample, ...]
    read_at: float
    read_at_monotonic: float

    def of_customers(self, customers: frozenset[str]) -> "Known":
        """Give it without the samples of customers that are not among the given ones."""
        kept = tuple(
            sample
            for sample in self.samples
            if sample.family.labels[1:2] != ("customer_id",) or sample.labels[0] in customers
        )
        return self if len(kept) == len(self.samples) else replace(self, samples=kept)


@dataclass(frozen=True, slots=True)
class Status:
    """How a collector's refreshes went; times in Unix seconds, None before the first.

    `off` is an optional collector for which the app has no permission; `up` is None then.
    """

    up: bool | None = None
    off: bool = False
    last_attempt: float | None = None
    last_success: float | None = None
    duration: float | None = None
    error: str = ""
    hint: str = ""
    request_id: str = ""
    generation: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """One collector of one account at one moment; `known` and `customer_up` by customer id ("" for the account)."""

    account: str
    collector: str
    stale_after: float
    status: Status
    known: Mapping[str, Known]
    customer_up: Mapping[str, bool]


@dataclass(slots=True)
class Entry:
    """What one collector of one account has found out so far."""

    account: str
    collector: str
    stale_after: float
    status: Status = field(default_factory=Status)
    known: dict[str, Known] = field(default_factory=dict)
    customer_up: dict[str, bool] = field(default_factory=dict)

    def note(self, **changes: Any) -> None:  # noqa: ANN401 - dataclasses.replace checks the names
        """Change the status."""
        self.status = replace(self.status, **changes)

    def keep_only(self, customers: Collection[str]) -> None:
        """Forget the customers that are not among the given ones; "" stands for the account as a whole."""
        staying = frozenset({"", *customers})
        self.known = {key: known.of_customers(staying) for key, known in self.known.items() if key in staying}
        self.customer_up = {key: up for key, up in self.customer_up.items() if key in staying}

    def view(self) -> View:
        """Freeze what is known; the samples themselves are shared, not copied."""
        return View(
            self.account,
            self.collector,
            self.stale_after,
            self.status,
            dict(self.known),
            dict(self.customer_up),
        )


class Snapshot:
    """The entries of all collectors of all accounts, in the order of the configuration."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}

    def replace(self, entries: Collection[Entry]) -> None:
        """Take these entries in place of all before."""
        self._entries = {(entry.account, entry.collector): entry for entry in entries}

    def views(self, account: str | None = None) -> tuple[View, ...]:
        """Freeze the entries of one account, or of all."""
        return tuple(entry.view() for entry in self._entries.values() if account in (None, entry.account))
