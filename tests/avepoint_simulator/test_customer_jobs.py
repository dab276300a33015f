from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from avepoint_simulator import CustomerJob, GeneratedPortfolio, StaticPortfolio, Switches, unix_ns
from avepoint_simulator.data.customer_schedule import FAILING_SECONDS, STUCK_SECONDS
from avepoint_simulator.data.values import duration_text
from tests.avepoint_simulator.conftest import NOON

V3 = "/partner/external/v3/general/customers/{}/avpt-products/jobs/batch"
LEGACY = "/partner/customers/{}/jobs"
HOUR, DAY = 3_600.0, 86_400.0
WHO = "customer-0"


def make_job(number: int, **changes: Any) -> CustomerJob:
    values: dict[str, Any] = {
        "customer_id": WHO,
        "job_type": 7,
        "job_module": 304,
        "status": 3,
        "id": f"FB{number}",
        "start_unix_ns": unix_ns(NOON - number * HOUR),
        "finish_unix_ns": unix_ns(NOON - number * HOUR + 1_059.9),
        "total_objects": 2_323,
        "successful_objects": 2_323,
        "backup_bytes": 0,
    }
    return CustomerJob(**(values | changes))


@pytest.fixture
def jobs(api: Any, static: StaticPortfolio) -> Any:
    """Return a function. The function sets a customer's jobs, and returns the job rows of one API version."""

    async def ask(*records: CustomerJob, legacy: bool = False, body: Any = None, **switches: Any) -> Any:
        api.simulator.portfolio = replace(static, customer_job_list=records)
        api.simulator.switches = Switches(**switches)
        if legacy:
            return (await api.json(LEGACY.format(WHO)))["value"]
        response = await api.client.post(V3.format(WHO), json=body or {}, headers=api.headers)
        return response.json()["data"]

    return ask


async def test_the_documented_row_of_v3(jobs: Any) -> None:
    assert await jobs(make_job(1), iso_form="whole") == [
        {
            "jobType": 7, "jobModule": 304, "status": 3, "jobId": "FB1", "name": "N/A", "totalCount": "2323",
            "failedCount": "0", "successfulCount": "2323", "skippedCount": "0", "warningCount": "0",
            "backupSize": "0 GB", "startTime": "2026-05-28T19:26:40Z", "endTime": "2026-05-28T19:44:19Z",
            "jobDuration": "17m39s", "lastModifyTime": "2026-05-28T19:44:19Z",
        }
    ]  # fmt: skip


async def test_a_module_without_a_job_in_words(jobs: Any) -> None:
    waiting = CustomerJob(customer_id=WHO, job_type=7, job_module=302, status="Not Finished")
    (row,) = await jobs(waiting, legacy=True)
    assert (row["jobType"], row["jobModule"], row["status"]) == ("Microsoft 365", "SharePoint Online", "Not Finished")
    assert {row[key] for key in ("jobId", "startTime", "endTime", "jobDuration", "lastModifyTime")} == {"N/A"}
    assert {row[key] for key in row if key.endswith("Count")} == {"0"}


@pytest.mark.parametrize(("words", "modern", "legacy"), [("documented", 7, "7"), ("int", 7, 7), ("text", "7", "7")])
async def test_words_or_numbers(jobs: Any, words: Any, modern: Any, legacy: Any) -> None:
    names = {7: 7, "7": "Microsoft 365"}
    assert (await jobs(make_job(1), job_words=words))[0]["jobType"] == names[modern]
    assert (await jobs(make_job(1), job_words=words, legacy=True))[0]["jobType"] == names[legacy]
    assert (await jobs(make_job(1, job_module=999), job_words="text"))[0]["jobModule"] == "999"


async def test_the_latest_job_of_each_module_or_every_one(jobs: Any) -> None:
    waiting = make_job(0, job_module=303, id=None, start_unix_ns=None, finish_unix_ns=None)
    records = (make_job(3), make_job(2, job_module=303), make_job(1), waiting, make_job(4, job_type=11))
    assert [row["jobId"] for row in await jobs(*records)] == ["FB2", "FB1", "FB4"]
    assert len(await jobs(*records, customer_jobs="all")) == 5


async def test_the_scan_comes_first_and_says_nothing_but_its_status(jobs: Any) -> None:
    scan = CustomerJob(customer_id=WHO, job_type=0, job_module=0, status=2)
    row, _ = await jobs(make_job(1), scan)
    assert row.pop("status") == 2
    assert set(row.values()) == {"N/A"}
    assert len(row) == 14
    row, _ = await jobs(make_job(1), scan, scan_row="typed", legacy=True)
    assert (row["jobType"], row["jobModule"], row["status"]) == ("Microsoft 365 Scan", "None", "Finished")


async def test_the_body_narrows(jobs: Any) -> None:
    records = (make_job(1), make_job(2, job_module=303), make_job(3, job_type=11))
    assert [row["jobId"] for row in await jobs(*records, body={"jobType": 7})] == ["FB1", "FB2"]
    assert [row["jobId"] for row in await jobs(*records, body={"jobType": 7, "jobModule": 303})] == ["FB2"]


async def test_nobody_has_no_jobs(api: Any) -> None:
    assert (await api.get(LEGACY.format("nobody"))).status_code == 404
    response = await api.client.post(V3.format("nobody"), json={}, headers=api.headers)
    assert response.status_code == 404
    assert (await api.json(LEGACY.format("customer-1")))["value"] == []


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0s"), (2, "2s"), (1_059, "17m39s"), (4_410, "1h13m30s"), (3_600, "1h0s"), (None, "N/A")]
)
def test_durations(seconds: int | None, words: str) -> None:
    assert duration_text(0, None if seconds is None else seconds * 10**9) == words


def generated(now: float, **changes: Any) -> dict[int, list[CustomerJob]]:
    """Return the jobs in a generated portfolio, keyed by customer number."""
    portfolio = GeneratedPortfolio(**({"seed": 1, "customers": 40, "start": NOON} | changes))
    people = portfolio.customers(now)
    return {place: list(portfolio.customer_jobs(one.id, now) or ()) for place, one in enumerate(people)}


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_all_follows_from_seed_and_time(speed: float) -> None:
    later = NOON + 12_345
    assert generated(later, speed=speed) == generated(later, speed=speed) != generated(later, speed=speed, seed=2)
    assert all(jobs == generated(later, customers=60)[place] for place, jobs in generated(later).items())


def test_a_day_of_customers_jobs() -> None:
    jobs = generated(NOON)
    assert jobs[2] == [], "the customer without the product has no jobs"
    every = [job for of_one in jobs.values() for job in of_one]
    ids = [job.id for job in every if job.id]
    assert len(ids) == len(set(ids))
    states = Counter(job.status for job in every)
    assert states[2] > len(every) / 2
    assert {1, 2, 3, 4, 14} <= set(states)
    assert {job.job_type for job in every} == {0, 7, 11}
    started = [job for job in every if job.start_unix_ns is not None]
    assert all(job.start_unix_ns <= unix_ns(NOON) for job in started if job.start_unix_ns)
    assert all((job.finish_unix_ns is None) == (job.status == 1) for job in started)
    assert all(len([job for job in of_one if job.job_type == 0]) == 1 for of_one in jobs.values() if of_one)


def test_stories_among_the_customers() -> None:
    jobs = generated(NOON)
    (stuck,) = [job for job in jobs[5] if job.start_unix_ns == unix_ns(NOON - STUCK_SECONDS)]
    assert (stuck.status, stuck.finish_unix_ns) == (1, None)
    assert [job.status for job in jobs[7] if job.start_unix_ns is None and job.job_type == 7] == [14]
    failing = Counter(job.job_module for job in jobs[4] if job.status == 3 and job.total_objects == 0)
    (module,) = [module for module, count in failing.items() if count >= 3]
    backups = [job for job in jobs[4] if job.job_module == module and job.status != 1]
    assert all(job.status == 3 and job.failed_objects == 0 for job in backups)
    long_ago = generated(NOON - FAILING_SECONDS - DAY)
    assert any(job.status == 2 for job in long_ago[4] if job.job_module == module)


def test_jobs_run_and_then_end() -> None:
    seen: dict[str, CustomerJob] = {}
    ended = 0
    for quarter in range(40):
        for job in (job for of_one in generated(NOON + quarter * 900, customers=12).values() for job in of_one):
            before = seen.get(job.id or "")
            if before is not None and before.status != job.status:
                assert (before.status, before.start_unix_ns) == (1, job.start_unix_ns)
                ended += 1
            if job.id:
                seen[job.id] = job
    assert ended > 20


async def test_nobody_among_the_generated() -> None:
    assert GeneratedPortfolio(seed=1, customers=3, start=NOON).customer_jobs("nobody", NOON) is None
