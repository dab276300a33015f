"""An oracle computes samples from the raw jobs. Every sample of jobs is equal to the oracle's sample."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest

from exporter.avepoint.reading.vocabulary import JOB_TYPES, STATES, WORKLOADS
from tests.helpers import DAY, NOW, FakeApi, World, config, expected_samples, tenant

MODERN = "/backup/m365/cloudbackupjobs"
LEGACY = "/cloudbackup/jobs"
EPOCH = 621_355_968_000_000_000
TICK = 10_000_000
TYPES = {number: name for name, number in JOB_TYPES.items()}
SPELLINGS = {1: "In Progress", 2: "Finished", 3: "Failed", 4: "FinishedException", 5: "Partially Finished"}
HOUR = 3600


@dataclass(frozen=True)
class Raw:
    """A job in AvePoint's data. Times are ticks since 1970. No filter selects a job whose type or workload is 0."""

    id: str
    type: int
    workload: int
    state: int
    start: int
    finish: int | None
    counts: tuple[int, int, int]


class JobApi(FakeApi):
    """A fake job list for one API version. The list supports filters and pages. Times are ticks or ISO 8601."""

    def __init__(self, jobs: list[Raw], *, legacy: bool = False, most: int = 10_000) -> None:
        super().__init__({LEGACY if legacy else MODERN: self._list})
        self.jobs = jobs
        self.legacy = legacy
        self.most = most
        self.extra: list[Any] = []
        self.fail_after: int | None = None
        self.refused: set[tuple[str, int]] = set()
        self.ends: set[str] = set()
        self.ignores = 0
        self.filters: list[tuple[int, int]] = []

    def _list(self, request: httpx.Request) -> object:
        if self.fail_after is not None:
            self.fail_after -= 1
            if self.fail_after < 0:
                return httpx.Response(500)
        query = request.url.params
        self.ends.add(query["FinishTime"])
        kind, workload = int(query["JobType"]), int(query["ObjectType"])
        if kind or workload:
            self.filters.append((kind, workload))
        if {("JobType", kind), ("ObjectType", workload)} & self.refused:
            return httpx.Response(400)
        if (kind or workload) and self.ignores:
            self.ignores -= 1
            kind = workload = 0
        start, end = (self._ticks(query[name]) for name in ("StartTime", "FinishTime"))
        found = [
            job
            for job in sorted(self.jobs, key=lambda job: -job.start)
            if start <= job.start <= end and kind in (0, job.type) and workload in (0, job.workload)
        ]
        index, size = int(query["PageIndex"]), min(int(query["PageSize"]), self.most)
        rows = [*map(self._row, found[index * size : (index + 1) * size]), *(self.extra if index == 0 else [])]
        if self.legacy:
            return {"TotalCount": len(found), "Jobs": rows, "NextLink": None}
        return {"statusCode": 200, "errors": [], "data": rows, "metadata": {"totalCount": len(found), "nextLink": ""}}

    def _ticks(self, text: str) -> int:
        if self.legacy:
            return int(text) - EPOCH
        return int(datetime.fromisoformat(text).timestamp()) * TICK

    def _row(self, job: Raw) -> dict[str, Any]:
        good, failed, skipped = job.counts
        if self.legacy:
            return {
                "Id": job.id,
                "State": SPELLINGS[job.state],
                "StartTime": job.start + EPOCH,
                "FinishTime": 0 if job.finish is None else job.finish + EPOCH,
                "Duration": 0 if job.finish is None else job.finish - job.start,
                "BackupDetails": {"TotalCount": 9, "SuccessfulCount": good, "FailedCount": failed,
                                  "SkippedCount": skipped},
            }  # fmt: skip
        return {
            "id": job.id,
            "state": SPELLINGS[job.state],
            "startTime": _iso(job.start),
            "finishTime": None if job.finish is None else _iso(job.finish),
            "duration": "0.011",
            "backupDetails": {"totalNumber": 9, "successfulNumber": good, "failedNumber": failed,
                              "skippedNumber": skipped},
        }  # fmt: skip


def _iso(ticks: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=ticks // TICK)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ticks % TICK:07}Z"


Rows = Iterator[tuple[str, float, dict[str, str]]]


def oracle(
    jobs: list[Raw], now: float, successes: dict[tuple[str, str], int], *, types: tuple[str, ...] = tuple(JOB_TYPES),
    window: float = DAY, lookback: float = 7 * DAY,
) -> dict[Any, float]:  # fmt: skip
    """Add new successes to `successes`, and return all expected samples of the account."""
    until = round(now * TICK)
    kinds: dict[tuple[str, str], list[Raw]] = defaultdict(list)
    for job in jobs:
        kind = (WORKLOADS.get(job.workload, ""), TYPES.get(job.type, ""))
        is_wanted = kind[1] in types or (not kind[1] and len(types) == 5)
        if until - lookback * TICK <= job.start <= until and is_wanted:
            kinds[kind].append(job)
            if job.state == 2 and job.finish is not None:
                successes[kind] = max(job.finish, successes.get(kind, 0))
    rows = [("jobs_window_seconds", window, {"account": "contoso"})]
    for kind, some in kinds.items():
        rows += _counted(some, round(until - window * TICK), _labels(kind))
        rows += _last(some, _labels(kind))
    for kind, finish in successes.items():
        rows.append(("last_success_timestamp_seconds", finish / TICK, _labels(kind)))
    return dict(expected_samples(rows))


def gauges(world: World) -> dict[Any, float]:
    """Return all samples except counters, because the oracle does not compute counters."""
    return {key: value for key, value in world.of_avepoint().items() if "_completed_total" not in key[0]}


def ended(world: World) -> Counter[tuple[str, str, str]]:
    """Return the page's counters of completed jobs, keyed by workload, job type and state."""
    shown = Counter[tuple[str, str, str]]()
    for (name, series), value in world.samples().items():
        if name == "avepoint_jobs_completed_total":
            labels = dict(series)
            shown[labels.get("workload", ""), labels.get("job_type", ""), labels["state"]] += int(value)
    return +shown


def _labels(kind: tuple[str, str]) -> dict[str, str]:
    return {"account": "contoso", "product": "Microsoft 365", "workload": kind[0], "job_type": kind[1]}


def _counted(jobs: list[Raw], window_start: int, labels: dict[str, str]) -> Rows:
    inside = [job for job in jobs if job.start >= window_start]
    for code, state in enumerate(STATES, 1):
        if inside:
            yield "jobs", sum(job.state == code for job in inside), {**labels, "state": state}


def _last(jobs: list[Raw], labels: dict[str, str]) -> Rows:
    newest = max(jobs, key=lambda job: (job.start, job.id))
    yield "last_job_start_timestamp_seconds", newest.start / TICK, labels
    yield "last_job_state", 1, {**labels, "state": STATES[newest.state - 1]}
    ended = max((job for job in jobs if job.state != 1), key=lambda job: (job.start, job.id), default=None)
    if ended is not None and ended.finish is not None:
        yield "last_job_finish_timestamp_seconds", ended.finish / TICK, labels
        yield "last_job_duration_seconds", (ended.finish - ended.start) / TICK, labels
        for result, count in zip(("successful", "failed", "skipped"), ended.counts, strict=True):
            yield "last_job_objects", count, {**labels, "result": result}
    if running := [job.start for job in jobs if job.state == 1]:
        yield "oldest_running_job_start_timestamp_seconds", min(running) / TICK, labels


def _job(random: Random, number: int, now: float, *, back: float = 6.9 * DAY) -> Raw:
    start = round((now - random.random() * back) * TICK)
    state = random.choice([1, 2, 2, 2, 3, 4, 5])
    longest = min(3 * HOUR * TICK, max(TICK, round(now * TICK) - start)) + 1
    finish = None if state == 1 else start + random.randrange(1, longest)
    counts = (random.randrange(999), random.randrange(999), random.randrange(999))
    kind, workload = random.choice([1, 1, 1, 2, 3, 4, 5]), random.randrange(1, 13)
    return Raw(f"FB{number:05}", kind, workload, state, start, finish, counts)


def _evolved(random: Random, job: Raw, now: float) -> Raw:
    if job.state != 1 or random.random() < 0.5:
        return job
    return replace(job, state=random.choice([2, 2, 3, 4, 5]), finish=round(now * TICK))


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
@pytest.mark.parametrize(("count", "size"), [(1, 50), (7, 1), (50, 50), (130, 20), (500, 50)])
async def test_every_sample_is_that_of_the_jobs_through_many_refreshes(legacy: bool, count: int, size: int) -> None:
    random = Random(count * 1000 + size)
    jobs = [_job(random, number, NOW) for number in range(count)]
    api = JobApi(jobs, legacy=legacy)
    world, successes = World(api), dict[tuple[str, str], int]()
    await world.apply(tenant(collectors={"jobs": {"page_size": size}}))
    before, seen = Counter[tuple[str, str, str]](), dict[str, Raw]()
    for turn in range(8):
        assert await world.refresh()
        assert gauges(world) == oracle(api.jobs, world.clock.wall, successes)
        over = {job.id: job for job in api.jobs if job.state != 1 and job.start >= (world.clock.wall - 7 * DAY) * TICK}
        if turn:
            new = [job for key, job in over.items() if key not in seen]
            before.update((WORKLOADS[job.workload], TYPES[job.type], STATES[job.state - 1]) for job in new)
        seen |= over
        assert ended(world) == before
        world.clock.advance(random.choice([300, 300, HOUR, DAY, 3 * DAY]))
        api.jobs = [_evolved(random, job, world.clock.wall) for job in api.jobs]
        begun = range(random.randrange(4))
        api.jobs += [_job(random, len(api.jobs) + number, world.clock.wall, back=290) for number in begun]
    await world.accounts.stop()


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
@pytest.mark.parametrize(("count", "size"), [(0, 50), (1, 50), (49, 50), (50, 50), (51, 50), (500, 50), (30, 7)])
async def test_calls_of_a_refresh_are_its_pages_and_at_most_19_more_for_new_jobs(
    legacy: bool, count: int, size: int
) -> None:
    random = Random(count)
    api = JobApi([_job(random, number, NOW, back=0.9 * DAY) for number in range(count)], legacy=legacy)
    world = World(api)
    await world.apply(tenant(collectors={"jobs": {"page_size": size}}))
    pages = max(1, math.ceil(count / size))
    await world.refresh()
    assert len(api.requests) - len(api.filters) <= pages + 1 + legacy  # the first request determines the API version
    assert len(api.filters) <= 19
    assert len(api.ends) == 1, "all requests have the same end time"
    for _ in range(3):
        api.requests.clear()
        world.clock.advance(300)
        await world.refresh()
        assert pages <= api.calls("jobs") <= pages + (count % size == 0)
    api.requests.clear()
    api.filters.clear()
    api.jobs.append(_job(random, 9999, world.clock.wall, back=60))
    await world.refresh()
    assert api.calls("jobs") - len(api.filters) <= math.ceil((count + 1) / size) + 1
    assert len(api.filters) <= 19
    await world.accounts.stop()


async def test_what_no_filter_gives_is_asked_for_a_while_and_shown_without_names() -> None:
    now = round(NOW * TICK)
    odd = [Raw("new-type", 9, 3, 2, now - 60 * TICK, now - 30 * TICK, (1, 0, 0)),
           Raw("new-both", 9, 77, 2, now - 90 * TICK, now - 20 * TICK, (2, 0, 0))]  # fmt: skip
    api = JobApi(odd)
    world, successes = World(api), dict[tuple[str, str], int]()
    await world.apply(tenant())
    await world.refresh()
    assert gauges(world) == oracle(odd, NOW, successes)
    assert world.value("avepoint_unknown_values_total", account="contoso", field="jobKind") == 1
    assert set(api.filters) == {*((kind, 0) for kind in TYPES), *((0, workload) for workload in WORKLOADS)}
    world.clock.advance(1000)
    for asks in (True, True, False, False):
        api.filters.clear()
        await world.refresh()
        assert bool(api.filters) is asks, "classification stops after three refreshes"
    world.clock.advance(8 * DAY)
    api.jobs = []
    await world.refresh()
    assert gauges(world) == oracle([], world.clock.wall, successes)
    await world.accounts.stop()


async def test_a_job_placed_late_leaves_no_success_under_no_name() -> None:
    now = round(NOW * TICK)
    late = Raw("late", 1, 77, 2, now - 60 * TICK, now - 30 * TICK, (1, 0, 0))
    api = JobApi([late])
    world = World(api)
    await world.apply(tenant())
    await world.refresh()
    assert world.labels("avepoint_last_success_timestamp_seconds", "workload") == {""}
    api.jobs = [replace(late, workload=1)]
    world.clock.advance(300)
    await world.refresh()
    assert gauges(world) == oracle(api.jobs, world.clock.wall, {})
    await world.accounts.stop()


async def test_narrowed_job_types_show_and_ask_for_those_alone() -> None:
    random = Random(5)
    api = JobApi([_job(random, number, NOW) for number in range(80)])
    world, successes = World(api), dict[tuple[str, str], int]()
    types = ("backup", "restore")
    await world.apply(tenant(collectors={"jobs": {"job_types": [*types, "backup"]}}))
    await world.refresh()
    assert gauges(world) == oracle(api.jobs, NOW, successes, types=types)
    assert len(set(api.filters)) <= 14
    api.requests.clear()
    world.clock.advance(60)
    await world.refresh()
    assert api.calls() <= 2
    # If no job has a configured type, the exporter does not filter by workload.
    api.jobs = [replace(job, type=5, id=f"x{job.id}") for job in api.jobs]
    api.filters.clear()
    await world.refresh()
    assert set(api.filters) == {(1, 0), (2, 0)}
    await world.accounts.stop()


@pytest.mark.parametrize("stored", [False, True])
async def test_wider_and_narrower_job_types_after_a_reload_or_restart(stored: bool, tmp_path: Any) -> None:
    random = Random(6)
    api = JobApi([_job(random, number, NOW) for number in range(60)])
    world = World(api, folder=tmp_path if stored else None)
    await world.apply(tenant(collectors={"jobs": {"job_types": ["backup"]}}))
    await world.refresh()
    for types in (("backup", "restore"), tuple(JOB_TYPES), ("delete",)):
        wanted = tenant(collectors={"jobs": {"job_types": list(types)}})
        if stored:
            await world.restart(config(wanted))
        else:
            await world.apply(wanted)
        await world.refresh()
        assert gauges(world) == oracle(api.jobs, NOW, {}, types=types)
    await world.accounts.stop()


async def test_a_refresh_that_fails_half_way_changes_nothing_and_the_next_is_whole() -> None:
    random = Random(7)
    for fail_after in (1, 2, 6, 12):
        api = JobApi([_job(random, number, NOW) for number in range(60)])
        world, successes = World(api), dict[tuple[str, str], int]()
        await world.apply(tenant())
        api.fail_after = fail_after
        if await world.refresh():
            continue
        assert world.of_avepoint() == {}
        assert world.value("avepoint_up", account="contoso", collector="jobs") == 0
        api.fail_after = None
        assert await world.refresh()
        assert gauges(world) == oracle(api.jobs, NOW, successes)
        before = world.of_avepoint()
        api.jobs.append(_job(random, 99, NOW + 300, back=290))
        world.clock.advance(300)
        api.fail_after = 2
        assert not await world.refresh()
        assert world.of_avepoint() == before
        api.fail_after = None
        assert await world.refresh()
        assert gauges(world) == oracle(api.jobs, world.clock.wall, successes)
        await world.accounts.stop()


@pytest.mark.parametrize("step", [DAY, -DAY, 0.5, -0.5, 30 * DAY, -30 * DAY])
async def test_a_clock_that_steps_and_returns_loses_no_job_and_no_success(step: float) -> None:
    random = Random(8)
    api = JobApi([_job(random, number, NOW) for number in range(60)])
    world, successes = World(api), dict[tuple[str, str], int]()
    await world.apply(tenant(collectors={"jobs": {"window": "1h"}}))
    await world.refresh()
    oracle(api.jobs, NOW, successes)
    world.clock.step(step)
    for number in range(12):  # jobs continue to start while the clock is wrong for an hour
        world.clock.advance(300)
        api.jobs.append(_job(random, 100 + number, world.clock.wall - step, back=280))
        assert await world.refresh()
    world.clock.step(-step)
    assert await world.refresh()
    assert gauges(world) == oracle(api.jobs, world.clock.wall, successes, window=HOUR)
    await world.accounts.stop()


async def test_rows_with_garbage_cost_themselves_alone() -> None:
    random = Random(9)
    good = [_job(random, number, NOW) for number in range(20)]
    api = JobApi(good)
    long_ago = round((NOW - 300 * DAY) * TICK)
    api.extra = [
        None, 7, "row", {}, {"id": "no-state", "startTime": _iso(good[0].start)},
        {"id": "no-start", "state": "Finished"},
        {"id": "bad-start", "state": "Finished", "startTime": "yesterday"}, {"state": "Failed", "startTime": _iso(1)},
        {"id": None, "state": "Failed", "startTime": _iso(good[0].start)},
        {"id": "old", "state": "Finished", "startTime": _iso(long_ago), "finishTime": _iso(long_ago + 1)},
        {"id": "future", "state": "Finished", "startTime": "2199-12-31T23:59:59Z"},
        {"id": "never", "state": "Finished", "startTime": "0001-01-01T00:00:00Z"},
        {"id": "list", "state": ["Finished"], "startTime": _iso(good[0].start)},
    ]  # fmt: skip
    world = World(api)
    await world.apply(tenant())
    assert await world.refresh()
    assert gauges(world) == oracle(good, NOW, {})
    assert (world.value("avepoint_parse_errors_total", account="contoso", path=MODERN, field="startTime") or 0) >= 2
    await world.accounts.stop()


async def test_unknown_states_pass_through_and_strange_values_have_no_sample() -> None:
    now = round(NOW * TICK)
    start, finish = now - HOUR * TICK, now - 1800 * TICK
    api = JobApi([Raw("a", 1, 1, 2, start, finish, (1, 2, 3))])
    details = {"successfulCount": "2,430", "failedCount": "N/A", "skippedCount": -1, "warningCount": 4}

    def row(job: Raw) -> dict[str, Any]:
        return {"id": "a", "state": "Paused for Lunch", "startTime": _iso(start), "finishTime": _iso(finish),
                "backupDetails": details}  # fmt: skip

    api._row = row  # type: ignore[method-assign] # the same service with another row
    world = World(api)
    await world.apply(tenant())
    assert await world.refresh()
    labels = _labels(("Exchange Online", "backup"))
    assert world.value("avepoint_jobs", **labels, state="paused_for_lunch") == 1
    assert world.value("avepoint_jobs", **labels, state="finished") == 0
    assert world.value("avepoint_last_job_state", **labels, state="paused_for_lunch") == 1
    assert world.value("avepoint_last_job_duration_seconds", **labels) == 1800
    assert world.value("avepoint_last_job_objects", **labels, result="successful") == 2430
    assert world.value("avepoint_last_job_objects", **labels, result="warning") == 4
    assert world.labels("avepoint_last_job_objects", "result") == {"successful", "warning"}
    assert world.labels("avepoint_last_success_timestamp_seconds", "workload") == set()
    assert world.value("avepoint_unknown_values_total", account="contoso", field="state") == 1
    await world.accounts.stop()


async def test_a_finish_before_the_start_or_missing_gives_no_wrong_duration() -> None:
    now = round(NOW * TICK)
    start = now - HOUR * TICK
    api = JobApi([Raw("a", 1, 1, 3, start, start - TICK, (0, 0, 0)), Raw("b", 1, 2, 3, start, None, (0, 0, 0))])
    world = World(api)
    await world.apply(tenant())
    assert await world.refresh()
    labels = _labels(("Exchange Online", "backup"))
    assert world.value("avepoint_last_job_duration_seconds", **labels) is None
    assert world.labels("avepoint_last_job_finish_timestamp_seconds", "workload") == set()
    assert world.value("avepoint_parse_errors_total", account="contoso", path=MODERN, field="finishTime") == 1
    await world.accounts.stop()


async def test_a_filter_value_that_is_refused_costs_only_its_own_jobs_their_name() -> None:
    random = Random(11)
    jobs = [replace(_job(random, number, NOW), workload=1 + number % 12) for number in range(48)]
    api = JobApi(jobs)
    api.refused = {("ObjectType", 12)}
    world = World(api)
    await world.apply(tenant())
    assert await world.refresh()
    nameless = [replace(job, workload=0) if job.workload == 12 else job for job in jobs]
    known = {key: value for key, value in oracle(nameless, NOW, {}).items() if key[0] != "avepoint_last_success_x"}
    assert gauges(world) == known
    api.refused = {("JobType", number) for number in range(1, 6)}
    api.jobs.append(_job(random, 500, NOW, back=60))
    assert not await world.refresh(), "no job can be classified if every filter value is rejected"
    await world.accounts.stop()


async def test_a_page_size_that_is_capped_loses_no_job() -> None:
    random = Random(12)
    api = JobApi([_job(random, number, NOW) for number in range(90)], most=10)
    world = World(api)
    await world.apply(tenant(collectors={"jobs": {"page_size": 40}}))
    assert await world.refresh()
    assert gauges(world) == oracle(api.jobs, NOW, {})
    await world.accounts.stop()


@pytest.mark.parametrize("types", [tuple(JOB_TYPES), ("backup",)])
async def test_an_answer_that_names_jobs_that_there_are_not_is_asked_for_again(types: tuple[str, ...]) -> None:
    old = round((NOW - HOUR) * TICK)
    jobs = [Raw(f"FB{n}", 1, n, 2, old + n, old + n + TICK, (1, 0, 0)) for n in range(1, 4)]
    api = JobApi(jobs)
    row, garbled = api._row, {"FB2"}

    def strange(job: Raw) -> dict[str, Any]:
        is_garbled = api.filters and job.id in garbled
        return {**row(job), "id": f"?{job.id}"} if is_garbled else row(job)

    api._row = strange  # type: ignore[method-assign] # the same service with another row
    world = World(api)
    await world.apply(tenant(collectors={"jobs": {"job_types": list(types)}}))
    narrowed = len(types) < 5
    assert await world.refresh() is not narrowed, "if narrowed, FB2 may belong to any workload"
    nameless = [job if job.id != "FB2" else replace(job, type=0, workload=0) for job in jobs]
    shown = [replace(jobs[2], workload=0)] if narrowed else nameless
    assert gauges(world) == oracle(shown, NOW, {}, types=types)
    garbled.clear()
    api.filters.clear()
    assert await world.refresh()
    assert gauges(world) == oracle(jobs, NOW, {}, types=types)
    api.filters.clear()
    assert await world.refresh()
    assert api.filters == []
    await world.accounts.stop()


async def test_a_list_that_lacks_a_job_once_leaves_it_nameless_no_longer_than_a_refresh() -> None:
    old = round((NOW - HOUR) * TICK)
    api = JobApi([Raw(f"FB{n}", 4, n, 2, old + n, old + n + TICK, (1, 0, 0)) for n in range(1, 4)])
    whole = api._list
    api.routes[MODERN] = lambda request: (
        {"statusCode": 200, "data": [], "metadata": {"totalCount": 0}}
        if request.url.params["JobType"] == "4"
        else whole(request)
    )
    world = World(api)
    await world.apply(tenant())
    assert await world.refresh()
    assert world.labels("avepoint_jobs", "job_type") == {""}
    api.routes[MODERN] = whole
    world.clock.advance(HOUR)
    assert await world.refresh()
    assert gauges(world) == oracle(api.jobs, world.clock.wall, {})
    await world.accounts.stop()
