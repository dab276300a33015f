"""Test the order of the work queue, and the list of customers that no worker has taken."""

import asyncio
from collections.abc import AsyncIterator

from exporter.engine.work_queue import WorkQueue
from exporter.errors import AvePointError


async def _listed(*names: str, error: AvePointError | None = None) -> AsyncIterator[str]:
    for name in names:
        await asyncio.sleep(0)
        yield name
    if error is not None:
        raise error


async def _handed_out(queue: WorkQueue) -> list[str]:
    names = []
    while (name := await queue.take()) is not None:
        names.append(name)
    return names


async def test_those_that_failed_come_last_and_those_that_left_not_at_all() -> None:
    queue = WorkQueue(_listed("a", "b", "c", "d"), ["gone", "c", "a"])
    assert await _handed_out(queue) == ["b", "d", "c", "a"]
    assert await queue.take() is None
    assert await queue.rest() == []
    assert set(queue.taken) == {"a", "b", "c", "d"}


async def test_workers_that_ask_at_once_get_different_customers() -> None:
    queue = WorkQueue(_listed("a", "b", "c"), [])
    assert sorted(filter(None, await asyncio.gather(*(queue.take() for _ in range(5))))) == ["a", "b", "c"]


async def test_a_closed_queue_hands_out_nothing_and_tells_the_rest() -> None:
    queue = WorkQueue(_listed("a", "b", "c"), ["b"])
    assert await queue.take() == "a"
    queue.close()
    assert await queue.take() is None
    assert await queue.rest() == ["c", "b"]


async def test_an_error_of_the_list_comes_after_what_was_listed() -> None:
    queue = WorkQueue(_listed("a", "b", error=AvePointError("down")), ["a"])
    assert await _handed_out(queue) == ["b", "a"]
    assert str(queue.error) == "down"
