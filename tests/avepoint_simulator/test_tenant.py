from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from avepoint_simulator import JobError, LicenseRecord, Simulator, StaticPortfolio, Switches, unix_ns

LEGACY = "/cloudbackup/jobs"
MODERN = "/backup/m365/cloudbackupjobs"
NOON = 1_780_000_000.0
TICKS = 621_355_968_000_000_000 + int(NOON) * 10_000_000


async def test_legacy_job_row(api: Any) -> None:
    body = await api.json(LEGACY)
    assert body["TotalCount"] == 25
    assert [job["Id"] for job in body["Jobs"]] == [f"job-{number}" for number in range(10)]
    assert body["Jobs"][0] == {
        "Id": "job-0",
        "State": "Finished",
        "StartTime": TICKS,
        "FinishTime": TICKS + 516_606_000,
        "Duration": 516_606_000,
        "BackupDetails": {
            "TotalCount": 2430, "FailedCount": 1, "SuccessfulCount": 2428, "SkippedCount": 1,
        },
    }  # fmt: skip


async def test_modern_job_row_and_envelope(api: Any, static: StaticPortfolio) -> None:
    failed = replace(static.job_list[0], state=3, errors=(JobError(value="No access", number=7),))
    api.simulator.portfolio = replace(static, job_list=(failed,))
    response = await api.get(MODERN)
    body = response.json()
    assert {key: body[key] for key in ("statusCode", "message", "errors", "metadata")} == {
        "statusCode": 200, "message": "", "errors": [], "metadata": {"totalCount": 1, "nextLink": None},
    }  # fmt: skip
    assert body["requestId"] == response.headers["x-request-id"]
    assert body["data"] == [
        {
            "id": "job-0",
            "state": "Failed",
            "startTime": "2026-05-28T20:26:40.000Z",
            "finishTime": "2026-05-28T20:27:31.660Z",
            "duration": "0.014",
            "backupDetails": {"totalCount": 2430, "failedCount": 1, "successfulCount": 2428, "skippedCount": 1},
            "jobErrors": [{"isErrorCode": False, "value": "No access", "url": "", "number": 7}],
        }
    ]


async def test_a_running_job_has_no_finish(api: Any, static: StaticPortfolio) -> None:
    running = replace(static.job_list[0], state=1, finish_unix_ns=None)
    api.simulator.portfolio = replace(static, job_list=(running,))
    legacy = (await api.json(LEGACY))["Jobs"][0]
    modern = (await api.json(MODERN))["data"][0]
    assert (legacy["State"], legacy["FinishTime"], legacy["Duration"]) == ("In Progress", 0, 0)
    assert (modern["finishTime"], modern["duration"]) == ("0001-01-01T00:00:00Z", "0.000")


async def test_a_text_state_passes_through(api: Any, static: StaticPortfolio) -> None:
    api.simulator.portfolio = replace(static, job_list=(replace(static.job_list[0], state="On Hold"),))
    assert (await api.json(LEGACY))["Jobs"][0]["State"] == "On Hold"


async def test_filters(api: Any, static: StaticPortfolio) -> None:
    base = static.job_list[0]
    jobs = (
        replace(base, id="a", job_type=2, object_type=7, state=3),
        replace(base, id="b", job_type=2, object_type=8, state=2),
        replace(base, id="c", job_type=1, object_type=7, state=5),
    )
    api.simulator.portfolio = replace(static, job_list=jobs)

    async def ids(**params: Any) -> list[str]:
        return [job["Id"] for job in (await api.json(LEGACY, **params))["Jobs"]]

    assert await ids(JobType=2) == ["a", "b"]
    assert await ids(objecttype=7) == ["a", "c"]
    assert await ids(JOBSTATE=5) == ["c"]
    assert await ids(JobType=2, ObjectType=7, JobState=3) == ["a"]
    assert await ids(JobType=0, ObjectType=0, JobState=0) == ["a", "b", "c"]


async def test_time_range_holds_the_start_and_both_ends(api: Any) -> None:
    start, finish = TICKS - 4 * 600_000_000, TICKS - 2 * 600_000_000
    body = await api.json(LEGACY, StartTime=start, FinishTime=finish)
    assert [job["Id"] for job in body["Jobs"]] == ["job-2", "job-3", "job-4"]
    assert (await api.json(LEGACY, StartTime=0, FinishTime=0))["TotalCount"] == 25
    texts = {"startTime": "2026-05-28T20:22:40Z", "finishTime": "2026-05-28T22:24:40+02:00"}
    assert [job["id"] for job in (await api.json(MODERN, **texts))["data"]] == ["job-2", "job-3", "job-4"]


async def test_a_bare_date_is_its_first_moment(api: Any) -> None:
    assert (await api.json(MODERN, startTime="2026-05-28"))["metadata"]["totalCount"] == 25
    assert (await api.json(MODERN, finishTime="2026-05-28"))["metadata"]["totalCount"] == 0


@pytest.mark.parametrize(
    "params",
    [
        {"StartTime": "yesterday"},
        {"JobType": 6},
        {"ObjectType": 13},
        {"JobState": "-1"},
        {"PageIndex": "x"},
        {"PageSize": 0},
    ],
)
async def test_bad_parameters(api: Any, params: dict[str, Any]) -> None:
    legacy, modern = await api.get(LEGACY, **params), await api.get(MODERN, **params)
    assert (legacy.status_code, legacy.json()["error"]["code"]) == (400, "400")
    assert (modern.status_code, modern.json()["statusCode"]) == (400, 400)


async def test_location_gives_an_empty_list(api: Any) -> None:
    body = await api.json(MODERN, location="EUR")
    assert (body["data"], body["metadata"]) == ([], {"totalCount": 0})


async def test_following_links_reads_every_job_once(api: Any) -> None:
    seen, url = [], f"{LEGACY}?PageSize=7&JobType=1"
    while url:
        body = (await api.client.get(url, headers=api.headers)).json()
        seen += [job["Id"] for job in body["Jobs"]]
        url = body["NextLink"]
    assert seen == [f"job-{number}" for number in range(25)]


async def test_a_page_beyond_the_end_is_empty(api: Any) -> None:
    body = await api.json(LEGACY, PageIndex=3)
    assert (body["Jobs"], body["NextLink"], body["TotalCount"]) == ([], "", 25)


@pytest.mark.parametrize("base", [0, 1])
async def test_both_page_bases_give_every_job_once(api: Any, base: Any) -> None:
    api.simulator.switches = Switches(page_base=base)
    pages = [(await api.json(MODERN, PageIndex=base + number, PageSize=9))["data"] for number in range(4)]
    assert [len(page) for page in pages] == [9, 9, 7, 0]
    assert len({job["id"] for page in pages for job in page}) == 25


async def test_license_of_both_versions(api: Any, static: StaticPortfolio) -> None:
    assert await api.json("/cloudbackup/licenseconsumption") == {
        "OutOfPolicyTime": 0,
        "PurchasedUserSeats": 100,
        "AssignedUserSeats": 90,
        "PurchasedStorageSize": 1024,
        "ProtectedSize": 77,
    }
    over = LicenseRecord(
        purchased_user_seats=1, assigned_user_seats=2, purchased_storage_gb=3, protected_gb=4,
        out_of_policy_unix_ns=unix_ns(NOON),
    )  # fmt: skip
    api.simulator.portfolio = replace(static, license_record=over)
    assert (await api.json("/cloudbackup/licenseconsumption"))["OutOfPolicyTime"] == TICKS
    assert (await api.json("/backup/m365/cloudbackuplicenseconsumption"))["data"] == {
        "outOfPolicyTime": "2026-05-28T20:26:40.000Z",
        "purchasedUserSeats": 1,
        "assignedUserSeats": 2,
        "purchasedStorageSize": 3,
        "protectedSize": 4,
    }


async def test_an_unlicensed_tenant_gets_404(api: Any, static: StaticPortfolio) -> None:
    api.simulator.portfolio = replace(static, license_record=None)
    assert (await api.get("/cloudbackup/licenseconsumption")).status_code == 404
    modern = await api.get("/backup/m365/cloudbackuplicenseconsumption")
    assert (modern.status_code, modern.json()["statusCode"]) == (404, 404)


async def test_unknown_paths_and_slashes_get_404(api: Any, simulator: Simulator) -> None:
    assert (await api.get("/cloudbackup/getjobs")).status_code == 404
    assert (await api.get("/cloudbackup/jobs/")).status_code == 404
    assert simulator.requests[-1].status == 404
