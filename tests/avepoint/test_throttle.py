"""Test the rate limit, the order of requests, pauses, and the recovery after throttling."""

import asyncio

import pytest

from exporter.avepoint.throttle import (
    HALVING_WINDOW,
    LONGEST_PAUSE,
    RECENT,
    RECOVERY_PERIOD,
    LimitUsage,
    Slots,
    Throttle,
)
from tests.helpers import FakeClock


class Paced:
    def __init__(self, *, concurrency: int = 100, per_second: float = 10) -> None:
        self.clock = FakeClock()
        self.waits: list[float] = []
        self.throttle = Throttle(
            concurrency=concurrency, per_second=per_second, clock=self.clock, waited=self.waits.append
        )
        self.started: list[tuple[int, float]] = []
        self.inside = self.most_inside = 0

    async def call(self, number: int = 0, ticks: int = 0, patience: float = 0.0) -> None:
        async with self.throttle.slot(patience):
            self.started.append((number, self.clock.elapsed))
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            for _ in range(ticks):
                await asyncio.sleep(0)
            self.inside -= 1


async def test_calls_go_out_at_the_rate_and_in_order() -> None:
    paced = Paced(per_second=10)
    await asyncio.gather(*(paced.call(number) for number in range(50)))
    assert [number for number, _ in paced.started] == list(range(50))
    times = [time for _, time in paced.started]
    assert times == pytest.approx([number / 10 for number in range(50)])
    assert sum(paced.waits) == pytest.approx(4.9), "the wait is counted once, although many requests wait"


async def test_no_more_at_once_than_configured() -> None:
    paced = Paced(concurrency=3, per_second=1000)
    await asyncio.gather(*(paced.call(number, ticks=7) for number in range(30)))
    assert paced.most_inside == 3
    assert [number for number, _ in paced.started] == list(range(30))


async def test_requests_of_fast_collectors_go_before_those_of_slow_ones() -> None:
    paced = Paced(concurrency=1, per_second=1000)
    slow = [paced.call(number, ticks=3, patience=86_400) for number in range(4)]
    fast = [paced.call(number, ticks=3, patience=3600) for number in range(4, 8)]
    await asyncio.gather(*slow, *fast)
    assert [number for number, _ in paced.started] == [0, 4, 5, 6, 7, 1, 2, 3]


async def test_a_slow_collector_is_not_postponed_forever() -> None:
    paced = Paced(concurrency=1, per_second=1000)
    async with paced.throttle.slot():
        slow = asyncio.create_task(paced.call(1, patience=86_400))
        await asyncio.sleep(0)
        paced.clock.advance(86_400)
        fast = asyncio.create_task(paced.call(2, patience=3600))
        await asyncio.sleep(0)
    await asyncio.gather(slow, fast)
    assert [number for number, _ in paced.started] == [1, 2]


@pytest.mark.parametrize("is_granted", [True, False])
async def test_a_canceled_waiter_passes_its_slot_on(is_granted: bool) -> None:
    slots = Slots(1)
    await slots.acquire(0)
    waiting, other = asyncio.create_task(slots.acquire(1)), asyncio.create_task(slots.acquire(2))
    await asyncio.sleep(0)
    if is_granted:
        slots.release()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not is_granted:
        slots.release()
    await other


async def test_silence_holds_for_every_call() -> None:
    paced = Paced(per_second=1000)
    await paced.call()
    paced.throttle.slow_down(7)
    assert paced.throttle.is_paused
    await asyncio.gather(*(paced.call() for _ in range(20)))
    assert all(time >= 7 for _, time in paced.started[1:])
    assert paced.started[1][1] == pytest.approx(7, abs=0.01)
    assert 7 <= sum(paced.waits) < 7.1
    assert not paced.throttle.is_paused


async def test_silence_that_begins_while_waiting_is_kept_too() -> None:
    paced = Paced(per_second=0.1)
    await paced.call()
    waiting = asyncio.create_task(paced.call())
    await asyncio.sleep(0)
    paced.throttle.slow_down(60)
    await waiting
    assert paced.started[-1][1] >= 60


async def test_silence_is_capped_and_never_shortened() -> None:
    paced = Paced()
    paced.throttle.slow_down(10**9)
    paced.throttle.slow_down(1)
    await paced.call()
    assert paced.started[0][1] == LONGEST_PAUSE


async def test_halved_once_a_window_and_given_back_slowly() -> None:
    paced = Paced(per_second=10)
    for _ in range(50):
        paced.throttle.slow_down(0)
    assert paced.throttle.rate == 5
    paced.clock.advance(HALVING_WINDOW)
    paced.throttle.slow_down(0)
    assert paced.throttle.rate == 2.5
    paced.clock.advance(RECOVERY_PERIOD - 1)
    assert paced.throttle.rate == 2.5
    paced.clock.advance(1)
    assert paced.throttle.rate == 3.5
    paced.clock.advance(RECOVERY_PERIOD * 100)
    assert paced.throttle.rate == 10
    for _ in range(30):
        paced.throttle.slow_down(0)
        paced.clock.advance(HALVING_WINDOW)
    assert paced.throttle.rate == 0.5, "the rate never falls below a twentieth"


async def test_who_gives_up_waiting_holds_no_place() -> None:
    paced = Paced(concurrency=1, per_second=0.01)
    await paced.call()
    waiting = [asyncio.create_task(paced.call(number)) for number in (1, 2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    await waiting[1]
    assert [number for number, _ in paced.started] == [0, 2]


async def test_an_error_gives_the_place_back() -> None:
    paced = Paced(concurrency=1, per_second=1000)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with paced.throttle.slot():
                raise ZeroDivisionError
    await paced.call()


async def test_the_usage_is_that_of_now() -> None:
    paced = Paced(concurrency=3, per_second=10)
    async with paced.throttle.slot():
        assert paced.throttle.usage == LimitUsage(1, 3, rate=10, full_rate=10, pause=0, recent=0.1)
        paced.throttle.slow_down(7)
    assert paced.throttle.usage == LimitUsage(0, 3, rate=5, full_rate=10, pause=7, recent=0.1)


async def test_the_usage_has_the_rate_of_recent_requests() -> None:
    paced = Paced(per_second=10)
    assert paced.throttle.usage.recent == 0
    await asyncio.gather(*(paced.call(number) for number in range(20)))
    assert paced.throttle.usage.recent == 2
    paced.clock.advance(RECENT)
    assert paced.throttle.usage.recent == 0


async def test_timers_that_wake_late_do_not_lower_the_rate() -> None:
    paced = Paced(per_second=100)
    punctual = paced.clock.sleep

    async def late(seconds: float) -> None:
        await punctual(seconds + 0.001)

    paced.clock.sleep = late  # type: ignore[method-assign] # a machine's timers
    await asyncio.gather(*(paced.call(number) for number in range(101)))
    assert paced.started[-1][1] == pytest.approx(1.0, abs=0.01)
    paced.clock.advance(10)
    await asyncio.gather(*(paced.call(number) for number in range(11)))
    assert paced.started[-1][1] - paced.started[101][1] == pytest.approx(0.1, abs=0.01), "no burst after an idle period"


class LateClock(FakeClock):
    """A clock whose first sleep ends five seconds late, because the process was suspended."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if len(self.slept) == 1:
            self.advance(5)


async def test_a_late_timer_does_not_cause_a_burst() -> None:
    paced = Paced(per_second=10)
    paced.clock = LateClock()
    paced.throttle = Throttle(concurrency=100, per_second=10, clock=paced.clock, waited=paced.waits.append)
    await asyncio.gather(*(paced.call(number) for number in range(30)))
    times = [time for _, time in paced.started]
    assert times[1] == pytest.approx(5.1)
    assert times[2:] == pytest.approx([5.1 - 0.02 + number / 10 for number in range(1, 29)])
