"""The table of leases in PostgreSQL."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from exporter.engine.shared.lease import Grant
from exporter.engine.shared.schema import prepare_schema
from exporter.engine.shared.session import Session

_RENEW: Final = """UPDATE avepoint_exporter_lease SET expires = clock_timestamp() + %s * interval '1 second'
  WHERE shard = %s AND holder = %s AND epoch = %s RETURNING epoch"""
_LOOK: Final = """SELECT epoch, writes, expires <= clock_timestamp() FROM avepoint_exporter_lease WHERE shard = %s"""
_TAKE: Final = """INSERT INTO avepoint_exporter_lease AS old (shard, holder, epoch, expires)
  VALUES (%(shard)s, %(holder)s, nextval('avepoint_exporter_epoch'),
          clock_timestamp() + %(length)s * interval '1 second')
  ON CONFLICT (shard) DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch, expires = excluded.expires
  WHERE old.expires <= clock_timestamp() OR old.holder = excluded.holder RETURNING epoch"""
_RELEASE: Final = """UPDATE avepoint_exporter_lease SET expires = clock_timestamp()
  WHERE shard = %s AND holder = %s AND epoch = %s"""


class Version(NamedTuple):
    """The version of a shard's stored state. The version changes with each write."""

    epoch: int = 0
    writes: int = 0


@dataclass(frozen=True, slots=True)
class LeaseAnswer:
    """The response to a request for the lease. If this process does not hold the lease, `grant` is None."""

    grant: Grant | None
    version: Version


class LeaseTable:
    """The lease of one shard, in PostgreSQL. Only one thread uses this object."""

    def __init__(self, session: Session, shard: int, holder: str, length: float) -> None:
        self.session = session
        self._shard = shard
        self._holder = holder
        self._length = length
        self._is_prepared = False

    def attempt(self, grant: Grant | None, *, may_take: bool, is_new: bool = False) -> LeaseAnswer:
        """If `grant` is set, renew the lease. Otherwise, if `may_take` is true, take over an expired lease.

        If `is_new` is true, get a grant with a new epoch instead of renewing the lease. Raise StorageError if a
        statement fails.
        """
        if not self._is_prepared:
            prepare_schema(self.session)
            self._is_prepared = True
        if grant is not None and not is_new:
            values = (self._length, self._shard, grant.holder, grant.epoch)
            renewed = self.session.execute(_RENEW, values)
            return LeaseAnswer(grant if renewed else None, Version())
        found = self.session.execute(_LOOK, (self._shard,))
        epoch, writes, is_free = found[0] if found else (0, 0, True)
        if may_take and (is_free or is_new):
            values_of_lease = {"shard": self._shard, "holder": self._holder, "length": self._length}
            if taken := self.session.execute(_TAKE, values_of_lease):
                return LeaseAnswer(Grant(self._holder, taken[0][0]), Version())
        return LeaseAnswer(None, Version(epoch, writes))

    def release(self, grant: Grant) -> None:
        """End the lease, so that another process can take over. Raise StorageError if the statement fails."""
        self.session.execute(_RELEASE, (self._shard, grant.holder, grant.epoch))
