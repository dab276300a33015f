"""A thread that runs database operations, so that the event loop never waits for a database."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """Runs functions one after another on a thread.

    The thread is a daemon, so a hanging function cannot delay the exit.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(self, function: Callable[[], T]) -> T:
        """Run a function on the thread and return the result.

        If the caller is canceled before the function starts, skip the function.
        """
        future: Future[T] = Future()
        self._calls.put((future, function))
        return await asyncio.wrap_future(future)

    async def close(self, *, within: float) -> None:
        """End the thread after all pending functions have run. Wait at most `within` seconds."""
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
