"""The server renders a page only once for all clients that wait for this page."""

import asyncio
import threading
from collections.abc import Callable

from exporter.exposition.page import PageRequest
from exporter.web.rendering import Chunks, PageKey, Renderings

KEY = PageKey(PageRequest(), gzip=False)


async def test_clients_that_request_a_page_at_once_share_its_renderings() -> None:
    started, go_on, made = asyncio.Event(), threading.Event(), list[PageKey]()

    def render(key: PageKey) -> Callable[[], Chunks]:
        made.append(key)
        started.set()

        def make() -> Chunks:
            assert go_on.wait(20)
            return [str(len(made)).encode()]

        return make

    renderings = Renderings(render)
    first = asyncio.create_task(renderings.page(KEY))
    await asyncio.wait_for(started.wait(), 20)
    others = list[asyncio.Task[Chunks]]()
    for _ in range(50):
        others.append(asyncio.create_task(renderings.page(KEY)))
        await asyncio.sleep(0)
    other = asyncio.create_task(renderings.page(PageKey(PageRequest(), gzip=True)))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, *others, other)
    assert [key.gzip for key in made] == [False, False, True]
    renderings.close()


async def test_a_client_that_disconnects_does_not_cancel_a_shared_page() -> None:
    started, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def render(key: PageKey) -> Callable[[], Chunks]:
        def make() -> Chunks:
            loop.call_soon_threadsafe(started.set)
            assert go_on.wait(20)
            return [str(key.gzip).encode()]

        return make

    renderings = Renderings(render)
    first = asyncio.create_task(renderings.page(KEY))
    await asyncio.wait_for(started.wait(), 20)
    # Two clients wait for the next rendering, which has not started yet.
    leaving, staying = (asyncio.create_task(renderings.page(KEY)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    go_on.set()
    assert await first == [b"False"]
    assert await staying == [b"False"]
    assert leaving.cancelled()
    renderings.close()
