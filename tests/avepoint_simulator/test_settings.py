from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from avepoint_simulator import (
    ActivityRecord,
    FrequencyRecord,
    GeneratedPortfolio,
    RetentionRecord,
    ServiceRetention,
    StaticPortfolio,
    Switches,
    unix_ns,
)

ACTIVITY = "/backup/m365/cloudbackupunusualactivitydata"
FREQUENCY = "/backup/m365/settings/backup/frequency"
RETENTION = "/backup/m365/settings/retention-policy"
PERMISSIONS = "microsoft365backup.unusualActivity.read.all microsoft365backup.settings.read.all"
NOON = 1_780_000_000.0  # 2026-05-28T20:26:40Z
DAY = 86_400.0
SPAN = {"startTime": "2026-05-21", "finishTime": "2026-05-29"}


def found(days_ago: float, **changes: Any) -> ActivityRecord:
    values: dict[str, Any] = {
        "tenant_id": "t", "tenant_owner": "John Doe", "service_type": 1, "unusual_sites": 3, "ransomware_sites": 1,
        "detected_unix_ns": unix_ns(NOON - days_ago * DAY),
    }  # fmt: skip
    return ActivityRecord(**(values | changes))


@pytest.fixture(autouse=True)
async def settings(api: Any, static: StaticPortfolio) -> None:
    services = (ServiceRetention(service_type=9, period="2 years", unassigned_period="1 years",
                                 container_periods=("3 years",)),)  # fmt: skip
    api.simulator.portfolio = replace(
        static,
        activity_list=(found(0), found(3), found(30), found(1, tenant_id="other"), found(1, service_type=10)),
        frequency_list=(FrequencyRecord(service_type=9, times_a_day=1, starts_unix_ns=(unix_ns(NOON),)),),
        retention_list=(RetentionRecord(period="1 years", customized=True, services=services),),
    )
    await api.sign_in(scope=PERMISSIONS)


async def rows(api: Any, **params: str) -> list[Any]:
    found: list[Any] = (await api.json(ACTIVITY, **(SPAN | params)))["data"]["data"]
    return found


async def test_activities_of_the_span_are_added_up_by_tenant_and_workload(api: Any) -> None:
    shown = [(row["tenantId"], row["serviceType"], row["unusualActivitiesCount"]) for row in await rows(api)]
    assert shown == [("t", 1, 6), ("other", 1, 3), ("t", 10, 3)]
    assert (await rows(api))[0] == {
        "tenantOwner": "John Doe", "tenantId": "t", "serviceType": 1, "potentialRansomwareAttackCount": 2,
        "unusualActivitiesCount": 6,
    }  # fmt: skip


@pytest.mark.parametrize(("times", "count"), [("moments", 2), ("days", 3)])
async def test_what_a_finish_of_today_hides(api: Any, times: Any, count: int) -> None:
    api.simulator.switches = Switches(activity_times=times)
    shown = await rows(api, startTime="2026-05-27", finishTime="2026-05-28")
    assert sum(row["unusualActivitiesCount"] for row in shown) == 3 * count


@pytest.mark.parametrize(
    ("params", "switches"),
    [
        ({"startTime": "2026-05-21"}, {}),
        ({"finishTime": "2026-05-21"}, {}),
        ({"startTime": "yesterday", "finishTime": "2026-05-21"}, {}),
        ({"startTime": "2026-05-21T00:00:00Z", "finishTime": "2026-05-29"}, {"activity_times": "days"}),
    ],
)
async def test_both_times_are_needed(api: Any, params: dict[str, str], switches: Any) -> None:
    api.simulator.switches = Switches(**switches)
    response = await api.get(ACTIVITY, **params)
    assert (response.status_code, response.json()["statusCode"]) == (400, 400)


async def test_activities_may_be_a_bare_list_in_words_and_texts(api: Any) -> None:
    api.simulator.switches = Switches(activity_shape="bare", service_types="words", counts="text")
    data = (await api.json(ACTIVITY, **SPAN))["data"]
    assert [row["serviceType"] for row in data] == ["SharePoint Online", "SharePoint Online", "Personal Chat"]
    assert data[0]["unusualActivitiesCount"] == "6"


async def test_frequency_and_retention(api: Any) -> None:
    assert (await api.json(FREQUENCY))["data"] == [
        {"serviceType": 9, "frequency": 1, "backupStartTime": ["2026-05-28T20:26:40.000Z"]}
    ]
    assert (await api.json(RETENTION))["data"] == {
        "enableDailyRetentionPolicy": False,
        "enableCustomizedRetentionPolicy": True,
        "retentionPeriod": "1 years",
        "servicePolicies": [
            {
                "serviceType": 9,
                "containerPolicies": [
                    {
                        "containerId": "00000000-0000-4000-8000-000000000000",
                        "containerName": "Container 0",
                        "retentionPeriod": "3 years",
                    }
                ],
                "retentionPeriod": "2 years",
                "unassignedObjectRetentionPeriod": "1 years",
            }
        ],
    }
    api.simulator.switches = Switches(service_types="words", iso_form="whole")
    assert (await api.json(FREQUENCY))["data"][0]["serviceType"] == "Yammer Group"
    assert (await api.json(FREQUENCY))["data"][0]["backupStartTime"] == ["2026-05-28T20:26:40Z"]


async def test_a_location_that_the_tenant_does_not_have_holds_nothing(api: Any) -> None:
    for location in ("EUR", "NAM"):
        assert await rows(api, location=location) == []
        assert (await api.json(FREQUENCY, location=location))["data"] == []
        assert (await api.json(RETENTION, location=location))["data"] is None


async def test_each_location_of_a_multi_geo_tenant_has_its_own_and_what_is_everywhere(api: Any) -> None:
    api.simulator.switches = Switches(locations=frozenset({"NAM", "EUR"}))
    portfolio = api.simulator.portfolio
    api.simulator.portfolio = replace(
        portfolio,
        activity_list=(found(0, location="NAM"), found(1, location="EUR", unusual_sites=5), found(1, service_type=2)),
        frequency_list=tuple(replace(portfolio.frequency_list[0], location=place) for place in ("NAM", "EUR")),
        retention_list=(
            RetentionRecord(period="1 years", location="NAM"),
            RetentionRecord(period="2 years", location="EUR"),
        ),
    )
    assert [row["unusualActivitiesCount"] for row in await rows(api, location="NAM")] == [3, 3]
    assert [row["unusualActivitiesCount"] for row in await rows(api, location="EUR")] == [5, 3]
    assert [row["unusualActivitiesCount"] for row in await rows(api)] == [8, 3]
    assert await rows(api, location="JPN") == []
    assert len((await api.json(FREQUENCY, location="EUR"))["data"]) == 1
    periods = [(await api.json(RETENTION, **one))["data"]["retentionPeriod"] for one in ({}, {"location": "EUR"})]
    assert periods == ["1 years", "2 years"]
    await api.sign_in()
    jobs = "/backup/m365/cloudbackupjobs"
    assert [(await api.json(jobs, location=place))["metadata"]["totalCount"] for place in ("NAM", "JPN")] == [25, 0]


@pytest.mark.parametrize("path", [ACTIVITY, FREQUENCY, RETENTION])
async def test_an_unlicensed_tenant_gets_404_and_a_foreign_permission_403(
    api: Any, static: StaticPortfolio, path: str
) -> None:
    api.simulator.portfolio = static
    assert (await api.get(path, **SPAN)).status_code == 404
    await api.sign_in()
    assert (await api.get(path, **SPAN)).status_code == 403


async def test_faults_reach_the_rows_within_the_rows(api: Any) -> None:
    api.simulator.faults.script("unusual_activity", "conflicting_row", "nulls")
    assert len(await rows(api)) == 4
    assert all(value is None for row in await rows(api) for value in row.values())


def test_the_story_of_an_attack() -> None:
    activities = GeneratedPortfolio(seed=1, customers=0, start=NOON).unusual_activities(NOON)
    assert {one.service_type for one in activities if one.ransomware_sites} == {2}
    assert {one.service_type for one in activities} == {1, 2}
    assert all(NOON - 7 * DAY < one.detected_unix_ns / 10**9 < NOON for one in activities)
    assert all(0 <= one.ransomware_sites <= one.unusual_sites for one in activities)
    assert len({one.tenant_id for one in activities}) == 1


@pytest.mark.parametrize("later", [0, 0.3, 0.9, 5, 5.5])
def test_the_frequency_is_that_of_the_jobs(later: float) -> None:
    portfolio, now = GeneratedPortfolio(seed=1, customers=0, start=NOON), NOON + later * DAY
    jobs = portfolio.jobs(now)
    for one in portfolio.backup_frequencies(now):
        assert len(one.starts_unix_ns) == one.times_a_day
        today = datetime.fromtimestamp(now, UTC).date()
        assert {datetime.fromtimestamp(start / 10**9, UTC).date() for start in one.starts_unix_ns} == {today}
        object_type = {0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 9: 8, 10: 9, 11: 10, 12: 11, 14: 12}[one.service_type]
        began = [job.start_unix_ns for job in jobs if (job.job_type, job.object_type) == (1, object_type)]
        for start in one.starts_unix_ns:
            if start < unix_ns(now - DAY / 10):
                # A job starts at its scheduled time or up to one twelfth of the interval later.
                assert any(0 <= begin - start <= DAY * 10**9 / one.times_a_day / 12 for begin in began)
    assert len({one.service_type for one in portfolio.backup_frequencies(now)}) == 12


def test_one_workload_is_kept_for_less_and_one_for_ever() -> None:
    (policy,) = GeneratedPortfolio(seed=1, customers=0, start=NOON).retentions(NOON)
    own = {service.service_type: service.period for service in policy.services if service.period != policy.period}
    assert own == {0: "Unlimited", 12: "3 months"}
    assert [service.service_type for service in policy.services if service.container_periods] == [3]
    assert len(policy.services) == 12
