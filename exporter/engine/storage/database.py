"""The interface and the record types of the SQLite and PostgreSQL databases for persistent state.

Each database contains one row per collector, and one row for each customer of a collector.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

Owns = Callable[[str], bool]
"""A function that returns whether a customer id belongs to this shard."""


class StorageError(Exception):
    """Raised if the database is temporarily unusable. The same operation may succeed later."""


class CollectorKey(NamedTuple):
    """The key of a collector's state. The state becomes invalid when `registration` changes (see registration.py).

    If several shards of a partner account share the database, `scope` is the shard's index. For all other accounts,
    `scope` is "".
    """

    account: str
    collector: str
    registration: str
    scope: str = ""


class StoredCustomer(NamedTuple):
    """A customer's state and most recent samples. The customer id "" represents the account itself.

    `read_at` and `samples` are None if no samples are stored.
    """

    customer_id: str
    labels: str
    read_at: float | None
    is_complete: bool
    samples: bytes | None
    state: str | None


class StoredCollector(NamedTuple):
    """A collector's stored data. `last_success` is the Unix time of the last successful refresh. `status` is JSON."""

    last_success: float | None = None
    status: str | None = None


class StoredRows(NamedTuple):
    """The row of a collector and the rows of its customers.

    `other_shards` contains the rows that other shards stored for the account. These rows may include customers that
    moved to this shard.
    """

    collector: StoredCollector
    customers: Sequence[StoredCustomer]
    other_shards: Sequence[StoredCustomer] = ()


@dataclass(frozen=True, slots=True)
class PutCustomer:
    """Replaces the row of a customer. The function `row` returns the new row, and runs on the database thread."""

    key: CollectorKey
    customer_id: str
    row: Callable[[], StoredCustomer]


@dataclass(frozen=True, slots=True)
class DropCustomer:
    """Deletes the row of a customer."""

    key: CollectorKey
    customer_id: str


@dataclass(frozen=True, slots=True)
class FinishRefresh:
    """Replaces the row of a collector.

    This change also deletes the samples of customers that are not in `reads`, the states of customers that are not in
    `states`, and all rows with an outdated registration.
    """

    key: CollectorKey
    row: StoredCollector
    reads: frozenset[str]
    states: frozenset[str]


Change = PutCustomer | DropCustomer | FinishRefresh
RowKey = tuple[str, str, str | None]
"""The account, the collector, and the customer id. For the row of a collector, the customer id is None."""


def row_key(change: Change) -> RowKey:
    """Return the key of the row that a change replaces."""
    customer_id = None if isinstance(change, FinishRefresh) else change.customer_id
    return change.key.account, change.key.collector, customer_id


class Database(Protocol):
    """An open database for persistent state. Only one thread uses this object."""

    def load(self, key: CollectorKey, owns: Owns) -> StoredRows:
        """Return the rows of a collector. Raise StorageError if the rows cannot be read."""

    def write(self, changes: Sequence[Change]) -> Collection[RowKey]:
        """Write changes in transactions. Skip rows that a newer process owns, and return their keys.

        Raise StorageError after an error that may be temporary. The caller may then repeat the changes.
        """

    def close(self) -> None:
        """Close the database."""
