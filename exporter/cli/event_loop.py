"""Run coroutines for commands, and end the process without waiting for threads."""

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

from exporter.logs import logger, write_suppressed

T = TypeVar("T")

_MOST_LOOKUPS: Final = 32
_LONGEST_SHUTDOWN: Final = 4.5
"""Maximum seconds for the shutdown after a signal, even if a database or file system hangs."""


class _AbandonedThreads(ThreadPoolExecutor):
    """A thread pool for name lookups. Its shutdown does not wait for running lookups, because a lookup may hang."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 - the base class has the same signature
        super().shutdown(wait=False, cancel_futures=cancel_futures)


class _EventLoop(asyncio.SelectorEventLoop):
    """An event loop that runs name lookups on separate threads, so slow lookups do not delay other work."""

    def __init__(self) -> None:
        super().__init__()
        self.set_default_executor(_AbandonedThreads(thread_name_prefix="work"))
        self._lookups = _AbandonedThreads(_MOST_LOOKUPS, thread_name_prefix="lookup")

    async def getaddrinfo(self, *address: Any, **options: Any) -> Any:  # noqa: ANN401 - the base class has the same signature
        """Look up an address."""
        return await self.run_in_executor(self._lookups, partial(socket.getaddrinfo, *address, **options))

    def close(self) -> None:
        """Close the event loop without waiting for name lookups."""
        self._lookups.shutdown()
        super().close()


def run_coroutine(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine and return its result. Unlike asyncio.run, this function does not wait for threads."""
    with asyncio.Runner(loop_factory=_EventLoop) as runner:
        return runner.run(coroutine)


def run_server(serve: Callable[[Callable[[], None]], Coroutine[Any, Any, None]]) -> None:
    """Run a server until SIGTERM or SIGINT. `serve` receives a function and must call it at the first signal.

    If SIGTERM arrives before the server handles signals, or if the shutdown takes too long, exit immediately with
    code 0.
    """
    limit = threading.Timer(_LONGEST_SHUTDOWN, _give_up)
    limit.daemon = True
    former = signal.signal(signal.SIGTERM, lambda *_: exit_now(0))
    try:
        run_coroutine(serve(limit.start))
    finally:
        limit.cancel()
        signal.signal(signal.SIGTERM, former)


def _give_up() -> None:
    logger().warning("shutdown incomplete; the process exits", seconds=_LONGEST_SHUTDOWN)
    write_suppressed(all_windows=True)
    exit_now(0)


def exit_now(code: int) -> None:
    """End the process without waiting for threads."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
