"""A limit on the number of concurrent requests. Urgent requests start first."""

import asyncio
import heapq
from itertools import count


class Slots:
    """A semaphore whose waiters have deadlines. The waiter with the earliest deadline gets the next free slot."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._arrivals = count()

    async def acquire(self, deadline: float) -> None:
        """Wait for a slot. Waiters with equal deadlines are served in order of arrival."""
        if self._free:
            self._free -= 1
            return
        granted = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (deadline, next(self._arrivals), granted))
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled():  # The slot was granted before the waiter was canceled.
                self.release()
            raise

    def release(self) -> None:
        """Pass the slot to the most urgent waiter, or free the slot if no task is waiting."""
        while self._waiting:
            granted = heapq.heappop(self._waiting)[-1]
            if not granted.done():
                granted.set_result(None)
                return
        self._free += 1
