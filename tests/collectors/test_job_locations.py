"""The exporter reads the jobs of all geo locations, and the errors that the jobs report."""

import itertools
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from exporter.avepoint.hints import NOT_MULTI_GEO
from tests.collectors.test_jobs_truth import MODERN, TICK, JobApi, Raw
from tests.helpers import DAY, NOW, FakeApi, World, config, tenant

BEGUN = round((NOW - 7200) * TICK)
EXCHANGE = {"account": "contoso", "product": "Microsoft 365", "workload": "Exchange Online", "job_type": "backup"}


def raw(identifier: str, *, minutes: int, workload: int = 1) -> Raw:
    start = BEGUN + minutes * 60 * TICK
    return Raw(identifier, 1, workload, 2, start, start + 60 * TICK, (minutes, 0, 0))


class GeoApi(JobApi):
    """A tenant with jobs in several geo locations. A request without `location` returns all jobs."""

    def __init__(self, jobs: dict[str, list[Raw]]) -> None:
        super().__init__(list(itertools.chain(*jobs.values())))
        self.by_location = jobs
        self.asked: list[str | None] = []

    def _list(self, request: httpx.Request) -> object:
        location = request.url.params.get("location")
        self.asked.append(location)
        every = list(itertools.chain(*self.by_location.values()))
        self.jobs = every if location is None else self.by_location.get(location, [])
        return super()._list(request)


JOBS = {
    "NAM": [raw("n-1", minutes=1), raw("n-2", minutes=20)],
    "EUR": [raw("e-1", minutes=5), raw("e-2", minutes=7, workload=7)],
}


def starts(world: World) -> dict[tuple[str, str], float]:
    return {
        (dict(labels).get("geo_location", ""), dict(labels)["workload"]): value
        for (name, labels), value in world.samples().items()
        if name == "avepoint_last_job_start_timestamp_seconds"
    }


async def test_each_location_is_read_by_itself_and_labelled() -> None:
    api = GeoApi(JOBS)
    world = World(api)
    await world.apply(tenant(locations=["NAM", "EUR", "NAM"]))
    assert await world.refresh()
    assert set(api.asked) == {"NAM", "EUR"}
    assert starts(world) == {
        ("NAM", "Exchange Online"): NOW - 7200 + 1200,
        ("EUR", "Exchange Online"): NOW - 7200 + 300,
        ("EUR", "Teams"): NOW - 7200 + 420,
    }
    assert world.value("avepoint_jobs", **EXCHANGE, geo_location="NAM", state="finished") == 2
    assert world.value("avepoint_jobs", **EXCHANGE, geo_location="EUR", state="finished") == 1
    assert world.value("avepoint_jobs_window_seconds", account="contoso") == 86_400
    await world.accounts.stop()


async def test_a_location_is_not_sent_unless_configured() -> None:
    api = GeoApi(JOBS)
    world = World(api)
    await world.apply(tenant())
    assert await world.refresh()
    assert set(api.asked) == {None}
    assert world.labels("avepoint_jobs", "geo_location") == {""}
    assert world.value("avepoint_jobs", **EXCHANGE, state="finished") == 3
    await world.accounts.stop()


async def test_the_legacy_version_is_never_asked_for_a_location() -> None:
    api = JobApi(JOBS["NAM"], legacy=True)
    world = World(api)
    await world.apply(tenant(locations=["NAM"]))
    assert not await world.refresh()
    assert api.calls("/cloudbackup/jobs") == 0
    await world.accounts.stop()


async def test_locations_come_and_go_and_what_is_remembered_stays_with_each(tmp_path: Path) -> None:
    api = GeoApi(JOBS)
    world = World(api, folder=tmp_path)
    await world.apply(tenant(locations=["NAM", "EUR"]))
    assert await world.refresh()
    api.by_location = {"NAM": [], "EUR": []}
    await world.restart(config(tenant(locations=["EUR"])))
    assert not starts(world), "samples with other labels are dropped"
    assert await world.refresh()
    family = "avepoint_last_success_timestamp_seconds"
    assert world.value(family, **EXCHANGE, geo_location="EUR") == NOW - 7200 + 360
    assert world.labels(family, "geo_location") == {"EUR"}
    await world.accounts.stop()


LACKING = "/backup/m365/cloudbackupjobs: no jobs in the configured locations (NAM, EUR), but the tenant has other jobs"


async def test_a_tenant_that_is_not_multi_geo_is_not_shown_as_one_without_jobs() -> None:
    api = GeoApi({"": JOBS["NAM"]})
    world = World(api)
    await world.apply(tenant(locations=["NAM", "EUR"]))
    assert not await world.refresh()
    assert api.asked == ["NAM", "EUR", None]
    assert api.requests[-1].url.params["PageSize"] == "1"
    assert api.requests[-1].url.params["JobType"] == "0"
    status = world.accounts.snapshot.views()[0].status
    assert status.failure is not None
    assert (status.failure.message, status.failure.hint) == (LACKING, NOT_MULTI_GEO)
    assert world.value("avepoint_up", account="contoso", collector="jobs") == 0
    assert not starts(world)
    world.clock.advance(25 * 3600)  # the last job is now older than the window, but within the lookback period
    assert not await world.refresh()
    api.by_location = {"JPN": JOBS["NAM"], "EUR": [raw("e-3", minutes=26 * 60)]}
    assert await world.refresh(), "one of the geo locations has a job now"
    await world.accounts.stop()


async def test_a_tenant_without_any_job_has_none_at_its_locations() -> None:
    api = GeoApi({"NAM": []})
    world = World(api)
    await world.apply(tenant(locations=["NAM", "EUR"]))
    assert await world.refresh()
    assert api.asked == ["NAM", "EUR", None]
    assert world.value("avepoint_up", account="contoso", collector="jobs") == 1
    await world.accounts.stop()


async def test_it_is_looked_elsewhere_only_where_no_location_ever_had_a_job(tmp_path: Path) -> None:
    api = GeoApi({"NAM": [raw("n-1", minutes=1)], "EUR": [], "JPN": []})
    world = World(api, folder=tmp_path)
    account = tenant(locations=["NAM", "EUR"])
    await world.apply(account)
    assert await world.refresh(), "one of the two geo locations has a job"
    api.by_location = {"JPN": JOBS["EUR"]}
    for days in (2, 30):  # first the window ends, then the lookback period
        world.clock.advance(days * DAY)
        assert await world.refresh()
    await world.restart(config(account))
    assert await world.refresh()
    assert None not in api.asked
    await world.accounts.stop()


async def test_what_goes_wrong_while_looking_elsewhere_is_told() -> None:
    api = GeoApi({"NAM": []})
    api.fail_after = 1
    world = World(api)
    await world.apply(tenant(locations=["NAM"]))
    assert not await world.refresh()
    failure = world.accounts.snapshot.views()[0].status.failure
    assert failure is not None
    assert failure.message.endswith("HTTP 500")
    await world.accounts.stop()


def job(errors: Any, **more: Any) -> dict[str, Any]:
    times = {"startTime": "2026-11-18T00:00:00Z", "finishTime": "2026-11-18T00:01:00Z"}
    return {"id": "a", "state": "Failed", **times, "jobErrors": errors, **more}


ONE = {"isErrorCode": True, "value": "owner@example.com cannot be read", "url": "https://kb.example.com", "number": 2}
CASES: tuple[tuple[Any, dict[str, float]], ...] = (
    ([], {"true": 0, "false": 0}),
    ([ONE, ONE, {**ONE, "isErrorCode": False, "number": "7"}], {"true": 4, "false": 7}),
    ([{**ONE, "isErrorCode": "False"}], {"true": 0, "false": 2}),
    (None, {}),
    ("none", {}),
    ([7], {}),
    ([{**ONE, "number": "many"}], {"false": 0}),
    ([{"value": "x", "isErrorCode": False}], {"true": 0}),
    ([{**ONE, "isErrorCode": "perhaps"}, ONE], {}),
    ([{"value": "x", "number": 1}], {}),
)


@pytest.mark.parametrize(("errors", "expected"), CASES)
async def test_errors_are_counted_by_whether_they_have_a_code(errors: Any, expected: dict[str, float]) -> None:
    answer = {"statusCode": 200, "data": [job(errors)], "metadata": {"totalCount": 1, "nextLink": ""}}
    world = World(FakeApi({MODERN: answer}))
    world.clock.wall = 1_794_999_000.0
    await world.apply(tenant(collectors={"jobs": {"lookback": "366d"}}))
    assert await world.refresh()
    shown = {
        dict(labels)["has_code"]: value
        for (name, labels), value in world.samples().items()
        if name == "avepoint_last_job_errors"
    }
    assert shown == expected
    await world.accounts.stop()


async def test_the_texts_of_errors_go_to_the_log_once_at_debug_and_nowhere_else() -> None:
    answer = {"statusCode": 200, "data": [job([ONE])], "metadata": {"totalCount": 1, "nextLink": ""}}
    world = World(FakeApi({MODERN: answer}))
    await world.apply(tenant(collectors={"jobs": {"lookback": "366d"}}))
    with capture_logs() as logs:
        assert await world.refresh()
        assert await world.refresh()
    told = [log for log in logs if log["event"] == "job error"]
    assert [(log["log_level"], log["text"]) for log in told] == [("debug", "<e-mail> cannot be read")]
    assert "owner@" not in world.text()
    assert "kb.example" not in world.text()
    await world.accounts.stop()
