"""An optional collector without permission is off.

The collector logs this state once, and starts when the permission is granted.
"""

from typing import Any, ClassVar

import httpx
import pytest
from structlog.testing import capture_logs

from exporter.avepoint import endpoints
from exporter.collectors.base import Sample
from exporter.collectors.partner.protected_data import ProtectedDataCollector
from exporter.collectors.tenant.license import PURCHASED_SEATS, LicenseCollector, LicenseConsumption
from exporter.engine.snapshot import ReadResult
from tests.helpers import FakeApi, World, overview_path, partner, portfolio, tenant

NAMES = [f"c{number:04}" for number in range(50)]
LICENSE = "/backup/m365/cloudbackuplicenseconsumption"


class OptionalData(ProtectedDataCollector):
    optional = True


class OptionalLicense(LicenseCollector):
    optional = True


class ModernLicense(OptionalLicense):
    endpoints: ClassVar = endpoints.EndpointPair(endpoints.LICENSE.modern)

    async def read(self) -> LicenseConsumption:
        return await self.api_versions.ask({"modern": lambda: self._read(endpoints.LICENSE.modern)})


async def portfolio_world(answers: dict[str, Any], **options: Any) -> World:
    """Return a `World` with an optional collector `protected_data`.

    `answers` replaces some responses of a complete portfolio.
    """
    world = World(FakeApi(portfolio(NAMES) | answers))
    await world.apply(partner(collectors={"customers": {}, "protected_data": options}))
    world.accounts.refreshers()[-1].collector.__class__ = OptionalData
    return world


def refusing(*names: str, status: int = 403) -> dict[str, Any]:
    return {overview_path(name): httpx.Response(status) for name in names}


def said(logs: Any) -> list[str]:
    return [line["event"] for line in logs if line.get("collector") == "protected_data"]


@pytest.mark.parametrize("status", [403, 404])
async def test_a_portfolio_that_refuses_is_asked_a_few_times_and_said_once(status: int) -> None:
    world = await portfolio_world(refusing(*NAMES, status=status))
    with capture_logs() as logs:
        assert await world.refresh()
        assert await world.refresh()
    assert said(logs) == ["collector is off; the collector starts automatically after the permission is granted"]
    # With `api: auto`, a 404 causes a second request, to the other API version.
    assert world.api.calls("overview") + world.api.calls("protected") == 2 * (10 if status == 403 else 20)
    assert world.value("avepoint_up", account="msp", collector="protected_data") is None
    assert not world.labels("avepoint_customer_up", "customer_id")
    assert world.accounts.ready
    await world.accounts.stop()


async def test_customers_that_refuse_for_themselves_do_not_hide_the_others() -> None:
    world = await portfolio_world(refusing(*NAMES[:10]))
    assert await world.refresh()
    assert world.value("avepoint_up", account="msp", collector="protected_data") is None
    assert await world.refresh()
    assert world.value("avepoint_up", account="msp", collector="protected_data") == 1, "other customers were tried"
    assert len(world.labels("avepoint_scanned_objects", "customer_id")) == len(NAMES) - 10
    await world.accounts.stop()


async def test_it_begins_once_permitted_and_what_has_worked_fails_aloud() -> None:
    world = await portfolio_world(refusing(*NAMES))
    assert await world.refresh()
    world.api.routes.update(portfolio(NAMES))
    assert await world.refresh()
    assert world.value("avepoint_up", account="msp", collector="protected_data") == 1
    assert len(world.labels("avepoint_scanned_objects", "customer_id")) == len(NAMES)
    world.api.routes.update(refusing(*NAMES))
    assert not await world.refresh()
    assert world.value("avepoint_up", account="msp", collector="protected_data") == 0
    await world.accounts.stop()


async def test_customers_that_refuse_while_others_do_not_have_failed() -> None:
    world = await portfolio_world(refusing("c0000", "c0001"))
    assert await world.refresh()
    assert world.value("avepoint_up", account="msp", collector="protected_data") == 1
    up = {name: world.value("avepoint_customer_up", account="msp", customer_id=name, collector="protected_data")
          for name in NAMES}  # fmt: skip
    assert up == dict.fromkeys(NAMES, 1.0) | {"c0000": 0.0, "c0001": 0.0}
    assert world.api.calls("overview") == len(NAMES)
    await world.accounts.stop()


async def test_another_failure_among_the_refusals_is_a_failure() -> None:
    world = await portfolio_world(refusing(*NAMES) | {overview_path("c0001"): httpx.Response(500)})
    assert not await world.refresh()
    assert world.value("avepoint_up", account="msp", collector="protected_data") == 0
    await world.accounts.stop()


async def test_who_says_that_it_is_on_hears_of_every_refusal() -> None:
    world = await portfolio_world(refusing(*NAMES), enabled=True)
    assert not await world.refresh()
    assert world.value("avepoint_up", account="msp", collector="protected_data") == 0
    await world.accounts.stop()


def no_scope(_: httpx.Request) -> httpx.Response:
    return httpx.Response(400, json={"error": "invalid_scope"})


@pytest.mark.parametrize(
    ("routes", "is_off"),
    [
        ({LICENSE: httpx.Response(403)}, True),
        ({}, True),
        ({"/connect/token": no_scope}, True),
        ({LICENSE: httpx.Response(500)}, False),
        ({LICENSE: httpx.ConnectError("down")}, False),
        ({LICENSE: httpx.Response(200, json={})}, False),
    ],
    ids=["403", "404", "scope", "500", "connect", "shape"],
)
async def test_only_what_may_be_a_missing_permission_turns_an_account_collector_off(
    routes: dict[str, Any], is_off: bool
) -> None:
    world = World(FakeApi(routes))
    await world.apply(tenant(collectors={"license": {}}))
    collector = next(one.collector for one in world.accounts.refreshers() if one.collector.name == "license")
    collector.__class__ = OptionalLicense
    assert await world.refresh("license") is is_off
    assert world.value("avepoint_up", account="contoso", collector="license") == (None if is_off else 0)
    await world.accounts.stop()


@pytest.mark.parametrize(("interval", "pause"), [("15m", 900), ("1h", 3600), ("1d", 3600)])
async def test_an_off_collector_is_asked_again_at_its_interval_or_after_an_hour(interval: str, pause: int) -> None:
    world = World(FakeApi({LICENSE: httpx.Response(403)}))
    await world.apply(tenant(collectors={"license": {"interval": interval}}))
    [refresher] = [one for one in world.accounts.refreshers() if one.collector.name == "license"]
    refresher.collector.__class__ = OptionalLicense
    began = world.clock.monotonic()
    assert await refresher.refresh()
    assert refresher._pause(began, 0) == pytest.approx(pause)
    world.api.routes[LICENSE] = {"statusCode": 200, "data": {"purchasedUserSeats": 5}}
    assert await refresher.refresh()
    assert world.value("avepoint_license_purchased_seats", account="contoso") == 5
    await world.accounts.stop()


async def modern_license(api: FakeApi, **options: Any) -> World:
    """Return a `World` with `api: legacy`, and a collector that requires the modern API version."""
    world = World(api)
    await world.apply(tenant(collectors={"license": options}, api="legacy"))
    [refresher] = [one for one in world.accounts.refreshers() if one.collector.name == "license"]
    refresher.collector.__class__ = ModernLicense
    return world


async def test_what_the_legacy_endpoints_do_not_have_is_off_without_a_call() -> None:
    world = await modern_license(FakeApi())
    with capture_logs() as logs:
        assert await world.refresh("license")
        assert await world.refresh("license")
    [line] = [line for line in logs if line.get("collector") == "license"]
    assert (line["event"], str(line["reason"])) == ("collector is off", "the legacy endpoints do not provide this data")
    assert line["hint"] == "set api to auto or modern, or disable the collector with enabled: false"
    assert (world.api.requests, world.api.tokens) == ([], 0)
    assert world.value("avepoint_up", account="contoso", collector="license") is None
    await world.accounts.stop()


async def test_what_was_read_before_the_legacy_endpoints_were_chosen_is_gone() -> None:
    world = await modern_license(FakeApi())
    world.accounts.refreshers()[-1].entry.reads[""] = ReadResult((Sample(PURCHASED_SEATS, (), 5.0),), 0.0, 1000.0)
    assert world.of_avepoint()
    assert await world.refresh("license")
    assert world.of_avepoint() == {}
    await world.accounts.stop()


async def test_who_says_that_it_is_on_hears_that_the_legacy_endpoints_do_not_have_it() -> None:
    world = await modern_license(FakeApi(), enabled=True)
    assert not await world.refresh("license")
    assert world.value("avepoint_up", account="contoso", collector="license") == 0
    await world.accounts.stop()
