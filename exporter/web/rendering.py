"""Renders pages on a separate thread. Clients that request the same page at the same time share one rendering."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from exporter.exposition.page import PageRequest

Chunks = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class PageKey:
    """The parameters that determine a page. Requests with identical keys receive the same page."""

    request: PageRequest
    gzip: bool


Render = Callable[[PageKey], Callable[[], Chunks]]
"""A function that collects data on the event loop, and returns a function that renders the data on a thread."""


class Renderings:
    """Renders one page at a time on one thread.

    If a rendering of the requested page is already waiting to start, the request shares this rendering. The data is
    collected when the rendering starts, so the shared page is up to date. Simultaneous requests for one page cause at
    most two renderings.
    """

    def __init__(self, render: Render) -> None:
        self._render = render
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="render")
        self._turn = asyncio.Lock()
        self._waiting: dict[PageKey, asyncio.Task[Chunks]] = {}

    async def page(self, key: PageKey) -> Chunks:
        """Return the page for a key. If a rendering of this page is already waiting to start, share this rendering."""
        if (task := self._waiting.get(key)) is None:
            task = self._waiting[key] = asyncio.create_task(self._make(key))
        return await asyncio.shield(task)

    def close(self) -> None:
        """Stop the rendering thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _make(self, key: PageKey) -> Chunks:
        async with self._turn:
            del self._waiting[key]
            make = self._render(key)
            return await asyncio.get_running_loop().run_in_executor(self._thread, make)
