"""The interface of the persistent state that refreshes use."""

from collections.abc import Collection
from typing import Protocol

from exporter.engine.snapshot import ReadResult


class Store(Protocol):
    """The persistent state of a collector. Its methods log errors instead of raising them."""

    async def commit(self, customer_id: str, read: ReadResult, state: object) -> None:
        """Commit the samples read from a customer, and the collector's state after the read."""
        ...

    async def finish(self, reads: Collection[str], states: Collection[str], last_success: float | None) -> None:
        """Commit the time of the last success. Keep only the samples and states of the given customers."""
        ...
