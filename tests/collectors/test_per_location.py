"""Settings and unusual activities of a tenant, per geo location. AvePoint does not document these formats."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from exporter.avepoint.reading.values import Ticks, seconds, ticks_at
from exporter.collectors.tenant.backup_frequency import _next
from tests.helpers import (
    ACTIVITY_PATH,
    DAY,
    FREQUENCY_PATH,
    RETENTION_PATH,
    RETRIES,
    SETTINGS,
    FakeApi,
    FakeClock,
    World,
    config,
    settings_routes,
    tenant,
)

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
YEAR = 365 * DAY
Shown = dict[tuple[str, ...], float]


def envelope(data: object) -> dict[str, Any]:
    return {"statusCode": 200, "data": data}


async def read(name: str, answer: object, *, now: datetime = NOON, is_up: bool = True, **options: Any) -> World:
    """Return a `World` after one refresh of a collector. `answer` is the content of the response envelope."""
    world = World(FakeApi({SETTINGS[name]: envelope(answer)}), FakeClock(now.timestamp()))
    await world.apply(tenant(collectors={name: options}))
    assert await world.refresh() is is_up
    await world.accounts.stop()
    return world


def shown(world: World) -> Shown:
    """Return the samples. Each key contains the family name (without its prefix), the workload and the geo location."""
    return {
        tuple(
            part for part in (name.removeprefix("avepoint_"), *(dict(labels).get(key) for key in KEYS)) if part
        ): value
        for (name, labels), value in world.of_avepoint().items()
    }


KEYS = ("workload", "geo_location")


def errors(world: World, field: str) -> float:
    found = {dict(labels)["field"]: value for (name, labels), value in world.samples().items()
             if name == "avepoint_parse_errors_total"}  # fmt: skip
    return found.get(field, 0)


def activity(service: object = 1, unusual: object = 2, ransomware: object = 1, **more: Any) -> dict[str, Any]:
    counts = {"unusualActivitiesCount": unusual, "potentialRansomwareAttackCount": ransomware}
    return {"tenantOwner": "owner@example.com", "tenantId": "t-1", "serviceType": service, **counts, **more}


def sites(unusual: Mapping[str, int], ransomware: Mapping[str, int]) -> Shown:
    names = (("unusual_activity_sites", unusual), ("potential_ransomware_sites", ransomware))
    return {(name, workload): count for name, found in names for workload, count in found.items()}


SHAREPOINT, EXCHANGE = "SharePoint Online", "Exchange Online"
ACTIVITIES: dict[str, tuple[list[Any], Shown]] = {
    "names are trusted": ([activity()], sites({SHAREPOINT: 2}, {SHAREPOINT: 1})),
    "words and texts": ([activity("Yammer Group", "7", "0")], sites({"Viva Engage": 7}, {"Viva Engage": 0})),
    "a workload nobody knows": ([activity(99)], sites({"99": 2}, {"99": 1})),
    "tenants are added up": ([activity(), activity(tenantId="t-2")], sites({SHAREPOINT: 4}, {SHAREPOINT: 2})),
    "a row twice": ([activity(), activity()], sites({SHAREPOINT: 2}, {SHAREPOINT: 1})),
    "a row per geo location": ([activity(), activity(unusual=3), activity(tenantId="t-2"), activity(0)],
                               sites({EXCHANGE: 2, SHAREPOINT: 7}, {EXCHANGE: 1, SHAREPOINT: 3})),
    "two owners of one tenant": ([activity(), activity(tenantOwner="John Doe")],
                                 sites({SHAREPOINT: 4}, {SHAREPOINT: 2})),
    "two owners without a tenant": ([activity(tenantId="N/A"), activity(tenantId=None, tenantOwner="John Doe")],
                                    sites({SHAREPOINT: 4}, {SHAREPOINT: 2})),
    "nothing found twice": ([activity(1, 0, 0, tenantId=None), activity(1, 0, 0, tenantId=None)],
                            sites({SHAREPOINT: 0}, {SHAREPOINT: 0})),
    "a tenant that cannot be read": ([activity(tenantId={"id": 1}), activity(tenantId={"id": 2}), activity(0)],
                                     sites({EXCHANGE: 2}, {EXCHANGE: 1})),
    "an owner that cannot be read": ([activity(tenantOwner=["x"]), activity(0)], sites({EXCHANGE: 2}, {EXCHANGE: 1})),
    "a part that is not known": ([activity(), activity(unusual="many", tenantId="t-2")], sites({}, {SHAREPOINT: 2})),
    "a count that is not there": ([activity(ransomware=None)], sites({SHAREPOINT: 2}, {})),
    "no workload": ([activity(None), activity("owner@example.com"), {}, None, 7, activity(0)],
                    sites({EXCHANGE: 2}, {EXCHANGE: 1})),
    "no tenant": ([activity(tenantId=None), activity(tenantId="t-1")], sites({SHAREPOINT: 4}, {SHAREPOINT: 2})),
    "nothing": ([], {}),
}  # fmt: skip


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize(("rows", "expected"), ACTIVITIES.values(), ids=ACTIVITIES)
async def test_unusual_sites(rows: list[Any], expected: Shown, nested: bool) -> None:
    world = await read("unusual_activity", {"data": rows} if nested else rows)
    assert shown(world) == expected | {("unusual_activity_window_seconds",): 7.5 * DAY}
    assert "example.com" not in world.text()
    assert "John" not in world.text()


@pytest.mark.parametrize(
    "rows",
    [
        [activity(tenantId=None), activity(tenantId="N/A")],
        [activity(tenantId=None, tenantOwner=None), activity(tenantId=None, tenantOwner=None)],
        [activity(tenantId=None, unusual=0), activity(tenantId=None, unusual=0)],
    ],
)
async def test_contradictory_counts_of_sites_are_not_shown(rows: list[Any]) -> None:
    others = [activity(tenantId="t-2"), activity(0)]
    world = await read("unusual_activity", [*rows, *others], is_up=False)
    assert shown(world) == sites({EXCHANGE: 2}, {EXCHANGE: 1}) | {("unusual_activity_window_seconds",): 7.5 * DAY}
    assert errors(world, "serviceType") == 1
    assert "example" not in str([view.status for view in world.accounts.snapshot.views()])


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (activity(ransomware=None), "potentialRansomwareAttackCount"),
        (activity(unusual="many"), "unusualActivitiesCount"),
        (activity(None), "serviceType"),
    ],
)
async def test_what_is_not_told_of_a_site_is_counted(row: dict[str, Any], field: str) -> None:
    assert errors(await read("unusual_activity", [row]), field) == 1


@pytest.mark.parametrize(
    ("name", "good", "odd"),
    [
        ("unusual_activity", [activity()], activity(None)),
        ("backup_frequency", [], {"serviceType": None}),
    ],
)
async def test_a_new_row_that_cannot_be_placed_is_ignored_after_15_minutes(name: str, good: Any, odd: Any) -> None:
    world = World(FakeApi({SETTINGS[name]: envelope(good)}), FakeClock(NOON.timestamp()))
    await world.apply(tenant(collectors={name: {}}))
    assert await world.refresh()
    before = world.of_avepoint()
    world.api.routes[SETTINGS[name]] = envelope([*good, odd])
    for pause in (*RETRIES, 1):
        assert not await world.refresh()
        assert world.of_avepoint() == before
        world.clock.advance(pause)
    assert await world.refresh()
    await world.accounts.stop()


@pytest.mark.parametrize(
    ("now", "options", "start", "finish", "window"),
    [
        (NOON, {}, "2026-11-11", "2026-11-19", 7.5 * DAY),
        (NOON, {"window": "1d"}, "2026-11-17", "2026-11-19", 1.5 * DAY),
        (NOON, {"window": "36h"}, "2026-11-17", "2026-11-19", 1.5 * DAY),
        (datetime(2026, 11, 18, tzinfo=UTC), {"window": "1d"}, "2026-11-17", "2026-11-19", DAY),
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), {"window": "30d"}, "2026-12-01", "2027-01-01", 31 * DAY - 1),
    ],
)
async def test_whole_days_are_asked_for_of_which_today_is_one(
    now: datetime, options: Any, start: str, finish: str, window: float
) -> None:
    world = await read("unusual_activity", [], now=now, **options)
    [request] = world.api.requests
    assert dict(request.url.params) == {"startTime": start, "finishTime": finish}
    assert shown(world) == {("unusual_activity_window_seconds",): window}


async def test_a_workload_of_which_nothing_is_listed_any_more_has_no_value() -> None:
    world = World(FakeApi({ACTIVITY_PATH: envelope([activity(), activity(0)])}))
    await world.apply(tenant(collectors={"unusual_activity": {}}))
    assert await world.refresh()
    world.api.routes[ACTIVITY_PATH] = envelope({"data": [activity(0)]})
    assert await world.refresh()
    assert world.labels("avepoint_potential_ransomware_sites", "workload") == {EXCHANGE}
    await world.accounts.stop()


def moment(hours: float) -> str:
    return (NOON + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def frequency(per_day: object, *hours: float, service: object = 0, **more: Any) -> dict[str, Any]:
    return {"serviceType": service, "frequency": per_day, "backupStartTime": list(map(moment, hours)), **more}


def at(hours: float) -> float:
    return NOON.timestamp() + hours * 3600


def scheduled(per_day: float | None, interval: float | None, hours: float | None, workload: str = EXCHANGE) -> Shown:
    values = {
        "backups_per_day": per_day,
        "backup_interval_seconds": interval,
        "next_scheduled_backup_timestamp_seconds": None if hours is None else at(hours),
    }
    return {(name, workload): value for name, value in values.items() if value is not None}


FREQUENCIES: dict[str, tuple[list[Any], Shown]] = {
    "the next of the day": ([frequency(4, -8, -2, 4, 10)], scheduled(4, 21_600, 4)),
    "in any order": ([frequency("4", 10, -2, 4, -8)], scheduled(4, 21_600, 4)),
    "all are past": ([frequency(2, -8, -2)], scheduled(2, 43_200, 16)),
    "now is past": ([frequency(1, 0)], scheduled(1, 86_400, 24)),
    "of yesterday": ([frequency(1, -23)], scheduled(1, 86_400, 1)),
    "of an earlier day": ([frequency(1, -24, -48)], scheduled(1, 86_400, None)),
    "partly of an earlier day": ([frequency(2, -30, -20)], scheduled(2, 43_200, 4)),
    "not a divisor of a day": ([frequency(7, 1)], scheduled(7, 86_400 / 7, 1)),
    "no backups": ([frequency(0, 1)], scheduled(0, None, None)),
    "no moments": ([frequency(1)], scheduled(1, 86_400, None)),
    "moments are not there": ([frequency(1, backupStartTime=None)], scheduled(1, 86_400, None)),
    "one moment alone": ([frequency(1, backupStartTime=moment(2))], scheduled(1, 86_400, 2)),
    "a moment that cannot be read": ([frequency(2, backupStartTime=["soon", None, 7.5, moment(2)])],
                                     scheduled(2, 43_200, None)),
    "a moment that is empty": ([frequency(2, backupStartTime=[None, "N/A", moment(2)])], scheduled(2, 43_200, 2)),
    "a moment in the far future": ([frequency(2, 2, 200 * 24)], scheduled(2, 43_200, 2)),
    "a frequency that cannot be read": ([frequency("often", 2)], scheduled(None, None, 2)),
    "no workload": ([frequency(1, service=None), None, {}], {}),
    "twice the same": ([frequency(1, 2), frequency(1, 2)], scheduled(1, 86_400, 2)),
    "contradiction": ([frequency(1, 2), frequency(2, 2), frequency(3, 2, service=1)],
                      scheduled(3, 28_800, 2, SHAREPOINT)),
    "words": ([frequency(1, 2, service="Personal Chat")], scheduled(1, 86_400, 2, "Teams Chat")),
    "nothing": ([], {}),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "expected"), FREQUENCIES.values(), ids=FREQUENCIES)
async def test_schedules(rows: list[Any], expected: Shown) -> None:
    is_up = rows is not FREQUENCIES["contradiction"][0]
    assert shown(await read("backup_frequency", rows, is_up=is_up)) == expected


async def test_a_moment_that_cannot_be_read_is_counted() -> None:
    world = await read("backup_frequency", [frequency(2, backupStartTime=["soon", moment(2)])])
    assert errors(world, "backupStartTime") == 1
    world = await read("backup_frequency", [frequency(2, 2, 200 * 24)])
    assert errors(world, "backupStartTime") == 1


@given(st.sets(st.floats(0, DAY - 1), min_size=1, max_size=24), st.floats(0, DAY - 1))
def test_the_next_of_a_days_starts_is_within_a_day(of_day: set[float], now: float) -> None:
    midnight = NOON.timestamp() - DAY / 2
    starts = [ticks_at(midnight + second) for second in of_day]
    at_now = ticks_at(midnight + now)
    found = _next(starts, at_now)
    assert found is not None
    assert 0 < seconds(Ticks(found - at_now)) <= DAY
    day = 86_400 * 10**7
    assert found in starts or found - day in starts
    assert not any(at_now < start < found for start in (*starts, *(start + day for start in starts)))


def policy(**more: Any) -> dict[str, Any]:
    return {"enableDailyRetentionPolicy": False, "enableCustomizedRetentionPolicy": True,
            "retentionPeriod": "1 years", "servicePolicies": [], **more}  # fmt: skip


def service(period: object, *containers: object, unassigned: object = None, kind: object = 0) -> dict[str, Any]:
    rows = [{"containerName": "Secret Plans", "containerId": "c", "retentionPeriod": one} for one in containers]
    return {"serviceType": kind, "retentionPeriod": period, "unassignedObjectRetentionPeriod": unassigned,
            "containerPolicies": rows}  # fmt: skip


def kept(custom: float | None, default: float | None, **services: tuple[float | None, float | None]) -> Shown:
    values: dict[tuple[str, ...], float | None] = {("custom_retention",): custom, ("retention_seconds",): default}
    for name, (period, shortest) in services.items():
        workload = name.replace("_", " ")
        values[("retention_seconds", workload)] = period
        values[("retention_shortest_seconds", workload)] = shortest
    return {key: value for key, value in values.items() if value is not None}


OWN = service("2 years", unassigned="2 years")
RETENTIONS: dict[str, tuple[Any, Shown]] = {
    "default alone": (policy(), kept(1, YEAR)),
    "an own policy": (policy(servicePolicies=[OWN]), kept(1, YEAR, Exchange_Online=(2 * YEAR, 2 * YEAR))),
    "not in force": (policy(enableCustomizedRetentionPolicy=False, servicePolicies=[OWN]), kept(0, YEAR)),
    "a switch in words": (policy(enableCustomizedRetentionPolicy="False", servicePolicies=[OWN]), kept(0, YEAR)),
    "a switch that is not there": (policy(enableCustomizedRetentionPolicy=None, servicePolicies=[OWN]),
                                   kept(None, YEAR, Exchange_Online=(2 * YEAR, 2 * YEAR))),
    "a switch that cannot be read": (policy(enableCustomizedRetentionPolicy=2, servicePolicies=[OWN]),
                                     kept(None, YEAR, Exchange_Online=(2 * YEAR, 2 * YEAR))),
    "unlimited": (policy(retentionPeriod="Unlimited", servicePolicies=[service("Unlimited")]),
                 kept(1, math.inf, Exchange_Online=(math.inf, math.inf))),
    "months": (policy(retentionPeriod="6 months"), kept(1, 180 * DAY)),
    "no default": (policy(retentionPeriod=None), kept(1, None)),
    "a default that cannot be read": (policy(retentionPeriod="a while", servicePolicies=[OWN]),
                                      kept(1, None, Exchange_Online=(2 * YEAR, 2 * YEAR))),
    "a shorter container": (policy(servicePolicies=[service("1 years", "3 years", "30 days", unassigned="Unlimited")]),
                            kept(1, YEAR, Exchange_Online=(YEAR, 30 * DAY))),
    "shorter without container": (policy(servicePolicies=[service("1 years", "3 years", unassigned="6 months")]),
                                  kept(1, YEAR, Exchange_Online=(YEAR, 180 * DAY))),
    "a container that is not understood": (policy(servicePolicies=[service("1 years", "a while", "1 days")]),
                                           kept(1, YEAR, Exchange_Online=(YEAR, None))),
    "a container that says nothing": (policy(servicePolicies=[service("1 years", None, "1 days")]),
                                      kept(1, YEAR, Exchange_Online=(YEAR, None))),
    "containers that are none": (policy(servicePolicies=[{**OWN, "containerPolicies": "some"}]),
                                 kept(1, YEAR, Exchange_Online=(2 * YEAR, None))),
    "containers that are not there": (policy(servicePolicies=[{**OWN, "containerPolicies": None}]),
                                      kept(1, YEAR, Exchange_Online=(2 * YEAR, 2 * YEAR))),
    "a service that is not understood": (policy(servicePolicies=[service("a while", "1 days"),
                                                                 service("1 days", kind=1)]),
                                         kept(1, YEAR, SharePoint_Online=(DAY, DAY))),
    "contradiction": (policy(servicePolicies=[OWN, service("1 days"), service("1 days", kind="OneDrive")]),
                      kept(1, YEAR, OneDrive=(DAY, DAY))),
    "services that are none": (policy(servicePolicies="some"), kept(1, YEAR)),
    "a service without a name": (policy(servicePolicies=[service("1 days", kind=None), 7, None]), kept(1, YEAR)),
    "a switch alone": ({"EnableCustomizedRetentionPolicy": True}, kept(1, None)),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "expected"), RETENTIONS.values(), ids=RETENTIONS)
async def test_retentions(answer: Any, expected: Shown) -> None:
    world = await read("retention", answer, is_up=answer is not RETENTIONS["contradiction"][0])
    assert shown(world) == expected
    assert "Secret" not in world.text()


BAD: tuple[object, ...] = (
    [], 7, None, {}, "", {"data": None}, {"data": 7}, {"data": {}}, {"data": {"other": 1}}, {"data": {"data": None}},
    {"data": {"data": {}}}, {"other": []},
)  # fmt: skip


@pytest.mark.parametrize("answer", [*BAD, {"data": []}])
@pytest.mark.parametrize("name", SETTINGS)
async def test_an_answer_of_another_shape_is_a_failure(name: str, answer: object) -> None:
    world = World(FakeApi({SETTINGS[name]: httpx.Response(200, json=answer)}))
    await world.apply(tenant(collectors={name: {}}))
    is_empty = answer == {"data": []} and name != "retention"
    assert await world.refresh() is is_empty
    assert world.value("avepoint_up", account="contoso", collector=name) == is_empty
    assert len(shown(world)) == (is_empty and name == "unusual_activity")
    await world.accounts.stop()


def of_location(request: httpx.Request) -> object:
    """Return a response whose numbers depend on the geo location."""
    number = {"NAM": 1, "EUR": 2}[request.url.params["location"]]
    answers: dict[str, object] = {
        ACTIVITY_PATH: [activity(unusual=number, ransomware=0)],
        FREQUENCY_PATH: [frequency(number, number)],
        RETENTION_PATH: policy(retentionPeriod=f"{number} years", servicePolicies=[service(f"{number} days")]),
    }
    return envelope(answers[request.url.path])


async def test_each_location_is_read_by_itself() -> None:
    world = World(FakeApi(dict.fromkeys(SETTINGS.values(), of_location)), FakeClock(NOON.timestamp()))
    await world.apply(tenant(collectors={name: {} for name in SETTINGS}, locations=["NAM", "EUR", "NAM"]))
    assert await world.refresh()
    expected: Shown = {("unusual_activity_window_seconds",): 7.5 * DAY}
    for number, location in enumerate(("NAM", "EUR"), 1):
        values = sites({SHAREPOINT: number}, {SHAREPOINT: 0}) | scheduled(number, 86_400 / number, number)
        values |= kept(1, number * YEAR, Exchange_Online=(number * DAY, number * DAY))
        expected |= {(*key, location): value for key, value in values.items()}
    assert shown(world) == expected
    assert len(world.api.requests) == 6
    await world.accounts.stop()


async def test_a_location_that_cannot_be_read_is_a_failure_and_what_was_known_stays() -> None:
    world = World(FakeApi(dict.fromkeys(SETTINGS.values(), of_location)))
    await world.apply(tenant(collectors={"retention": {}}, locations=["NAM", "EUR"]))
    assert await world.refresh()
    before = shown(world)

    def half(request: httpx.Request) -> object:
        return httpx.Response(500) if request.url.params["location"] == "EUR" else of_location(request)

    world.api.routes[RETENTION_PATH] = half
    assert not await world.refresh()
    assert shown(world) == before
    assert world.value("avepoint_up", account="contoso", collector="retention") == 0
    await world.accounts.stop()


async def test_without_locations_none_is_asked_for_and_the_settings_share_a_token() -> None:
    world = World(FakeApi(settings_routes()))
    await world.apply(tenant(collectors={name: {} for name in SETTINGS}))
    assert await world.refresh()
    assert not any("location" in request.url.params for request in world.api.requests)
    assert (len(world.api.requests), world.api.tokens) == (3, 2)
    assert "location=" not in world.text()
    await world.accounts.stop()


@pytest.mark.parametrize("api", ["auto", "legacy"])
async def test_a_tenant_without_them_has_them_off(api: str) -> None:
    world = World(FakeApi())
    await world.apply(tenant(collectors={name: {} for name in SETTINGS}, api=api))
    with capture_logs() as logs:
        assert await world.refresh()
        assert await world.refresh()
    events = [line["event"] for line in logs]
    if api == "legacy":
        assert events == ["collector is off"] * 3
        assert (world.api.requests, world.api.tokens) == ([], 0)
    else:
        assert events == ["collector is off; the collector starts automatically after the permission is granted"] * 3
        assert len(world.api.requests) == 6, "the other API version does not provide the data"
    assert world.of_avepoint() == {}
    await world.accounts.stop()


async def test_for_ever_survives_a_restart(tmp_path: Path) -> None:
    mine = tenant(collectors={name: {} for name in SETTINGS})
    world = World(FakeApi(settings_routes()), folder=tmp_path)
    await world.apply(mine)
    assert await world.refresh()
    before = world.of_avepoint()
    assert math.inf in before.values()
    world.api.routes.clear()
    await world.restart(config(mine))
    assert world.of_avepoint() == before
    await world.accounts.stop()
