"""The asyncio tasks of one account. All tasks are canceled together."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class AccountTasks:
    """Starts and cancels the tasks of an account. The tasks refresh collectors, list customers and request tokens."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, coroutine: Coroutine[Any, Any, T], *, context: Context | None = None) -> asyncio.Task[T]:
        """Start a coroutine as a task, like asyncio.create_task."""
        task = asyncio.create_task(coroutine, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def cancel(self) -> None:
        """Cancel all tasks and wait until they end. Tasks that start during the cancellation are also canceled."""
        while self._tasks:
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
