"""The queue of customers for the workers of a refresh."""

import asyncio
from collections.abc import AsyncIterator, Collection

from exporter.errors import AvePointError


class WorkQueue:
    """Returns customer ids while AvePoint is still listing customers.

    Customers that failed in the previous refresh come last.
    """

    def __init__(self, ids: AsyncIterator[str], failed: Collection[str]) -> None:
        """Create a queue for `ids`.

        `failed` contains the ids of customers that failed, in the order of their failures.
        """
        self.taken: dict[str, None] = {}
        self.error: AvePointError | None = None
        self._ids = ids
        self._failed = dict.fromkeys(failed)
        self._postponed: set[str] = set()
        self._lock = asyncio.Lock()
        self._is_closed = False

    async def take(self) -> str | None:
        """Wait until the next customer is listed, and return its id. Return None if there are no more customers."""
        async with self._lock:
            return None if self._is_closed else await self._next()

    def close(self) -> None:
        """Stop returning customers to workers."""
        self._is_closed = True

    async def rest(self) -> list[str]:
        """Return the ids of all customers that no worker has taken."""
        rest = []
        while (customer_id := await self._next()) is not None:
            rest.append(customer_id)
        return rest

    async def _next(self) -> str | None:
        try:
            async for customer_id in self._ids:
                if customer_id not in self._failed:
                    self.taken[customer_id] = None
                    return customer_id
                self._postponed.add(customer_id)
        except AvePointError as error:
            self.error = error
        while self._failed:
            first = next(iter(self._failed))
            del self._failed[first]
            if first in self._postponed:
                self.taken[first] = None
                return first
        return None
