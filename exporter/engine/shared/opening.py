"""A function that opens the persistent state in PostgreSQL."""

import os
import secrets
import socket

import structlog

from exporter.clock import Clock
from exporter.collectors.registry import stored_families
from exporter.engine.shard import Shard
from exporter.engine.shared.lease import LeaseTimes
from exporter.engine.shared.state import SharedState
from exporter.errors import ConfigError


def open_shared(
    url: str, shard: Shard, clock: Clock, log: structlog.stdlib.BoundLogger, times: LeaseTimes | None = None
) -> SharedState:
    """Return the state of a shard without connecting to the database. Raise ConfigError if the URL is invalid."""
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    try:
        return SharedState(url, shard, holder, stored_families(), clock, log, times or LeaseTimes())
    except ValueError as error:
        raise ConfigError([f"--storage.url: {error}"]) from None
