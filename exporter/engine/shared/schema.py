"""The tables in PostgreSQL."""

from typing import Final

from exporter.engine.shared.session import Session
from exporter.engine.storage.database import StorageError

_VERSION: Final = 1
_LOCK: Final = 0x41565045  # the advisory lock that a process holds while it creates the tables
_SCHEMA: Final = f"""
BEGIN;
SELECT pg_advisory_xact_lock({_LOCK});
CREATE TABLE IF NOT EXISTS avepoint_exporter_schema (version integer PRIMARY KEY);
CREATE SEQUENCE IF NOT EXISTS avepoint_exporter_epoch;
CREATE TABLE IF NOT EXISTS avepoint_exporter_lease (
  shard integer PRIMARY KEY, holder text NOT NULL, epoch bigint NOT NULL, expires timestamptz NOT NULL,
  writes bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS avepoint_exporter_collector (
  account text, collector text, scope text, registration text NOT NULL, last_success double precision, status text,
  PRIMARY KEY (account, collector, scope)
);
CREATE TABLE IF NOT EXISTS avepoint_exporter_customer (
  account text, collector text, scope text, customer_id text, registration text NOT NULL, labels text NOT NULL,
  read_at double precision, is_complete boolean NOT NULL, samples bytea, state text, epoch bigint NOT NULL,
  changed timestamptz NOT NULL,
  PRIMARY KEY (account, collector, scope, customer_id)
);
INSERT INTO avepoint_exporter_schema VALUES ({_VERSION}) ON CONFLICT DO NOTHING;
COMMIT;
"""  # noqa: S608 - constants


def prepare_schema(session: Session) -> None:
    """Create the tables if they do not exist. Raise StorageError if existing tables have another version."""
    ((exists,),) = session.execute("SELECT to_regclass('avepoint_exporter_schema') IS NOT NULL")
    if not exists:
        session.execute(_SCHEMA)
    versions = [version for (version,) in session.execute("SELECT version FROM avepoint_exporter_schema")]
    if versions != [_VERSION]:
        raise StorageError(f"the tables have version {versions}, but this exporter needs version {_VERSION}")
