"""The customers of one refresh, handed to its workers one by one."""

import asyncio
from collections.abc import AsyncIterator, Collection

from exporter.errors import AvePointError


class WorkQueue:
    """Hands out customers as they become known; those that failed last time come last, so that they cost no other."""

    def __init__(self, ids: AsyncIterator[str], failed: Collection[str]) -> None:
        """Take the ids, each once, and those that failed last time, the one that failed last at the end."""
        self.given: dict[str, None] = {}
        self.error: AvePointError | None = None
        self._ids = ids
        self._failed = dict.fromkeys(failed)
        self._put_off: set[str] = set()
        self._lock = asyncio.Lock()
        self._is_closed = False

    async def next(self) -> str | None:
        """Give the next customer, once it is known; None if there is none."""
        async with self._lock:
            return None if self._is_closed else await self._next()

    def close(self) -> None:
        """Hand out no more."""
        self._is_closed = True

    async def rest(self) -> list[str]:
        """Give the customers that were not handed out."""
        rest = []
        while (customer_id := await self._next()) is not None:
            rest.append(customer_id)
        return rest

    async def _next(self) -> str | None:
        customer_id = await self._listed()
        while customer_id is None and self._failed:
            first = next(iter(self._failed))
            del self._failed[first]
            customer_id = first if first in self._put_off else None
        if customer_id is not None:
            self.given[customer_id] = None
        return customer_id

    async def _listed(self) -> str | None:
        try:
            async for customer_id in self._ids:
                if customer_id not in self._failed:
                    return customer_id
                self._put_off.add(customer_id)
        except AvePointError as error:
            self.error = error
        return None
