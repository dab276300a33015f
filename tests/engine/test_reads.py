"""A refresh of many customers stops at the right errors, and shows only what it may show."""

import asyncio

import pytest

from exporter.errors import AnswerError, ForbiddenError, TokenError, TransportError
from tests.engine.fake_collector import FakeCollector, FakeOptionalCollector, FakeStore, refresher

DOWN = TransportError("down", kind="connect")
NO_TOKEN = TokenError("no token", reason="invalid_client")
FORBIDDEN = ForbiddenError("forbidden", status=403)


def names(count: int) -> list[str]:
    return [f"c{number:02}" for number in range(count)]


@pytest.mark.parametrize("other", [1.0, AnswerError("strange")], ids=["success", "another error"])
async def test_errors_of_the_account_end_a_refresh_only_in_a_row(other: float | AnswerError) -> None:
    collector = FakeCollector(names(40))
    collector.answers = {name: other if number % 10 == 9 else DOWN for number, name in enumerate(names(40))}
    await refresher(collector).refresh()
    assert collector.asked == names(40)
    collector.answers = dict.fromkeys(names(10), DOWN)
    collector.asked.clear()
    one = refresher(collector)
    await one.refresh()
    assert collector.asked == names(10), "ten errors in a row end the refresh"
    assert one.entry.customer_up == dict.fromkeys(names(40), False)


async def test_many_workers_need_more_errors_in_a_row() -> None:
    collector = FakeCollector(names(40))
    collector.answers = dict.fromkeys(names(12), DOWN)
    assert await refresher(collector, workers=8).refresh()
    assert collector.asked == names(40)


async def test_a_fatal_error_stops_the_workers_that_wait_for_the_list() -> None:
    failed = asyncio.Event()

    class Slow(FakeCollector):
        async def on_list(self, customer_id: str) -> None:
            if customer_id != "c00":
                await failed.wait()

        async def on_read(self, customer_id: str) -> None:
            asyncio.get_running_loop().call_later(0.01, failed.set)

    collector = Slow(names(9))
    collector.answers = dict.fromkeys(names(9), NO_TOKEN)
    await refresher(collector, workers=4).refresh()
    # One worker was already waiting for the next customer. The queue is closed for the others.
    assert collector.asked == names(2)


async def test_the_list_is_closed_if_a_refresh_ends_early() -> None:
    collector = FakeOptionalCollector(names(20))
    collector.answers = dict.fromkeys(names(20), FORBIDDEN)
    one = refresher(collector)
    await one.refresh()
    assert one.entry.status.off
    assert collector.asked == names(10)
    assert collector.is_list_closed


async def test_the_token_is_requested_while_the_customers_are_listed() -> None:
    collector, optional = FakeCollector(names(1)), FakeOptionalCollector(names(1))
    await refresher(collector).refresh()
    await refresher(optional).refresh()
    assert (collector.tokens_ahead, optional.tokens_ahead) == (1, 0)


async def test_a_customer_of_another_process_is_not_shown() -> None:
    one = refresher(FakeCollector(names(3)), store=FakeStore(lambda customer_id: customer_id != "c01"))
    await one.refresh()
    assert set(one.entry.reads) == set(one.entry.customer_up) == {"c00", "c02"}


async def test_a_customer_that_leaves_during_the_commit_is_not_shown() -> None:
    collector = FakeCollector(names(3))

    def leave(customer_id: str) -> bool:
        if customer_id == "c01":
            collector.left.add(customer_id)
        return True

    one = refresher(collector, store=FakeStore(leave))
    await one.refresh()
    assert set(one.entry.reads) == set(one.entry.customer_up) == {"c00", "c02"}


async def test_customers_that_are_not_listed_any_more_are_dropped_and_not_retried() -> None:
    collector = FakeCollector(names(3))
    collector.answers["c02"] = AnswerError("strange")
    one = refresher(collector)
    await one.refresh()
    assert one.entry.customer_up == {"c00": True, "c01": True, "c02": False}
    collector.customers = names(1)
    await one.refresh()
    assert set(one.entry.reads) == set(one.entry.customer_up) == {"c00"}
    collector.clock.advance(3600)
    collector.asked.clear()
    await one.retry()
    assert collector.asked == []
