"""Test the collectors of Google Workspace and Salesforce jobs."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from avepoint_simulator.application import Simulator
from avepoint_simulator.data.portfolio import GeneratedPortfolio
from avepoint_simulator.tokens import AppCredentials
from exporter.avepoint.reading import product_vocabulary as words
from exporter.exposition.page import MetricsPage, PageRequest
from exporter.health.families import FAMILIES
from tests.helpers import (
    DAY,
    GOOGLE_JOBS_PATH,
    NOW,
    SALESFORCE_JOBS_PATH,
    FakeApi,
    FakeClock,
    World,
    config,
    parsed,
    tenant,
)

HOUR = 3600.0
BOTH: dict[str, Any] = {"google_jobs": {}, "salesforce_jobs": {}}
GMAIL = {"account": "contoso", "product": "Google Workspace", "workload": "Gmail", "job_type": "backup"}
SALESFORCE = {"account": "contoso", "product": "Salesforce", "workload": "Salesforce", "job_type": "backup"}
SUCCESS = "avepoint_last_success_timestamp_seconds"


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def google(key: str, start: float, finish: float | None = None, status: object = 2, **more: Any) -> dict[str, Any]:
    times = {"startTime": iso(NOW + start), "finishTime": None if finish is None else iso(NOW + finish)}
    return {"jobId": key, "appType": 1, "jobType": 1, "status": status, **times, **more}


def salesforce(key: str, start: float, finish: float | None = None, state: object = 2, **more: Any) -> dict[str, Any]:
    times = {"startTime": iso(NOW + start), "finishTime": None if finish is None else iso(NOW + finish)}
    return {"jobId": key, "type": 1, "state": state, "organizationId": "00D1", **times, **more}


def google_page(*rows: Any, link: object = "", status: object = 200) -> dict[str, Any]:
    return {"status": status, "message": "", "jobs": list(rows), "nextLink": link}


def salesforce_page(*rows: Any, total: int | None = None) -> dict[str, Any]:
    size = len(rows) if total is None else total
    return {"statusCode": 200, "data": {"totalCount": size, "jobs": list(rows), "nextLink": ""}}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World(FakeApi({GOOGLE_JOBS_PATH: google_page(), SALESFORCE_JOBS_PATH: salesforce_page()}))
    await world.apply(tenant(collectors=BOTH))
    yield world
    await world.accounts.stop()


async def problems(world: World) -> set[tuple[str, str, str]]:
    """Return the name, product and workload of each problem."""
    await world.accounts.settle(seconds=1)
    text = MetricsPage(FAMILIES, world.own).plain(world.accounts.verdict_views(), PageRequest(), monotonic=NOW)
    shown = [dict(labels) for name, labels in parsed(b"".join(text).decode()) if name == "avepoint_problem"]
    return {(one["problem"], one["product"], one["workload"]) for one in shown}


@pytest.mark.parametrize("status", [403, 404])
async def test_without_the_permission_the_collectors_are_off_with_one_line_each(status: int) -> None:
    world = World(FakeApi(dict.fromkeys((GOOGLE_JOBS_PATH, SALESFORCE_JOBS_PATH), httpx.Response(status))))
    await world.apply(tenant(collectors=BOTH))
    with capture_logs() as logs:
        assert await world.refresh()
        assert await world.refresh()
    lines = [line for line in logs if line["event"].startswith("collector is off")]
    assert sorted(line["collector"] for line in lines) == ["google_jobs", "salesforce_jobs"]
    assert world.of_avepoint() == {}
    await world.accounts.stop()


async def test_a_configured_legacy_api_turns_the_collectors_off() -> None:
    world = World()
    await world.apply(tenant(collectors=BOTH, api="legacy"))
    assert await world.refresh()
    assert not world.api.requests
    await world.accounts.stop()


async def test_queries_have_the_documented_parameters(world: World) -> None:
    assert await world.refresh("google")
    assert await world.refresh("salesforce")
    one, second, other = (dict(request.url.params) for request in world.api.requests)
    assert one == {"startTime": iso(NOW - 7 * DAY).replace("+00:00", "Z"), "finishTime": iso(NOW)[:19] + "Z",
                   "pageIndex": "0", "pageSize": "50"}  # fmt: skip
    assert second == {**one, "pageIndex": "1"}  # page 0 is empty, so the index of the first page may be 1
    assert other == {"startTime": iso(NOW - 7 * DAY)[:10], "finishTime": iso(NOW + DAY)[:10],
                     "pageIndex": "0", "pageSize": "50"}  # fmt: skip


async def test_a_job_that_is_listed_twice_does_not_hide_a_missing_job(world: World) -> None:
    job = salesforce("a", -HOUR, -60)
    world.api.routes[SALESFORCE_JOBS_PATH] = salesforce_page(job, job, total=2)
    assert not await world.refresh("salesforce")
    world.api.routes[SALESFORCE_JOBS_PATH] = salesforce_page(job, {**job, "type": 3}, total=2)
    assert await world.refresh("salesforce")


async def test_window_and_lookback_are_those_of_the_jobs_collector(world: World) -> None:
    jobs = {"enabled": False, "window": "2h", "lookback": "2d"}
    await world.apply(tenant(collectors={"jobs": jobs, "google_jobs": {}}))
    world.api.routes[GOOGLE_JOBS_PATH] = google_page(google("a", -HOUR, -60), google("b", -3 * HOUR, -2 * HOUR))
    assert await world.refresh()
    assert world.api.requests[0].url.params["startTime"] == iso(NOW - 2 * DAY).replace("+00:00", "Z")
    assert world.value("avepoint_jobs", **GMAIL, state="finished") == 1
    assert await world.refresh()
    assert world.api.requests[1].url.params["startTime"] == iso(NOW - 2 * HOUR).replace("+00:00", "Z")


DROPPED = [
    [google("b", -3 * DAY, 60 - 3 * DAY), google("b", -3 * DAY, 60 - 3 * DAY, status=3)],
    [google("b", -3 * DAY, 60 - 3 * DAY, status=["many"])],
]


@pytest.mark.parametrize("rows", DROPPED, ids=["contradictory", "unreadable"])
async def test_rows_that_were_dropped_are_requested_again_however_old_they_are(rows: Any, world: World) -> None:
    await world.apply(tenant(collectors={"google_jobs": {}}))
    world.api.routes[GOOGLE_JOBS_PATH] = google_page(google("a", -4 * DAY, 60 - 4 * DAY), *rows)
    await world.refresh()
    world.clock.advance(900)
    await world.refresh()  # the exporter ignores an unreadable row from now on
    world.api.routes[GOOGLE_JOBS_PATH] = google_page(google("a", -4 * DAY, 60 - 4 * DAY), rows[0] | {"status": 2})
    for start in (900 - 7 * DAY, 900 - DAY):
        assert await world.refresh()
        assert world.api.requests[-1].url.params["startTime"] == iso(NOW + start).replace("+00:00", "Z")
        assert world.value(SUCCESS, **GMAIL) == NOW + 60 - 3 * DAY


@pytest.mark.parametrize("total", [0, 1, 9, 10, 49, 50, 51, 100, 120])
async def test_every_page_of_an_opaque_link_is_read(total: int, world: World) -> None:
    rows = [google(f"g{number}", -HOUR - number, -60) for number in range(total)]

    def answer(request: httpx.Request) -> object:
        first = int(request.url.params["pageIndex"]) * 50
        return google_page(*rows[first : first + 50], link="5Q4WjfOaJ0YwYlq3J7%2Bxg" if first + 50 < total else "")

    world.api.routes[GOOGLE_JOBS_PATH] = answer
    assert await world.refresh("google")
    assert world.value("avepoint_jobs", **GMAIL, state="finished") == (total or None)
    # The responses contain no total. Therefore, only a partial page ends the list.
    expected = {0: 2, 1: 1, 9: 1, 10: 2, 49: 2, 50: 2, 51: 2, 100: 3, 120: 4}
    assert world.api.calls() == expected[total]


@pytest.mark.parametrize(
    "answer",
    [
        google_page(status=500), google_page(status="Failed"), {"status": 200, "message": "", "data": []}, [], None, 7,
        {"status": 200, "jobs": None}, {"status": 200, "jobs": [], "error": "The data cannot be read."},
    ],
)  # fmt: skip
async def test_an_error_in_a_google_page_is_not_an_empty_list(answer: object, world: World) -> None:
    world.api.routes[GOOGLE_JOBS_PATH] = google_page(google("a", -HOUR, -60))
    assert await world.refresh("google")
    before = world.of_avepoint()
    world.api.routes[GOOGLE_JOBS_PATH] = lambda _: httpx.Response(200, json=answer)
    assert not await world.refresh("google")
    assert world.of_avepoint() == before
    assert world.value("avepoint_up", account="contoso", collector="google_jobs") == 0


@pytest.mark.parametrize(
    "answer",
    [
        salesforce_page(salesforce("a", -HOUR, -60), total=3), {"statusCode": 500, "data": {"jobs": []}},
        {"statusCode": 200, "data": []}, {"statusCode": 200}, {"statusCode": 200, "data": {"totalCount": 1}},
    ],
)  # fmt: skip
async def test_a_salesforce_list_that_is_not_whole_is_not_shown(answer: object, world: World) -> None:
    world.api.routes[SALESFORCE_JOBS_PATH] = salesforce_page(salesforce("b", -2 * HOUR, -HOUR))
    assert await world.refresh("salesforce")
    before = world.of_avepoint()
    world.api.routes[SALESFORCE_JOBS_PATH] = lambda _: httpx.Response(200, json=answer)
    assert not await world.refresh("salesforce")
    assert world.of_avepoint() == before


async def test_rows_that_contradict_each_other_are_dropped_and_the_refresh_fails(world: World) -> None:
    rows = [google("a", -HOUR, -60), google("a", -HOUR, -60, status=3), google("b", -2 * HOUR, -HOUR)]
    world.api.routes[GOOGLE_JOBS_PATH] = google_page(*rows)
    assert not await world.refresh("google")
    assert world.value("avepoint_jobs", **GMAIL, state="failed") == 0
    assert world.value("avepoint_jobs", **GMAIL, state="finished") == 1


async def test_equal_ids_of_different_workloads_are_different_jobs(world: World) -> None:
    rows = [google("a", -HOUR, -60), google("a", -HOUR, -60, appType=2), google("a", -HOUR, -60, jobType=2)]
    world.api.routes[GOOGLE_JOBS_PATH] = google_page(*rows)
    assert await world.refresh("google")
    assert world.labels(SUCCESS, "workload") == {"Gmail", "Drive"}
    assert world.labels(SUCCESS, "job_type") == {"backup", "restore"}


async def test_unknown_numbers_pass_through_and_are_counted(world: World) -> None:
    world.api.routes[GOOGLE_JOBS_PATH] = google_page(google("a", -HOUR, -60, status=9, appType=3, jobType=7))
    world.api.routes[SALESFORCE_JOBS_PATH] = salesforce_page(salesforce("b", -HOUR, -60, state=9, type=23))
    assert await world.refresh()
    for field in ("appType", "jobType", "status", "type", "state"):
        assert world.value("avepoint_unknown_values_total", account="contoso", field=field) == 1, field
    states = {labels for name, labels in world.of_avepoint() if name == "avepoint_last_job_state"}
    assert {tuple(sorted(dict(labels).items()))[1:] for labels in states} == {
        (("job_type", "7"), ("product", "Google Workspace"), ("state", "9"), ("workload", "3")),
        (("job_type", "23"), ("product", "Salesforce"), ("state", "9"), ("workload", "Salesforce")),
    }


async def test_each_completed_job_is_counted_once_over_restarts(tmp_path: Path) -> None:
    world = World(FakeApi({GOOGLE_JOBS_PATH: google_page(google("a", -HOUR, -60))}), folder=tmp_path)
    plain = tenant(collectors={"google_jobs": {}})
    await world.apply(plain)
    assert await world.refresh()
    assert world.value("avepoint_jobs_completed_total", **GMAIL, state="finished") == 0
    world.clock.advance(HOUR)
    running = google("b", 60, None, status=0)
    world.api.routes[GOOGLE_JOBS_PATH] = google_page(google("a", -HOUR, -60), running)
    assert await world.refresh()
    await world.restart(config(plain))
    world.clock.advance(60)
    finished = google("b", 60, 3000)
    world.api.routes[GOOGLE_JOBS_PATH] = google_page(google("a", -HOUR, -60), finished, google("c", 90, 99, status=3))
    for _ in range(3):
        assert await world.refresh()
        assert world.value("avepoint_jobs_completed_total", **GMAIL, state="finished") == 1
        assert world.value("avepoint_jobs_completed_total", **GMAIL, state="failed") == 1
    await world.accounts.stop()


async def test_the_last_success_is_kept_after_its_row_has_left_the_list(tmp_path: Path) -> None:
    world = World(FakeApi({GOOGLE_JOBS_PATH: google_page(google("a", -HOUR, -60))}), folder=tmp_path)
    plain = tenant(collectors={"google_jobs": {}})
    await world.apply(plain)
    assert await world.refresh()
    world.clock.advance(8 * DAY)
    world.api.routes[GOOGLE_JOBS_PATH] = google_page(google("b", 8 * DAY - HOUR, 8 * DAY - 60, status=3))
    await world.restart(config(plain))
    assert await world.refresh()
    assert world.value(SUCCESS, **GMAIL) == NOW - 60
    assert world.value("avepoint_last_job_state", **GMAIL, state="failed") == 1
    await world.accounts.stop()


async def test_one_organization_does_not_hide_the_failures_of_another(world: World) -> None:
    rows = [
        salesforce("a", -HOUR, -60), salesforce("b", -30 * HOUR, -29 * HOUR, organizationId="00D2"),
        salesforce("c", -2 * HOUR, -100, state=4, organizationId="00D2"),
    ]  # fmt: skip
    world.api.routes[SALESFORCE_JOBS_PATH] = salesforce_page(*rows)
    assert await world.refresh()
    assert world.value(SUCCESS, **SALESFORCE) == NOW - 29 * HOUR
    assert await problems(world) == {
        ("backup_overdue", "Salesforce", "Salesforce"),
        ("job_failed", "Salesforce", "Salesforce"),
    }
    assert "00D2" not in world.text()


async def test_problems_have_the_product(world: World) -> None:
    world.api.routes[GOOGLE_JOBS_PATH] = google_page(
        google("a", -HOUR, -60, status=3), google("b", -30 * HOUR, -29 * HOUR), google("c", -HOUR, -60, appType=2)
    )
    world.api.routes[SALESFORCE_JOBS_PATH] = salesforce_page(salesforce("a", -HOUR, -60, state=3, type=2))
    assert await world.refresh()
    assert await problems(world) == {
        ("backup_overdue", "Google Workspace", "Gmail"),
        ("job_failed", "Google Workspace", "Gmail"),
        ("job_incomplete", "Salesforce", "Salesforce"),
    }
    world.clock.advance(DAY + 60)
    world.api.routes[GOOGLE_JOBS_PATH] = google_page(google("d", DAY - HOUR, DAY - 60))
    assert await world.refresh()
    assert await problems(world) == {("job_incomplete", "Salesforce", "Salesforce")}


CALLS = {
    "/backup/m365/cloudbackupjobs": 28, "/backup/m365/cloudbackuplicenseconsumption": 1,
    "/backup/m365/cloudbackupunusualactivitydata": 1, "/backup/m365/settings/backup/frequency": 1,
    "/backup/m365/settings/retention-policy": 1, GOOGLE_JOBS_PATH: 4, SALESFORCE_JOBS_PATH: 1,
}  # fmt: skip
LATER_CALLS = {**CALLS, "/backup/m365/cloudbackupjobs": 3, GOOGLE_JOBS_PATH: 2}


async def test_the_requests_of_a_refresh_of_all_tenant_collectors() -> None:
    clock = FakeClock()
    simulator = Simulator(GeneratedPortfolio(seed=1, customers=0, start=NOW), now=clock.time)
    world = World(clock=clock, transport=lambda: httpx.ASGITransport(app=simulator.asgi))
    app = AppCredentials()
    url = "http://127.0.0.1:1"
    auth = {"client_id": app.client_id, "client_secret": app.client_secret}
    keys = {"base_url": url, "token_url": f"{url}/connect/token", "auth": auth}
    await world.apply({"name": "contoso", "type": "tenant", **keys})
    for expected in (CALLS, LATER_CALLS):
        simulator.reset_log()
        assert await world.refresh()
        paths = Counter(request.path for request in simulator.requests if request.path != "/connect/token")
        assert paths == expected
    await world.accounts.stop()


@pytest.mark.parametrize(
    ("resolve", "text", "expected"),
    [
        (words.google_app, "Shared drives", ("Shared Drives", True)),
        (words.google_app, "Gmail (Vault)", ("Gmail (Vault)", True)),
        (words.google_app, "classroom", ("Google Classroom", True)),
        (words.google_job_type, "Generate Report", ("generate_report", True)),
        (words.google_job_type, "Scan", ("scan", False)),
        (words.google_state, "Finished with exception", ("finished_with_exception", True)),
        (words.google_state, "1", ("1", False)),
        (words.google_state, "9" * 5000, ("9" * 5000, False)),
        (words.google_state, "N/A", (None, True)),
        (words.salesforce_kind, "On-demand backup", (("Salesforce", "on_demand_backup"), True)),
        (words.salesforce_kind, "Audit log auto export", (("Audit Log", "auto_export"), True)),
        (words.salesforce_kind, "0", (("Salesforce", "0"), False)),
        (words.salesforce_state, "3", ("finished_with_exception", True)),
        (words.salesforce_state, "Paused", ("paused", True)),
    ],
)
def test_numbers_and_words(resolve: Any, text: str, expected: object) -> None:
    assert resolve(text) == expected
