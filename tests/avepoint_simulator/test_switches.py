from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from avepoint_simulator import Simulator, StaticPortfolio, Switches
from avepoint_simulator.data.values import from_iso, from_ticks, iso, size, ticks

LEGACY = "/cloudbackup/jobs"
MODERN = "/backup/m365/cloudbackupjobs"
OVERVIEW = "/partner/external/v3/general/customers/customer-0/cloud-backup-m365/overview"


@pytest.fixture
def turn(simulator: Simulator) -> Any:
    def set_switches(**changes: Any) -> None:
        simulator.switches = replace(Switches(), **changes)

    return set_switches


@pytest.mark.parametrize(("api_versions", "legacy", "modern"), [("legacy", 200, 404), ("modern", 404, 200)])
async def test_api_versions(api: Any, turn: Any, api_versions: str, legacy: int, modern: int) -> None:
    turn(api_versions=api_versions)
    assert (await api.get(LEGACY)).status_code == (await api.get("/partner/customers")).status_code == legacy
    assert (await api.get(MODERN)).status_code == (await api.batch()).status_code == modern


async def test_legacy_key_case(api: Any, turn: Any) -> None:
    turn(legacy_key_case="camel")
    body = await api.json(LEGACY)
    assert set(body) == {"totalCount", "jobs", "nextLink"}
    assert set(body["jobs"][0]["backupDetails"]) == {
        "totalCount", "failedCount", "successfulCount", "skippedCount",
    }  # fmt: skip
    assert "outOfPolicyTime" in await api.json("/cloudbackup/licenseconsumption")


@pytest.mark.parametrize(
    ("form", "link"),
    [
        ("empty", ""),
        ("absolute", "http://sim.example.com/backup/m365/cloudbackupjobs?JobType=1&PageIndex=1&PageSize=10"),
        ("prefixed", "/backup/m365/cloudbackupjobs?JobType=1&PageIndex=1&PageSize=10"),
        ("unprefixed", "/cloudbackupjobs?JobType=1&PageIndex=1&PageSize=10"),
        ("token", "Sm9iVHlwZT0xJlBhZ2VJbmRleD0xJlBhZ2VTaXplPTEw"),
        ("wrong_host", "https://evil.invalid/backup/m365/cloudbackupjobs?JobType=1&PageIndex=1&PageSize=10"),
    ],
)
async def test_next_link_forms(api: Any, turn: Any, form: str, link: str) -> None:
    turn(next_link=form, other_host="https://evil.invalid")
    assert (await api.json(MODERN, JobType=1))["metadata"]["nextLink"] == link


async def test_next_link_may_be_absent(api: Any, turn: Any) -> None:
    turn(next_link="none", page_size_cap=1)
    assert "NextLink" not in await api.json(LEGACY)
    assert "nextLink" not in (await api.json(MODERN))["metadata"]
    assert "@odata.nextLink" not in await api.json("/partner/customers")


@pytest.mark.parametrize(("behaviour", "status", "count"), [("clamp", 200, 5), ("empty", 200, 0), ("error", 400, None)])
async def test_index_zero_where_pages_start_at_one(
    api: Any, turn: Any, behaviour: str, status: int, count: int | None
) -> None:
    turn(page_base=1, index_zero=behaviour)
    for response in (
        await api.get(MODERN, PageIndex=0, PageSize=5),
        await api.batch(pageIndex=0),
    ):
        assert response.status_code == status
        assert count is None or len(response.json()["data"]) == count
    assert (await api.json(LEGACY))["Jobs"][0]["Id"] == "job-0"


async def test_clamped_index_links_to_the_second_page(api: Any, turn: Any) -> None:
    turn(page_base=1)
    assert "PageIndex=2" in (await api.json(LEGACY, PageIndex=0))["NextLink"]


async def test_details_keys_and_total_key(api: Any, turn: Any) -> None:
    turn(details_keys="Number", total_key="totalNumber")
    body = await api.json(MODERN)
    assert body["metadata"]["totalNumber"] == 25
    assert set(body["data"][0]["backupDetails"]) == {
        "totalNumber", "failedNumber", "successfulNumber", "skippedNumber",
    }  # fmt: skip
    assert "TotalCount" in (await api.json(LEGACY))["Jobs"][0]["BackupDetails"]


@pytest.mark.parametrize(
    ("spelling", "running", "exception"),
    [("spaced", "In Progress", "Finished with Exception"), ("compact", "InProgress", "FinishedException")],
)
async def test_state_spelling(
    api: Any, turn: Any, static: StaticPortfolio, spelling: str, running: str, exception: str
) -> None:
    turn(state_spelling=spelling)
    states = (1, 4)
    api.simulator.portfolio = replace(
        static, job_list=tuple(replace(static.job_list[n], state=state) for n, state in enumerate(states))
    )
    assert [job["State"] for job in (await api.json(LEGACY))["Jobs"]] == [running, exception]


async def test_overview_may_be_a_bare_list(api: Any, turn: Any) -> None:
    turn(overview_shape="bare")
    assert len(await api.json(OVERVIEW)) == 3


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("z", "2026-05-28T20:26:40.123Z"),
        ("offset", "2026-05-28T20:26:40.123+00:00"),
        ("seven", "2026-05-28T20:26:40.1234567Z"),
        ("whole", "2026-05-28T20:26:40Z"),
    ],
)
def test_iso_forms(form: Any, text: str) -> None:
    assert iso(1_780_000_000_123_456_789, form, "zero") == text


@pytest.mark.parametrize(("form", "value"), [("zero", "0001-01-01T00:00:00Z"), ("null", None), ("na", "N/A")])
async def test_no_time_forms(api: Any, turn: Any, form: str, value: str | None) -> None:
    turn(no_time=form)
    data = (await api.json("/backup/m365/cloudbackuplicenseconsumption"))["data"]
    assert data["outOfPolicyTime"] == value
    assert (await api.json("/cloudbackup/licenseconsumption"))["OutOfPolicyTime"] == 0


async def test_page_size_cap(api: Any, turn: Any) -> None:
    turn(page_size_cap=2)
    body = await api.json(LEGACY, PageSize=100)
    assert len(body["Jobs"]) == 2
    assert body["NextLink"].endswith("PageIndex=1&PageSize=2")
    assert len((await api.batch()).json()["data"]) == 2


@pytest.mark.parametrize(
    ("form", "legacy", "modern"),
    [
        ("documented", "Finished with exception", 5),
        ("int", 5, 5),
        ("text", "Finished with exception", "Finished with exception"),
    ],
)
async def test_job_status_forms(api: Any, turn: Any, form: str, legacy: Any, modern: Any) -> None:
    turn(job_status=form)
    assert (await api.json("/partner/customers"))["value"][0]["jobStatus"] == legacy
    assert (await api.batch()).json()["data"][0]["jobStatus"] == modern


async def test_unknown_job_status_is_written_as_its_code(api: Any, static: StaticPortfolio, turn: Any) -> None:
    turn(job_status="text")
    odd = replace(static.customer_list[0], job_status=42)
    api.simulator.portfolio = replace(static, customer_list=(odd,))
    assert (await api.json("/partner/customers"))["value"][0]["jobStatus"] == "42"
    assert (await api.batch()).json()["data"][0]["jobStatus"] == "42"


async def test_counts_as_text(api: Any, turn: Any) -> None:
    turn(counts="text")
    assert (await api.json(OVERVIEW))["data"][0]["totalScannedObjects"] == "25"
    assert (await api.json(MODERN))["data"][0]["backupDetails"]["totalCount"] == "2430"
    assert (await api.json("/cloudbackup/licenseconsumption"))["PurchasedUserSeats"] == "100"


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (0, "plain", "0 GB"),
        (None, "plain", "N/A"),
        ("0/1 GB", "no_space", "0/1 GB"),
        (int(143.22 * 1024**3) + 1, "plain", "143.22 GB"),
        (100 * 1024**3, "plain", "100 GB"),
        (1536 * 1024**3, "plain", "1.5 TB"),
        (1536 * 1024**3, "thousands", "1,536 GB"),
        (1536 * 1024**3, "no_space", "1.5TB"),
    ],
)
def test_size_forms(value: Any, form: Any, text: str) -> None:
    assert size(value, form) == text


async def test_size_form_reaches_the_rows(api: Any, turn: Any) -> None:
    turn(sizes="thousands")
    assert (await api.json(OVERVIEW))["data"][0]["dataSizeStoredInAvePoint"] == "1,044.5 GB"


async def test_latency(api: Any, turn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("avepoint_simulator.application.asyncio.sleep", sleep)
    turn(latency_seconds=3, latency_jitter_seconds=2)
    for _ in range(20):
        await api.get(LEGACY)
    assert len(set(slept)) == 20
    assert all(3 <= seconds <= 5 for seconds in slept)


def test_times_survive_both_ways() -> None:
    assert from_ticks(ticks(1_780_000_000_123_456_700)) == 1_780_000_000_123_456_700
    assert (from_ticks(0), ticks(None)) == (None, 0)
    assert ticks((638645575921780695 - 621355968000000000) * 100) == 638645575921780695
    assert from_iso("2024-01-01") == 1_704_067_200_000_000_000
    assert from_iso("2024-01-01T00:00:00.1234567Z") == 1_704_067_200_123_456_000
    assert from_iso("2024-01-01T02:00:00+02:00") == 1_704_067_200_000_000_000
