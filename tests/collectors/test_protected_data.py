"""Test the protected data of customers with several Microsoft 365 tenants, and test ambiguous rows."""

from collections.abc import Iterable
from typing import Any

import pytest

from exporter.avepoint.reading.values import iso_time, ticks_at
from tests.helpers import BATCH_PATH, NOW, RETRIES, FakeApi, World, customer, module, overview_path, partner, v3

GB = 1024.0**3
SCANNED = "avepoint_scanned_objects"
LEGACY = "/partner/customers/c-1/protected"
SERVICE = "Cloud Backup for Microsoft 365"


async def refreshed(rows: Iterable[Any], *, legacy: bool = False) -> World:
    answer: dict[str, Any] = {LEGACY: {"value": [*rows]}} if legacy else {overview_path("c-1"): v3([*rows])}
    customers = {"/partner/customers": {"value": [customer("c-1")]}} if legacy else {BATCH_PATH: v3([customer("c-1")])}
    world = World(FakeApi({**customers, **answer}))
    await world.apply(partner())
    assert await world.refresh()
    return world


def of(world: World, name: str) -> dict[str, float]:
    """Return the values of a metric, keyed by tenant id."""
    samples = world.samples().items()
    return {dict(labels).get("tenant_id", ""): value for (found, labels), value in samples if found == name}


def up(world: World) -> float | None:
    return world.value("avepoint_customer_up", account="msp", customer_id="c-1", collector="protected_data")


def contradictions(world: World, path: str = overview_path("{customerId}")) -> float | None:
    return world.value("avepoint_parse_errors_total", account="msp", path=path, field="serviceModule")


async def test_equal_rows_of_two_tenants_are_two_things() -> None:
    rows = [module(tenantId="t-1", totalScannedObjects=25), module(tenantId="t-2", totalScannedObjects=25)]
    world = await refreshed(rows)
    assert of(world, SCANNED) == {"t-1": 25, "t-2": 25}
    assert of(world, "avepoint_customer_scanned_objects") == {"": 50}
    assert up(world) == 1


async def test_the_same_row_of_one_tenant_is_one_thing() -> None:
    world = await refreshed([module(tenantId="t-1"), module(tenantId="t-1")])
    assert of(world, SCANNED) == {"t-1": 10}
    assert up(world) == 1


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("other", [25, 26])
async def test_rows_that_nothing_tells_apart_are_not_shown(other: int, *, legacy: bool) -> None:
    rows = [module(totalScannedObjects=25), module(totalScannedObjects=other), module("Teams", totalScannedObjects=3)]
    world = await refreshed(rows, legacy=legacy)
    assert of(world, SCANNED) == {"": 3}
    assert of(world, "avepoint_customer_scanned_objects") == {}
    assert up(world) == 0
    assert contradictions(world, "/partner/customers/{id}/protected" if legacy else overview_path("{customerId}")) == 1
    (entry,) = [view for view in world.accounts.snapshot.views() if view.collector == "protected_data"]
    assert "rows with the same serviceModule contradict each other: 1" in entry.customer_failures["c-1"].message
    assert world.value("avepoint_up", account="msp", collector="protected_data") == 1


@pytest.mark.parametrize("scanned", [None, "N/A", -3, 0])
async def test_equal_rows_with_only_protected_objects_are_not_shown(scanned: object) -> None:
    row = module(totalScannedObjects=scanned, totalProtectedObjects=25, dataSizeStoredInAvePoint="0 GB")
    world = await refreshed([row, row])
    assert of(world, "avepoint_protected_objects") == {}
    assert of(world, "avepoint_customer_protected_objects") == {}
    assert up(world) == 0
    assert contradictions(world) == 1


async def test_empty_rows_may_repeat() -> None:
    empty = module(totalScannedObjects=0, totalProtectedObjects=0, dataSizeStoredInAvePoint="0 GB")
    world = await refreshed([empty, empty])
    assert of(world, SCANNED) == {"": 0}
    assert up(world) == 1


async def test_a_customer_recovers_from_contradictory_rows() -> None:
    world = await refreshed([module(totalScannedObjects=25), module(totalScannedObjects=26)])
    world.api.routes[overview_path("c-1")] = v3([module(totalScannedObjects=25)])
    assert await world.refresh()
    assert of(world, SCANNED) == {"": 25}
    assert up(world) == 1


@pytest.mark.parametrize(
    ("change", "family", "expected"),
    [
        ({}, "scanned_objects", 20.0),
        ({"totalScannedObjects": "many"}, "scanned_objects", None),
        ({"totalScannedObjects": None}, "scanned_objects", None),
        ({"totalProtectedObjects": None}, "protected_objects", None),
        ({"totalScannedObjects": None}, "protected_objects", 18.0),
        ({"serviceModule": None}, "scanned_objects", None),
        ({"serviceType": ["many"]}, "scanned_objects", None),
        ({"tenantId": ["many"]}, "scanned_objects", None),
        ({"dataSizeStoredInAvePoint": "N/A"}, "protected_data_bytes", GB),
        ({"dataSizeStoredInAvePoint": None}, "protected_data_bytes", None),
        ({"dataSizeStoredInAvePoint": "much"}, "protected_data_bytes", None),
    ],
)
async def test_a_sum_is_absent_if_a_part_is_unknown(
    change: dict[str, Any], family: str, expected: float | None
) -> None:
    world = await refreshed([module(), module("Teams", **change)])
    labels = {"storage": "avepoint"} if family.endswith("bytes") else {}
    shown = world.value(f"avepoint_customer_{family}", account="msp", customer_id="c-1", **labels)
    assert shown == expected


@pytest.mark.parametrize("field", ["serviceModule", "serviceType", "tenantId"])
async def test_a_row_that_cannot_be_placed_fails_the_customer_for_15_minutes(field: str) -> None:
    rows = [module(), module("Teams", **{field: ["many"]})]
    assert up(await refreshed(rows)) == 1, "in the first refresh, there are no earlier values"
    world = await refreshed([module(), module("Teams")])
    world.api.routes[overview_path("c-1")] = v3(rows)
    await world.refresh()
    for seconds in RETRIES:
        assert up(world) == 0
        world.clock.advance(seconds)
        await world.refresh()
    assert up(world) == 0
    world.clock.advance(1)
    assert await world.refresh()
    assert up(world) == 1
    assert of(world, SCANNED) == {"": 10}
    assert of(world, "avepoint_customer_scanned_objects") == {}


async def test_a_customer_without_the_product_has_no_sums() -> None:
    world = await refreshed([])
    assert not [name for name, _ in world.of_avepoint() if name.startswith("avepoint_customer_scanned")]
    assert up(world) == 1


@pytest.mark.parametrize(
    ("last_run", "expected"),
    [(iso_time(ticks_at(NOW - 60)), NOW - 60), ("N/A", None), ("9999-12-31T00:00:00Z", None), (None, None),
     (iso_time(ticks_at(NOW + 7200)), None), ("2199-01-01T00:00:00Z", None)],
)  # fmt: skip
async def test_the_last_run(last_run: object, expected: float | None) -> None:
    world = await refreshed([module(tenantId="t-1", lastRunTime=last_run)])
    assert of(world, "avepoint_last_run_timestamp_seconds") == ({} if expected is None else {"t-1": expected})


OURS, THEIRS = "caf94a75-2cc6-43aa-b04b-794cb9af5ea3", "f1626c49-2cc6-43aa-b04b-794cb9af5ea3"


@pytest.mark.parametrize("customers", [{"exclude": [THEIRS]}, {"include": [OURS]}, {}])
async def test_rows_of_a_customer_that_avepoint_lists_are_never_shown_under_another_one(
    customers: dict[str, Any],
) -> None:
    api = FakeApi({BATCH_PATH: v3([customer(OURS), customer(THEIRS.upper())])})
    api.routes |= {overview_path(OURS): v3([module(customerId=THEIRS)]), overview_path(THEIRS.upper()): v3([])}
    world = World(api)
    await world.apply(partner(customers=customers))
    for number in range(1, 7):
        assert await world.refresh()
        assert of(world, SCANNED) == {}
        assert world.value("avepoint_customer_up", account="msp", customer_id=OURS, collector="protected_data") == 0
        path = overview_path("{customerId}")
        assert world.value("avepoint_parse_errors_total", account="msp", path=path, field="customerId") == number
    await world.accounts.stop()


async def test_rows_of_another_customer_are_not_shown() -> None:
    rows = [module(customerId=OURS), module("Teams", customerId=THEIRS, totalScannedObjects=99)]
    world = World(FakeApi({BATCH_PATH: v3([customer(OURS)]), overview_path(OURS): v3(rows)}))
    await world.apply(partner())
    assert await world.refresh()
    assert of(world, SCANNED) == {"": 10}
    assert of(world, "avepoint_customer_scanned_objects") == {}
    assert world.value("avepoint_customer_up", account="msp", customer_id=OURS, collector="protected_data") == 0
    path = overview_path("{customerId}")
    assert world.value("avepoint_parse_errors_total", account="msp", path=path, field="customerId") == 1
