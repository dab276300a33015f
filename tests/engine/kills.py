"""Run processes until the test kills them, and collect the pages that the processes exposed."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from multiprocessing.connection import Connection

from tests.engine.shared import Place
from tests.helpers import World

COMPLETED = "avepoint_jobs_completed_total"
SUCCESS = "avepoint_last_success_timestamp_seconds"
Shown = Mapping[str, float]
Show = Callable[[tuple[float, Shown]], None]
Refresh = Callable[[Place, float, Show], Coroutine[None, None, None]]
"""A coroutine function that refreshes without end, and calls its last argument with times and pages."""


def shown(world: World) -> Shown:
    """Return the values of counters and last successes on the page, keyed by series."""
    return {
        f"{name}{sorted(labels)}": value
        for (name, labels), value in world.samples().items()
        if name in (COMPLETED, SUCCESS)
    }


def pages_until_killed(refresh: Refresh, place: Place, now: float, pages: int) -> list[tuple[float, Shown]]:
    """Kill a child process after it has sent `pages` pages with values. Return the time and content of every page.

    Ignore pages without values, because a slow machine may send many such pages before the first refresh
    completes.
    """
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_run_child, args=(refresh, place, now, theirs))
    child.start()
    theirs.close()
    seen: list[tuple[float, Shown]] = []
    try:
        while pages:
            seen.append(ours.recv())
            pages -= bool(seen[-1][1])
    finally:
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    while True:
        try:
            seen.append(ours.recv())
        except (EOFError, OSError):
            return seen


def _run_child(refresh: Refresh, place: Place, now: float, pipe: Connection) -> None:
    asyncio.run(refresh(place, now, pipe.send))
