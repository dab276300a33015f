"""The exporter retries failed customers before the next refresh, but not all at the same time."""

from itertools import pairwise
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from exporter.engine.refresh import Refresher
from tests.helpers import DAY, FakeApi, World, overview_path, partner, portfolio

NAMES = [f"c{number}" for number in range(4)]
BROKEN = httpx.Response(500)


class Stop(Exception):  # noqa: N818 - no error
    """Raised to stop the endless loop of a refresher."""


async def slow_world(**options: Any) -> World:
    """Return a `World` with a collector that refreshes once per day."""
    world = World(FakeApi(portfolio(NAMES)))
    await world.apply(
        partner(collectors={"customers": {"enabled": False}, "protected_data": {"interval": "1d"}}, **options)
    )
    return world


def refresher_of(world: World) -> Refresher:
    [refresher] = world.accounts.refreshers()
    return refresher


async def run_for(world: World, duration: float) -> None:
    """Run the refresher until it would sleep beyond `duration` seconds."""
    end, kept = world.clock.monotonic() + duration, world.clock.sleep

    async def sleep(seconds: float) -> None:
        if seconds >= 1 and world.clock.monotonic() + seconds > end:  # the rate limit causes shorter sleeps
            raise Stop
        await kept(seconds)

    world.clock.sleep = sleep  # type: ignore[method-assign] # a fake's own
    with pytest.raises(Stop):
        await refresher_of(world).run()
    world.clock.sleep = kept  # type: ignore[method-assign] # as above


def failing_at(world: World, name: str, *, until: float = DAY) -> list[float]:
    """For `until` seconds, a customer's requests fail. Return a list that collects the times of the requests."""
    began, times = world.clock.monotonic(), list[float]()

    def answer(_: httpx.Request) -> object:
        times.append(round(world.clock.monotonic() - began))
        return BROKEN if times[-1] < until else portfolio([name])[overview_path(name)]

    world.api.routes[overview_path(name)] = answer
    return times


def customer_up(world: World, name: str) -> float | None:
    return world.value("avepoint_customer_up", account="msp", collector="protected_data", customer_id=name)


async def test_a_customer_that_failed_is_read_again_soon_and_the_others_are_not() -> None:
    world = await slow_world()
    times = failing_at(world, "c2", until=200)
    await run_for(world, DAY - 1)
    assert times == [0, 30, 90, 210]
    assert world.api.calls("overview") == len(NAMES) - 1 + len(times)
    assert customer_up(world, "c2") == 1
    await world.accounts.stop()


async def test_a_customer_that_always_fails_is_read_ever_less_often() -> None:
    world = await slow_world()
    times = failing_at(world, "c2", until=10 * DAY)
    await run_for(world, 3 * DAY + 60)
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[:10] == [30 * 2**number for number in range(10)]
    assert times[-2:] == [2 * DAY, 3 * DAY], "only refreshes read the customer"
    assert customer_up(world, "c2") == 0
    await world.accounts.stop()


async def test_a_customer_that_always_fails_does_not_delay_the_retry_of_another() -> None:
    world = await slow_world()
    failing_at(world, "c2", until=10 * DAY)
    await run_for(world, DAY - 1)
    times = failing_at(world, "c3", until=2)
    await run_for(world, DAY - 1)
    assert times == [0, 30]
    assert customer_up(world, "c3") == 1
    await world.accounts.stop()


async def test_retries_of_a_dead_server_end_soon_and_take_turns() -> None:
    names = [f"c{number:03}" for number in range(60)]
    world = World(FakeApi(portfolio(names)))
    await world.apply(partner(collectors={"customers": {"enabled": False}, "protected_data": {"interval": "1d"}}))
    refresher = refresher_of(world)
    for name in names[:50]:
        world.api.routes[overview_path(name)] = httpx.Response(404)  # this error affects only the customer
    assert await refresher.refresh()
    for name in names:
        world.api.routes[overview_path(name)] = httpx.ConnectError("down")
    world.api.requests.clear()
    world.clock.advance(31)
    await refresher.retry()
    assert 10 <= world.api.calls("overview") <= 20
    await refresher.retry()
    assert world.api.calls("overview") <= 20, "no other retry is due"
    await world.accounts.stop()


async def test_a_customer_that_left_the_list_is_not_read_again() -> None:
    world = await slow_world()
    times = failing_at(world, "c2")
    refresher = refresher_of(world)
    assert await refresher.refresh()
    world.api.routes.update({key: route for key, route in portfolio(["c0", "c1", "c3"]).items() if "batch" in key})
    await refresher.collector._customer_list.refresh()
    world.clock.advance(31)
    await refresher.retry()
    assert times == [0]
    assert customer_up(world, "c2") is None
    assert refresher._reader is not None
    assert refresher._reader.next_retry == float("inf")
    await world.accounts.stop()


async def test_a_mistake_of_ours_in_a_retry_does_not_end_the_refreshes() -> None:
    world = await slow_world()
    failing_at(world, "c2")
    refresher = refresher_of(world)
    assert await refresher.refresh()
    refresher.collector.is_customer = lambda _: 1 / 0  # type: ignore[attr-defined] # a mistake on purpose
    world.clock.advance(31)
    with capture_logs() as logs:
        await refresher.retry()
    assert [log["event"] for log in logs] == ["retry failed unexpectedly"]
    await world.accounts.stop()
