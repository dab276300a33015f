"""Test jobs of customers: parsed fields, ignored rows, and counters of jobs that AvePoint no longer lists."""

import json
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from exporter.avepoint.reading.vocabulary import OVER
from tests.helpers import (
    BATCH_PATH,
    DAY,
    NOW,
    FakeApi,
    World,
    config,
    customer,
    customer_jobs_path,
    partner,
    v3,
)

JOBS = customer_jobs_path("c-1")
LEGACY = "/partner/customers/c-1/jobs"
ONLY = {"customers": {"enabled": False}, "protected_data": {"enabled": False}, "customer_jobs": {}}


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def row(identifier: str, start: float | None = 0.0, finish: float | None = None, **values: Any) -> dict[str, Any]:
    """Return the row of a successful Teams backup. Times are in seconds from now. None means "N/A"."""
    counts = {f"{name}Count": "1" for name in ("total", "failed", "successful", "skipped", "warning")}
    times = {"startTime": start, "endTime": finish}
    return {
        "jobType": 7, "jobModule": 308, "status": 2, "jobId": identifier, "name": "owner@example.com", **counts,
        "backupSize": "0 GB", **{key: "N/A" if one is None else iso(NOW + one) for key, one in times.items()},
        "jobDuration": "N/A", "lastModifyTime": "N/A", **values,
    }  # fmt: skip


def blank(status: int | str) -> dict[str, Any]:
    return {**dict.fromkeys(row("x"), "N/A"), "status": status}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Return a `World` with one customer. Each test sets the customer's jobs."""
    world = World(FakeApi({BATCH_PATH: v3([customer("c-1")])}))
    await world.apply(partner(collectors=ONLY))
    yield world
    await world.accounts.stop()


async def shown(
    world: World, *rows: Any, api_version: str = "modern", total: int | None = None
) -> dict[tuple[str, str], float]:
    """Refresh the collector with these rows. Return the samples, without counters that are 0."""
    world.api.routes.update(
        {JOBS: v3(list(rows), total)} if api_version == "modern" else {LEGACY: {"value": list(rows)}}
    )
    assert await world.refresh()
    return samples(world)


def samples(world: World) -> dict[tuple[str, str], float]:
    found = {}
    for (name, labels), value in world.of_avepoint().items():
        plain = {("account", "msp"), ("customer_id", "c-1"), ("product", "Microsoft 365")}
        own = dict(labels - plain)
        if not (name.endswith("_total") and value == 0):
            found[name.removeprefix("avepoint_"), " ".join(own[key] for key in sorted(own))] = value
    return found


def value_issues(world: World, name: str) -> dict[str, float]:
    return {
        dict(labels)["field"]: value
        for (found, labels), value in world.samples().items()
        if found == f"avepoint_{name}"
    }


async def test_one_call_asks_for_everything_of_a_customer(world: World) -> None:
    await shown(world, row("a", -90, -30))
    (request,) = (one for one in world.api.requests if one.url.path == JOBS)
    assert (request.method, json.loads(request.content), dict(request.url.params)) == (
        "POST", {}, {"pageIndex": "1", "pageSize": "100"},
    )  # fmt: skip


async def test_a_job_says_all_of_this(world: World) -> None:
    assert await shown(world, row("a", -90, -30, failedCount="2,430", warningCount="N/A")) == {
        ("last_job_start_timestamp_seconds", "backup Teams"): NOW - 90,
        ("last_job_finish_timestamp_seconds", "backup Teams"): NOW - 30,
        ("last_job_duration_seconds", "backup Teams"): 60,
        ("last_job_state", "backup finished Teams"): 1,
        ("last_job_objects", "backup successful Teams"): 1,
        ("last_job_objects", "backup failed Teams"): 2430,
        ("last_job_objects", "backup skipped Teams"): 1,
        ("last_success_timestamp_seconds", "backup Teams"): NOW - 30,
    }
    assert "@" not in world.text()


STATUSES = (
    "none", "in_progress", "finished", "failed", "finished_with_exception", "skipped", "pending", "failed_to_start",
    "canceled", "rejected", "stopped", "not_scanned", "disabled", "not_started", "waiting_for_configuration",
)  # fmt: skip


@pytest.mark.parametrize(("status", "state"), [*enumerate(STATUSES), ("Not Finished", "not_finished")])
async def test_every_status_has_a_state_and_is_over_or_not(world: World, status: int | str, state: str) -> None:
    await shown(world, row("b", -200, -150))
    found = await shown(world, row("a", -90, 1, status=status))
    assert [labels for name, labels in found if name == "last_job_state"] == [f"backup {state} Teams"]
    is_over = state in OVER
    assert (("last_job_finish_timestamp_seconds", "backup Teams") in found) == is_over
    assert (found.get(("jobs_completed_total", f"backup {state} Teams")) == 1) == is_over
    running = ("oldest_running_job_start_timestamp_seconds", "backup Teams")
    assert (running in found) == (state == "in_progress")
    assert value_issues(world, "unknown_values_total") == {}


@pytest.mark.parametrize("values", [{}, {"jobId": "a"}, {"startTime": "soon", "jobId": "a"}])
async def test_a_module_that_has_had_no_job_has_a_state_and_no_number(world: World, values: dict[str, Any]) -> None:
    waiting = row("N/A", None, None, status=14, totalCount="0", **values)
    found = await shown(world, waiting, row("N/A", None, None, status=12, jobModule=303))
    assert found == {
        ("last_job_state", "backup waiting_for_configuration Teams"): 1,
        ("last_job_state", "backup disabled Exchange Online"): 1,
    }
    assert "avepoint_jobs_completed_total" not in world.text()


async def test_a_module_with_a_job_is_told_by_its_job(world: World) -> None:
    found = await shown(world, row("N/A", None, None, status=13), row("a", -90, -30))
    assert [labels for name, labels in found if name == "last_job_state"] == ["backup finished Teams"]


@pytest.mark.parametrize(
    ("rows", "api_version", "status"),
    [
        ([blank(2)], "modern", "finished"),
        ([blank("Running")], "legacy", "in_progress"),
        ([row("N/A", None, None, jobType=0, jobModule=0, status=11)], "modern", "not_scanned"),
        ([row("N/A", None, None, jobType="DOR", jobModule="", status=3)], "modern", "failed"),
        ([row("s", -90, None, jobType="Microsoft 365 Scan", jobModule="None", status="Failed")], "legacy", "failed"),
        ([row("s", -90, -80, jobType=0, status=3), row("t", -20, -10, jobType=0), blank(5)], "modern", "finished"),
        ([blank(2), blank(2)], "modern", "finished"),
        ([blank(2), blank(3)], "modern", None),
        ([blank("N/A")], "modern", None),
    ],
)
async def test_the_scan(world: World, rows: Any, api_version: str, status: str | None) -> None:
    found = await shown(world, *rows, api_version=api_version)
    assert found == ({} if status is None else {("customer_scan_status", status): 1})


@pytest.mark.parametrize(
    ("module", "word", "labels"),
    [
        (309, "Microsoft Teams Chat", "backup finished Teams Chat"),
        (307, "Exchange Online Public Folder", "backup finished Public Folder"),
        (402, "Yammer", "backup finished Viva Engage"),
        (10, "Retention", "retention finished"),
        (0, "None", "backup finished"),
        ("N/A", "N/A", "backup finished"),
    ],
)
async def test_modules_are_workloads(world: World, module: Any, word: str, labels: str) -> None:
    found = await shown(world, row("a", -90, -30, jobModule=module))
    assert [text for name, text in found if name == "last_job_state"] == [labels]
    del world.api.routes[JOBS]
    found = await shown(
        world,
        row("a", -90, -30, jobType="Cloud Backup for Microsoft 365", jobModule=word, status="Finished"),
        api_version="legacy",
    )
    assert [text for name, text in found if name == "last_job_state"] == [labels]
    assert value_issues(world, "unknown_values_total") == {}


@pytest.mark.parametrize(
    ("values", "unknown", "unreadable"),
    [
        ({"jobType": "N/A"}, {}, {"jobType": 1}),
        ({"jobType": None}, {}, {"jobType": 1}),
        ({"jobType": [7]}, {}, {"jobType": 1}),
        ({"jobModule": None}, {}, {"jobModule": 1}),
        ({"jobModule": "me@example.com"}, {}, {"jobModule": 1}),
        ({"status": None}, {}, {"status": 1}),
        ({"status": "N/A"}, {}, {}),
    ],
)
async def test_a_row_whose_place_nobody_can_tell_is_left_out(
    world: World, values: Any, unknown: Any, unreadable: Any
) -> None:
    assert await shown(world, row("a", -90, -30, **values)) == {}
    assert value_issues(world, "unknown_values_total") == unknown
    assert value_issues(world, "parse_errors_total") == unreadable


async def test_an_unknown_module_and_an_unknown_state_pass_through(world: World) -> None:
    found = await shown(world, row("a", -90, -30, jobModule=999, status="Half Done"))
    assert ("last_job_state", "backup half_done 999") in found
    assert ("last_job_finish_timestamp_seconds", "backup 999") in found, "a job with a finish time is completed"
    assert value_issues(world, "unknown_values_total") == {"jobModule": 1, "status": 1}


async def test_where_there_is_no_end_the_duration_is_what_avepoint_says(world: World) -> None:
    found = await shown(world, row("a", -9000, None, jobDuration="1h13m30s"))
    assert found["last_job_duration_seconds", "backup Teams"] == 4410
    assert ("last_job_finish_timestamp_seconds", "backup Teams") not in found
    assert ("last_success_timestamp_seconds", "backup Teams") not in found
    odd = row("a", -30, -90, jobDuration="2s")
    world.api.routes[JOBS] = v3([odd])
    assert not await world.refresh()
    world.clock.advance(900)
    found = await shown(world, odd)
    assert found["last_job_duration_seconds", "backup Teams"] == 2, "a finish time before the start is ignored"
    found = await shown(world, row("a", -30, 900 * 86_400, jobDuration="900d"))
    assert ("last_job_duration_seconds", "backup Teams") not in found, "a duration that ends in the future is wrong"


async def test_a_job_without_an_id_is_shown_and_not_counted(world: World) -> None:
    await shown(world, row("a", -900, -830))
    found = await shown(world, row("N/A", -9, 1))
    assert found["last_job_start_timestamp_seconds", "backup Teams"] == NOW - 9
    assert not any(name == "jobs_completed_total" for name, _ in found)


async def test_of_several_rows_all_are_taken_and_the_newest_is_the_last(world: World) -> None:
    found = await shown(
        world,
        row("b", -500, -400),
        row("d", -200, None, status=1),
        row("c", -300, -250, status=3),
        row("a", -900, None, status=1),
    )
    assert found["last_job_start_timestamp_seconds", "backup Teams"] == NOW - 200
    assert found["last_job_finish_timestamp_seconds", "backup Teams"] == NOW - 250
    assert found["last_success_timestamp_seconds", "backup Teams"] == NOW - 400
    assert found["oldest_running_job_start_timestamp_seconds", "backup Teams"] == NOW - 900
    assert ("last_job_state", "backup in_progress Teams") in found


@pytest.mark.parametrize(
    ("other", "says_one"),
    [
        (row("a", -90, -30), True),
        (row("a", -90, -30, status=3), False),
        (row("a", -90, -30, failedCount="7"), False),
    ],
)
async def test_two_rows_of_one_job_that_contradict_each_other(world: World, other: Any, says_one: bool) -> None:
    found = await shown(world, row("a", -90, -30), row("b", -90, -30, jobModule=302), other, total=3 - says_one)
    assert ("last_job_state", "backup finished SharePoint Online") in found
    assert (("last_job_state", "backup finished Teams") in found) == says_one
    assert value_issues(world, "parse_errors_total") == ({} if says_one else {"jobId": 1})


async def test_an_id_that_two_modules_share_is_of_two_jobs(world: World) -> None:
    await shown(world)
    found = await shown(world, row("a", -90, 30), row("a", -90, 30, jobModule=303))
    assert found["jobs_completed_total", "backup finished Teams"] == 1
    assert found["jobs_completed_total", "backup finished Exchange Online"] == 1
    assert value_issues(world, "parse_errors_total") == {}


async def test_two_states_of_a_module_without_a_job(world: World) -> None:
    assert await shown(world, row("N/A", None, None, status=13), row("N/A", None, None, status=12)) == {}


async def test_a_success_is_remembered_when_another_job_takes_its_place(world: World) -> None:
    await shown(world, row("a", -900, -800))
    found = await shown(world, row("b", -300, -200, status=3))
    assert found["last_success_timestamp_seconds", "backup Teams"] == NOW - 800
    found = await shown(world)
    assert found["last_success_timestamp_seconds", "backup Teams"] == NOW - 800
    assert not any(name.startswith("last_job") for name, _ in found)
    found = await shown(world, row("N/A", None, None, status=12))
    assert found["last_success_timestamp_seconds", "backup Teams"] == NOW - 800


async def test_a_failed_read_forgets_nothing(world: World) -> None:
    await shown(world, row("a", -900, -800))
    await shown(world, row("b", -300, 10))
    world.api.routes[JOBS] = httpx.Response(500)
    world.clock.advance(30 * DAY)
    assert not await world.refresh()
    assert samples(world) == {
        ("last_success_timestamp_seconds", "backup Teams"): NOW + 10,
        ("jobs_completed_total", "backup finished Teams"): 1,
        ("customer_backups_completed_total", "success"): 1,
    }
    found = await shown(world, row("c", 20 * DAY, 21 * DAY, status=3))
    assert found["last_success_timestamp_seconds", "backup Teams"] == NOW + 10
    assert found["jobs_completed_total", "backup finished Teams"] == 1
    assert found["jobs_completed_total", "backup failed Teams"] == 1


def listing(world: World, *names: str) -> None:
    world.api.routes[BATCH_PATH] = v3([customer(name) for name in names])


async def test_who_is_missing_for_a_while_comes_back_with_all_that_was_remembered(world: World) -> None:
    await shown(world, row("a", -900, -800))
    await shown(world, row("b", -300, 10))
    before = samples(world)
    listing(world)
    world.clock.advance(4000)
    assert await world.refresh()
    assert samples(world) == {}, "a customer that is not listed has no samples"
    listing(world, "c-1")
    world.clock.advance(29 * DAY)
    assert await shown(world, row("b", -300, 10)) == before


async def test_who_leaves_for_long_is_forgotten_and_who_is_new_begins_at_zero(world: World) -> None:
    await shown(world, row("a", -900, -800))
    await shown(world, row("b", -300, 10))
    world.api.routes[customer_jobs_path("c-2")] = v3([row("x", -300, 10)])
    listing(world, "c-2")
    world.clock.advance(4000)
    assert await world.refresh()
    assert world.labels("avepoint_jobs_completed_total", "customer_id") == {"c-2"}
    world.clock.advance(31 * DAY)
    assert await world.refresh()
    listing(world, "c-1", "c-2")
    world.clock.advance(4000)
    found = await shown(world, row("c", -200, 20, status=3))
    assert ("jobs_completed_total", "backup finished Teams") not in found
    assert world.value("avepoint_last_success_timestamp_seconds", account="msp", customer_id="c-1",
                       product="Microsoft 365", workload="Teams",
                       job_type="backup") is None  # fmt: skip


async def test_who_leaves_while_being_read_leaves_nothing_behind(world: World) -> None:
    (refresher,) = world.accounts.refreshers()
    collector = refresher.collector

    async def leave(_: httpx.Request) -> httpx.Response:
        if "jobs" in str(_.url):
            listing(world, "c-2")
            await collector._customer_list.refresh()
        return await world.api.answer(_)

    world.api.routes[JOBS] = v3([row("a", -900, -800)])
    world.api.handler = leave
    await world.refresh()
    assert collector.dump_state() == {"customers": {}}


async def test_all_is_kept_by_the_storage(tmp_path: Path) -> None:
    world = World(FakeApi({BATCH_PATH: v3([customer("c-1")])}), folder=tmp_path)
    account = partner(collectors=ONLY)
    await world.apply(account)
    await shown(world, row("a", -900, -800), row("m", -500, None, status=1, jobModule=303))
    await shown(world, row("b", -300, 10))
    before = samples(world)
    await world.restart(config(account))
    assert samples(world) == before
    # Job c started and completed while the exporter was stopped. Job m had started earlier.
    found = await shown(world, row("c", 20, 30, status=3), row("m", -500, 40, jobModule=303))
    assert {labels: value for (name, labels), value in found.items() if name == "jobs_completed_total"} == {
        "backup finished Teams": 1, "backup failed Teams": 1, "backup finished Exchange Online": 1,
    }  # fmt: skip
    assert found["last_success_timestamp_seconds", "backup Teams"] == NOW + 10
    await world.accounts.stop()


async def test_a_reload_keeps_the_counters(world: World) -> None:
    await shown(world, row("a", -900, -800))
    await shown(world, row("b", -300, 10))
    changed = {**ONLY, "customer_jobs": {"interval": "2h"}}
    await world.apply(partner(collectors=changed))
    found = await shown(world, row("c", 20, 30))
    assert found["jobs_completed_total", "backup finished Teams"] == 2


def packed(memory: Any) -> str:
    return b64encode(zlib.compress(json.dumps(memory).encode())).decode()


GOOD: Mapping[str, Any] = {"last_success": [["Teams", "backup", round(NOW * 10**7)]], "counter": None}


@pytest.mark.parametrize(
    "bad", [None, [], {}, {"customers": []}, {"customers": {"c-1": 7}}, {"customers": {"c-1": "?"}}]
)
async def test_only_what_was_remembered_is_recalled(world: World, bad: Any) -> None:
    (refresher,) = world.accounts.refreshers()
    good = {"customers": {"c-1": packed(GOOD)}}
    refresher.collector.load_state(good)
    with pytest.raises(ValueError, match=r"not |expected |base64"):
        refresher.collector.load_state(bad)
    assert refresher.collector.dump_state() == good


@pytest.mark.parametrize(
    "memory",
    [
        b64encode(b"not packed").decode(), packed([]), packed({"last_success": []}),
        packed({**GOOD, "last_success": [["Teams", "backup", 0]]}), packed({**GOOD, "last_success": [["Teams", 7]]}),
        packed({**GOOD, "last_success": [7]}), packed({**GOOD, "counter": 7}),
    ],
)  # fmt: skip
async def test_a_memory_that_cannot_be_used_costs_nothing_else(world: World, memory: str) -> None:
    (refresher,) = world.accounts.refreshers()
    refresher.collector.load_state({"customers": {"c-1": memory}})
    with capture_logs() as logs:
        found = await shown(world, row("a", -900, -800))
    assert [log["log_level"] for log in logs if "state of a customer" in log["event"]] == ["warning"]
    assert found["last_success_timestamp_seconds", "backup Teams"] == NOW - 800


async def test_without_the_permission_it_is_off(world: World) -> None:
    world.api.routes[JOBS] = httpx.Response(403)
    assert await world.refresh()
    assert world.value("avepoint_up", account="msp", collector="customer_jobs") is None
    assert samples(world) == {}
