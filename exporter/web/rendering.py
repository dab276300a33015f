"""Pages made off the event loop, each once for all who ask at the same time."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from exporter.exposition.page import PageRequest

Chunks = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two pages the same: what is asked for, and how it is packed."""

    request: PageRequest
    gzip: bool


Render = Callable[[Key], Callable[[], Chunks]]
"""Freezes what a page shows, on the event loop, and gives what makes the page of it, elsewhere."""


class Renderings:
    """Renders one page after the other on a thread of its own.

    Whoever asks while the same page waits for its turn gets that one: it is made after they asked, so it is as
    fresh as one of their own. A crowd of scrapers costs two renderings.
    """

    def __init__(self, render: Render) -> None:
        self._render = render
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="render")
        self._turn = asyncio.Lock()
        self._waiting: dict[Key, asyncio.Task[Chunks]] = {}

    async def page(self, key: Key) -> Chunks:
        """Give the page as it is now."""
        task = self._waiting.get(key)
        if task is None:
            task = self._waiting[key] = asyncio.create_task(self._make(key))
        return await asyncio.shield(task)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _make(self, key: Key) -> Chunks:
        async with self._turn:
            del self._waiting[key]
            make = self._render(key)
            return await asyncio.get_running_loop().run_in_executor(self._thread, make)
