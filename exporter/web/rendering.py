"""Pages made off the event loop, each once for all who ask at the same time."""

import asyncio
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from exporter.exposition.text import Request

_GZIP_LEVEL: Final = 1  # higher levels cost more time than the network saves

Pieces = Sequence[bytes]
Render = Callable[[Request], Iterator[bytes]]
"""Gives the pieces of a page; called on the event loop, its pieces made elsewhere."""


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two pages the same: what is asked for, and how it is packed."""

    request: Request
    gzip: bool


class Renderings:
    """Renders one page after the other on a thread of its own.

    Whoever asks while the same page waits for its turn gets that one: it is made after they asked, so it is as
    fresh as one of their own. A crowd of scrapers costs two renderings.
    """

    def __init__(self, render: Render) -> None:
        self._render = render
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="render")
        self._turn = asyncio.Lock()
        self._waiting: dict[Key, asyncio.Task[Pieces]] = {}

    async def page(self, key: Key) -> Pieces:
        """Give the page as it is now."""
        task = self._waiting.get(key)
        if task is None:
            task = self._waiting[key] = asyncio.create_task(self._make(key))
        return await asyncio.shield(task)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _make(self, key: Key) -> Pieces:
        async with self._turn:
            del self._waiting[key]
            pieces = self._render(key.request)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, tuple, _gzipped(pieces) if key.gzip else pieces)


def _gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(_GZIP_LEVEL, wbits=31)
    for piece in pieces:
        if compressed := compressor.compress(piece):
            yield compressed
    yield compressor.flush()
