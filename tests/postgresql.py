"""Tests start a private PostgreSQL server and PgBouncer on 127.0.0.1, as a user without privileges."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.programs import program

PASSWORD = "a-database-password-that-nobody-sees"
_USERS = "postgres", "nobody"
_CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
fsync = off
max_connections = 50
"""
_POOL = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = any
unix_socket_dir =
pool_mode = transaction
default_pool_size = 4
server_login_retry = 1
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _unprivileged() -> str | None:
    """Return the user that runs the servers, or None for the current user."""
    if os.geteuid() != 0:
        return None
    known = {user.pw_name for user in pwd.getpwall()}
    return next(name for name in _USERS if name in known)


def _as_user(command: Sequence[str]) -> list[str]:
    user = _unprivileged()
    if user is None:
        return list(command)
    entry = pwd.getpwnam(user)
    ids = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    return [program("setpriv"), *ids, *command]


def _postgres(name: str) -> str:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return program(*(f"{folder}/{name}" for folder in folders), name)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A PostgreSQL server with an empty database."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    @staticmethod
    def url_at(port: int) -> str:
        return f"postgresql://exporter:{PASSWORD}@127.0.0.1:{port}/postgres"

    def control(self, *arguments: str) -> None:
        command = [_postgres("pg_ctl"), "--pgdata", str(self.folder / "data"), "--log", str(self.folder / "log")]
        subprocess.run(_as_user([*command, "--wait", *arguments]), check=True, capture_output=True, cwd="/", timeout=60)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description is not None else []

    def clear(self) -> None:
        """Drop the tables of the exporter."""
        for table in ("schema", "lease", "collector", "customer"):
            self.execute(f"DROP TABLE IF EXISTS avepoint_exporter_{table}")
        self.execute("DROP SEQUENCE IF EXISTS avepoint_exporter_epoch")


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="avepoint-exporter-postgresql-"))
    try:
        if (user := _unprivileged()) is not None:
            shutil.chown(folder, user)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def postgresql() -> Iterator[PostgresServer]:
    """Start a server. Skip the test if PostgreSQL is not installed."""
    initialize = _postgres("initdb")
    with _folder() as folder:
        server = PostgresServer(folder, _port())
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        options = ["--username=exporter", "--auth=scram-sha-256", f"--pwfile={folder}/password", "--no-sync"]
        command = [initialize, f"--pgdata={folder}/data", "--encoding=UTF8", "--locale=C", *options]
        subprocess.run(_as_user(command), check=True, capture_output=True, cwd="/", timeout=120)
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.write(_CONFIGURATION.format(port=server.port, folder=folder))
        server.control("start")
        try:
            yield server
        finally:
            server.control("stop", "--mode=immediate")


@contextlib.contextmanager
def pgbouncer(server: PostgresServer) -> Iterator[str]:
    """Start PgBouncer in transaction mode in front of a server, and return the URL of PgBouncer."""
    path = program("pgbouncer", "/usr/sbin/pgbouncer")
    with _folder() as folder:
        port = _port()
        text = _POOL.format(server=server.port, port=port, folder=folder)
        text = text.replace(f"port={server.port}", f"port={server.port} user=exporter password={PASSWORD}")
        (folder / "pgbouncer.ini").write_text(text)
        (folder / "pgbouncer.ini").chmod(0o644)
        with subprocess.Popen(
            _as_user([path, str(folder / "pgbouncer.ini")]), cwd="/", stderr=subprocess.DEVNULL
        ) as process:
            try:
                wait_for_port(port)
                yield server.url_at(port)
            finally:
                process.terminate()


def wait_for_port(port: int) -> None:
    """Wait until a server listens on the port."""
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port}")
