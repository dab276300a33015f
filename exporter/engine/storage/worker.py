"""A thread that uses a database, so that the event loop never waits for the database."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """Runs functions one after another on a daemon thread, so that the process can exit even if a function hangs."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(self, function: Callable[[], T]) -> T:
        """Run a function on the thread and return its result.

        If the caller is canceled first, the function may not run.
        """
        future: Future[T] = Future()
        self._calls.put((future, function))
        return await asyncio.wrap_future(future)

    async def close(self, *, within: float) -> None:
        """End the thread after the pending functions, and wait at most `within` seconds for the end."""
        self._calls.put(None)
        await asyncio.to_thread(self._thread.join, within)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            future, function = call
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except BaseException as error:  # noqa: BLE001 - the caller of `run` gets the error
                    future.set_exception(error)
            del future, function, call
