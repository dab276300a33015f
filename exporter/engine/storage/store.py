"""The interface of the persistent state that refreshes use."""

from collections.abc import Collection
from typing import Protocol

from exporter.engine.snapshot import ReadResult, RefreshStatus


class Store(Protocol):
    """The persistent state of a collector. The methods log errors instead of raising them."""

    async def commit(self, customer_id: str, read: ReadResult, state: object) -> bool:
        """Commit the samples read from a customer, and the collector's state after the read.

        Return False if a newer process owns the customer. In this case, the samples must not be shown.
        """
        ...

    async def finish(
        self, reads: Collection[str], states: Collection[str], status: RefreshStatus, failed: Collection[str]
    ) -> None:
        """Commit the status of a refresh. Keep only the samples and states of the given customers."""
        ...
