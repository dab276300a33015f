"""Pages rendered off the event loop, once for all clients that request the same page at the same time."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from exporter.exposition.page import PageRequest

Chunks = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Key:
    """Equal for two requests that get the same page."""

    request: PageRequest
    gzip: bool


Render = Callable[[Key], Callable[[], Chunks]]
"""Takes a view on the event loop and returns the function that renders it on a thread."""


class Renderings:
    """Renders one page after the other on one thread.

    A request for a page that waits for its turn shares that page, which is as fresh as a page of its own. Any number
    of simultaneous scrapes costs two renderings.
    """

    def __init__(self, render: Render) -> None:
        self._render = render
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="render")
        self._turn = asyncio.Lock()
        self._waiting: dict[Key, asyncio.Task[Chunks]] = {}

    async def page(self, key: Key) -> Chunks:
        """Return the current page."""
        task = self._waiting.get(key)
        if task is None:
            task = self._waiting[key] = asyncio.create_task(self._make(key))
        return await asyncio.shield(task)

    def close(self) -> None:
        """Stop the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _make(self, key: Key) -> Chunks:
        async with self._turn:
            del self._waiting[key]
            make = self._render(key)
            return await asyncio.get_running_loop().run_in_executor(self._thread, make)
