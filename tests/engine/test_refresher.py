"""The loop of a collector: pauses, retries and the status while a refresh runs."""

import pytest

from exporter.errors import AnswerError, ForbiddenError
from tests.engine.fake_collector import FakeCollector, FakeOptionalCollector, FakeStore, refresher
from tests.helpers import FakeClock

STRANGE = AnswerError("strange")
FORBIDDEN = ForbiddenError("forbidden", status=403)


class Stop(Exception):  # noqa: N818 - no error
    """Raised to stop the endless loop of a refresher."""


class BriefClock(FakeClock):
    """A clock whose sleep number `sleeps` raises Stop."""

    def __init__(self, sleeps: int) -> None:
        super().__init__()
        self._sleeps = sleeps

    async def sleep(self, seconds: float) -> None:
        if len(self.slept) == self._sleeps:
            raise Stop
        await super().sleep(seconds)


class SlowCollector(FakeCollector):
    """A collector that needs 100 seconds to read a customer."""

    async def on_read(self, customer_id: str) -> None:
        self.clock.advance(100)


async def run(collector: FakeCollector) -> None:
    with pytest.raises(Stop):
        await refresher(collector).run()


async def test_a_collector_that_is_down_is_refreshed_at_least_every_hour() -> None:
    collector = FakeCollector(["a"], BriefClock(9))
    collector.answers["a"] = STRANGE
    await run(collector)
    assert collector.clock.slept == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


async def test_a_collector_that_is_off_is_refreshed_every_hour() -> None:
    collector = FakeOptionalCollector(["a"], BriefClock(2))
    collector.answers["a"] = FORBIDDEN
    await run(collector)
    assert collector.clock.slept == [3600, 3600]


async def test_customers_of_a_collector_that_is_down_are_not_retried_on_their_own() -> None:
    collector = SlowCollector(["a"], BriefClock(3))
    collector.answers["a"] = STRANGE
    await run(collector)
    assert collector.clock.slept == [30, 60, 120]


async def test_retries_that_became_due_during_a_refresh_wait_for_a_moment() -> None:
    collector = SlowCollector(["a", "b"], BriefClock(1))
    collector.answers["a"] = STRANGE
    await run(collector)
    assert collector.clock.slept == [30]


async def test_a_retry_is_stored_and_reported_if_one_was_due() -> None:
    ends: list[int] = []
    store, collector = FakeStore(), FakeCollector(["a", "b"])

    async def ended() -> None:
        ends.append(len(store.failed))

    collector.answers["b"] = STRANGE
    one = refresher(collector, store=store, ended=ended)
    await one.refresh()
    await one.retry()
    assert (store.failed, ends) == ([["b"]], [1]), "no retry is due"
    collector.clock.advance(30)
    collector.answers.clear()
    await one.retry()
    assert (store.failed, ends) == ([["b"], []], [1, 2])
    assert one.entry.customer_up == {"a": True, "b": True}


async def test_while_a_refresh_runs_no_next_refresh_is_scheduled() -> None:
    seen: list[float | None] = []

    class Watching(FakeCollector):
        async def on_read(self, customer_id: str) -> None:
            seen.append(one.entry.status.next_attempt)

    one = refresher(Watching(["a"]))
    one.entry.update_status(next_attempt=5.0)
    await one.refresh()
    assert seen == [None]


async def test_each_refresh_may_use_another_api_version() -> None:
    class Versions(FakeCollector):
        begun = 0

        async def on_read(self, customer_id: str) -> None:
            await self.api_versions.ask({self.api_versions.first(["modern", "legacy"]): self._answer})

        async def _answer(self) -> None:
            assert len(self.api_versions._order(["modern", "legacy"])) == 2, "no version is certain yet"

    one = refresher(Versions(["a"]))
    assert await one.refresh()
    assert await one.refresh()


async def test_a_collector_that_is_off_has_no_failed_customers() -> None:
    collector = FakeOptionalCollector(["a"])
    collector.answers["a"] = FORBIDDEN
    one = refresher(collector)
    one.entry.record_customer_failure("a", STRANGE)
    await one.refresh()
    assert one.entry.status.off
    assert (one.entry.reads, one.entry.customer_up, one.entry.customer_failures) == ({}, {}, {})
