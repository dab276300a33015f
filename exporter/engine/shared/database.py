"""The PostgreSQL database that shards and replicas share for persistent state.

Each customer row contains the epoch of the process that owns the row. A process that takes over a shard claims the rows
of the shard's customers. The database then refuses writes from processes with an older epoch. Therefore, a customer
keeps its state when the customer moves to another shard. Old and new processes can run at the same time.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Final

from exporter.engine.shared.lease import Grant
from exporter.engine.shared.session import DatabaseRow, Session
from exporter.engine.storage.database import (
    Change,
    CollectorKey,
    DropCustomer,
    FinishRefresh,
    Owns,
    PutCustomer,
    RowKey,
    StorageError,
    StoredCollector,
    StoredCustomer,
    StoredRows,
    row_key,
)

_COLUMNS: Final = "customer_id, labels, read_at, is_complete, samples, state"
# This query returns a row only to the holder of the lease. If `writes` has increased, standby processes load the new
# data.
_LEASE: Final = """WITH lease AS (
  UPDATE avepoint_exporter_lease SET writes = writes + 1
  WHERE shard = %(shard)s AND holder = %(holder)s AND epoch = %(epoch)s RETURNING epoch)"""
_IDS: Final = """SELECT scope, customer_id FROM avepoint_exporter_customer
  WHERE account = %(account)s AND collector = %(collector)s"""
_CHOSEN: Final = """account = %(account)s AND collector = %(collector)s
    AND (scope, customer_id) IN (SELECT * FROM unnest(%(scopes)s::text[], %(ids)s::text[]))"""
_READ: Final = f"SELECT registration, {_COLUMNS} FROM avepoint_exporter_customer WHERE {_CHOSEN}"  # noqa: S608 - constants
_CLAIM: Final = f"""{_LEASE}
  UPDATE avepoint_exporter_customer customer SET epoch = lease.epoch FROM lease WHERE {_CHOSEN}
  RETURNING registration, {_COLUMNS}"""  # noqa: S608 - constants
_COLLECTOR: Final = """SELECT last_success, status FROM avepoint_exporter_collector
  WHERE account = %(account)s AND collector = %(collector)s AND scope = %(scope)s
    AND registration = %(registration)s"""
_PUT: Final = f"""{_LEASE}
  INSERT INTO avepoint_exporter_customer AS old
  SELECT new.*, lease.epoch, clock_timestamp() FROM lease, unnest(
    %(accounts)s::text[], %(collectors)s::text[], %(scopes)s::text[], %(ids)s::text[], %(registrations)s::text[],
    %(labels)s::text[], %(reads)s::float8[], %(completes)s::bool[], %(samples)s::bytea[], %(states)s::text[]) AS new
  ON CONFLICT (account, collector, scope, customer_id) DO UPDATE SET
    registration = excluded.registration, labels = excluded.labels, read_at = excluded.read_at,
    is_complete = excluded.is_complete, samples = excluded.samples, state = excluded.state,
    epoch = excluded.epoch, changed = excluded.changed
  WHERE old.epoch <= excluded.epoch
  RETURNING account, collector, customer_id"""  # noqa: S608 - constants
_DROP: Final = f"""{_LEASE}
  DELETE FROM avepoint_exporter_customer customer USING lease, unnest(
    %(accounts)s::text[], %(collectors)s::text[], %(scopes)s::text[], %(ids)s::text[]) AS old (a, c, s, id)
  WHERE account = a AND collector = c AND scope = s AND customer_id = id AND customer.epoch <= lease.epoch"""  # noqa: S608 - constants
_FINISH: Final = f"""{_LEASE}, finished AS (
    INSERT INTO avepoint_exporter_collector
    SELECT %(account)s, %(collector)s, %(scope)s, %(registration)s, %(last_success)s, %(status)s FROM lease
    ON CONFLICT (account, collector, scope) DO UPDATE SET
      registration = excluded.registration, last_success = excluded.last_success, status = excluded.status
  ), emptied AS (
    UPDATE avepoint_exporter_customer customer SET read_at = NULL, samples = NULL FROM lease
    WHERE account = %(account)s AND collector = %(collector)s AND customer.epoch = lease.epoch
      AND registration = %(registration)s AND samples IS NOT NULL
      AND customer_id = ANY(%(states)s::text[]) AND NOT customer_id = ANY(%(reads)s::text[])
  )
  DELETE FROM avepoint_exporter_customer customer USING lease
  WHERE account = %(account)s AND collector = %(collector)s AND (
    (customer.epoch = lease.epoch AND (registration <> %(registration)s
      OR NOT customer_id = ANY(%(states)s::text[] || %(reads)s::text[])))
    -- Rows of accounts in shards that no longer exist.
    OR (scope <> '' AND changed < clock_timestamp() - interval '7 days'))"""  # noqa: S608 - constants
_ORPHANS: Final = """SELECT count(*) FROM avepoint_exporter_customer customer
  WHERE (account, collector, customer_id) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
    AND NOT EXISTS (SELECT FROM avepoint_exporter_lease lease
                    WHERE lease.epoch = customer.epoch AND expires > clock_timestamp())"""


class PostgresqlDatabase:
    """Reads and writes the stored state of collectors and customers for one shard.

    `grant` is the right of this process to write. Without a grant, the process can only load state.
    """

    def __init__(self, session: Session, shard: int) -> None:
        self.session = session
        self.grant: Grant | None = None
        self.has_orphans = False
        """Whether a write failed because the row belongs to a newer process that no longer holds a lease."""
        self._shard = shard

    def load(self, key: CollectorKey, owns: Owns) -> StoredRows:
        """Return the rows of a collector in this shard. If this process may write, claim the rows.

        Raise StorageError if the database request fails.
        """
        ids = self.session.execute(_IDS, key._asdict())
        own = [row for row in ids if (owns(row[1]) if row[1] else row[0] == key.scope)]
        # The rows of other shards may contain customers that have moved to this shard.
        others = [row for row in ids if row[0] != key.scope and not row[1]]
        mine = self._rows(_CLAIM if self.grant else _READ, key, own)
        found = self.session.execute(_COLLECTOR, key._asdict())
        row = StoredCollector(*found[0]) if found else StoredCollector()
        return StoredRows(row, mine, self._rows(_READ, key, others) if others else ())

    def _rows(self, statement: str, key: CollectorKey, ids: Sequence[DatabaseRow]) -> list[StoredCustomer]:
        values = {**key._asdict(), "scopes": [scope for scope, _ in ids], "ids": [customer for _, customer in ids]}
        if self.grant:
            values |= self._fence(self.grant)
        rows = self.session.execute(statement, values)
        if len(rows) < len(ids):
            raise StorageError("another process changed the state at the same time")
        return [StoredCustomer(*row[1:]) for row in rows if row[0] == key.registration]

    def _fence(self, grant: Grant) -> dict[str, object]:
        return {"shard": self._shard, "holder": grant.holder, "epoch": grant.epoch}

    def write(self, changes: Sequence[Change]) -> Collection[RowKey]:
        """Write changes, with one transaction per type of change.

        Skip rows that belong to newer processes, and return their keys.
        """
        refused: set[RowKey] = set()
        if (grant := self.grant) is None:
            return {row_key(change) for change in changes}
        for kind, group in groupby(changes, type):
            if kind is PutCustomer:
                refused |= self._put([change for change in group if isinstance(change, PutCustomer)], grant)
            elif kind is DropCustomer:
                self._drop([change for change in group if isinstance(change, DropCustomer)], grant)
            else:
                for change in group:
                    if isinstance(change, FinishRefresh):
                        self._finish(change, grant)
        return refused

    def _put(self, changes: Sequence[PutCustomer], grant: Grant) -> set[RowKey]:
        rows = [change.row() for change in changes]
        columns: dict[str, list[object]] = {
            "registrations": [change.key.registration for change in changes],
            "labels": [row.labels for row in rows],
            "reads": [row.read_at for row in rows],
            "completes": [row.is_complete for row in rows],
            "samples": [row.samples for row in rows],
            "states": [row.state for row in rows],
        }
        made = set(self.session.execute(_PUT, {**_keys(changes), **columns, **self._fence(grant)}))
        refused = {row_key(one) for one in changes if _stored_key(one) not in made}
        if refused:
            accounts, collectors, ids = zip(
                *(_stored_key(one) for one in changes if row_key(one) in refused), strict=True
            )
            ((orphans,),) = self.session.execute(_ORPHANS, (list(accounts), list(collectors), list(ids)))
            self.has_orphans |= orphans > 0
        return refused

    def _drop(self, changes: Sequence[DropCustomer], grant: Grant) -> None:
        self.session.execute(_DROP, {**_keys(changes), **self._fence(grant)})

    def _finish(self, change: FinishRefresh, grant: Grant) -> None:
        key, row = change.key, change.row
        values = {**key._asdict(), **row._asdict(), "reads": _texts(change.reads), "states": _texts(change.states)}
        self.session.execute(_FINISH, {**values, **self._fence(grant)})

    def close(self) -> None:
        """Close the connection."""
        self.session.close()


def _keys(changes: Sequence[PutCustomer | DropCustomer]) -> dict[str, list[object]]:
    return {
        "accounts": [change.key.account for change in changes],
        "collectors": [change.key.collector for change in changes],
        "scopes": ["" if change.customer_id else change.key.scope for change in changes],
        "ids": _texts(change.customer_id for change in changes),
    }


def _stored_key(change: PutCustomer | DropCustomer) -> tuple[str, str, str]:
    return change.key.account, change.key.collector, _text(change.customer_id)


def _texts(values: Iterable[str]) -> list[object]:
    return [_text(value) for value in values]


def _text(value: str) -> str:
    """Escape the characters that PostgreSQL cannot store."""
    return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
