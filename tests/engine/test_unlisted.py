"""If `expectations.exceptions` contains a customer that no customer list contains, the exporter logs a warning."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.engine.shard import Shard
from tests.helpers import FakeApi, World, partner, portfolio

MESSAGE = "expectations.exceptions contains customers that AvePoint does not list; check the ids"


def naming(*customers: str, name: str = "msp") -> dict[str, Any]:
    exceptions = [{"customers": list(customers), "backup_age": "8d"}]
    return partner(name, collectors={"customers": {}}, expectations={"exceptions": exceptions})


async def warnings(world: World, *accounts: dict[str, Any], refreshes: int = 1) -> list[str]:
    """Refresh the customer lists. Return the customers in the logged warnings."""
    await world.apply(*accounts)
    with capture_logs() as logs:
        for _ in range(refreshes):
            world.clock.advance(3600)
            assert await world.refresh("customers")
    await world.accounts.stop()
    return [log["examples"] for log in logs if log["event"] == MESSAGE]


@pytest.mark.parametrize(("named", "examples"), [(("a", "b"), []), (("a", "B", "c", "d"), ["c, d"])])
async def test_unlisted_customers_cause_one_warning(named: tuple[str, ...], examples: list[str]) -> None:
    assert await warnings(World(FakeApi(portfolio(["a", "b"]))), naming(*named), refreshes=3) == examples


async def test_a_customer_of_another_account_is_not_unlisted_until_its_list_has_been_read() -> None:
    world = World(FakeApi(portfolio(["a"])))
    await world.apply(naming("x"), naming("x", name="other"))
    with capture_logs() as logs:
        for refresher, expected in zip(
            world.accounts.refreshers()[:1] + world.accounts.refreshers("other")[:1], (0, 1), strict=True
        ):
            await refresher.refresh()
            assert len([log for log in logs if log["event"] == MESSAGE]) == expected
    await world.accounts.stop()


async def test_customers_of_other_shards_are_not_unlisted() -> None:
    shards = [Shard(index, 2) for index in range(2)]
    found = [await warnings(World(FakeApi(portfolio(["a"])), shard=shard), naming("gone")) for shard in shards]
    assert sorted(found) == [[], ["gone"]]
