"""The interface that refreshes use to store persistent state."""

from collections.abc import Collection
from typing import Protocol

from exporter.engine.snapshot import ReadResult, RefreshStatus


class Store(Protocol):
    """The persistent state of a collector. The methods log errors instead of raising them."""

    async def commit(self, customer_id: str, read: ReadResult, state: object) -> bool:
        """Commit a customer's samples and the collector's state for the customer.

        Return False if a newer process owns the customer. In this case, the caller must not show the samples.
        """

    async def finish(
        self, reads: Collection[str], states: Collection[str], status: RefreshStatus, failed: Collection[str]
    ) -> None:
        """Commit the status of a refresh.

        Delete the samples of customers that are not in `reads`, and the states of customers that are not in `states`.
        """
