"""What outlives a restart, however the last process ended."""

import asyncio
import json
import multiprocessing
import os
import signal
import stat
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from exporter.collectors.base import Sample
from exporter.collectors.jobs.counter import JobCounter
from exporter.collectors.jobs.options import JobsOptions
from exporter.collectors.jobs.reader import JobReader
from exporter.collectors.registry import families
from exporter.collectors.tenant.jobs import JobsCollector
from exporter.collectors.tenant.license import PURCHASED_SEATS
from exporter.engine.snapshot import CollectorEntry, ReadResult
from exporter.engine.state import StateStore, StoredState, registration_id
from exporter.errors import ConfigError
from exporter.logs import logger
from tests.collectors.test_jobs_truth import JobApi, Raw
from tests.helpers import (
    DAY,
    NOW,
    SECRET,
    TOKEN,
    FakeApi,
    FakeClock,
    World,
    config,
    overview_path,
    partner,
    portfolio,
    tenant,
)

LICENSE = "/backup/m365/cloudbackuplicenseconsumption"
JOBS = tenant(collectors={"jobs": {}})
START = round((NOW - 3600) * 10**7)
RAW = Raw("a", 1, 1, 2, START, START + 10**7, (1, 0, 0))
FINISHED = NOW - 3600 + 1
KIND = {"account": "contoso", "product": "Microsoft 365", "workload": "Exchange Online", "job_type": "backup"}


def storage(folder: Path) -> StateStore:
    return StateStore(folder, families(), FakeClock(), logger())


def names(folder: Path) -> list[str]:
    """Return the names of the files of collectors."""
    return sorted(file.name for file in folder.iterdir() if not file.name.endswith("--verdict.json"))


async def stored_world(folder: Path) -> World:
    world = World(JobApi([RAW]), folder=folder)
    await world.apply(JOBS)
    assert await world.refresh()
    return world


async def test_values_successes_and_identities_survive_with_their_true_ages(tmp_path: Path) -> None:
    world = await stored_world(tmp_path)
    before = world.of_avepoint()
    world.clock.advance(11 * 3600)
    api = world.api
    assert isinstance(api, JobApi)
    api.fail_after = 0
    await world.restart(config(JOBS))
    assert world.of_avepoint() == before
    labels = {"account": "contoso", "collector": "jobs"}
    assert world.value("avepoint_collector_last_success_timestamp_seconds", **labels) == pytest.approx(NOW, abs=1)
    assert world.value("avepoint_up", **labels) is None
    world.clock.advance(2 * 3600)  # 13 h since they were read: dropped, although the process is young
    history = {"avepoint_last_success_timestamp_seconds", "avepoint_jobs_completed_total"}
    history.add("avepoint_customer_backups_completed_total")
    assert {name for name, _ in world.of_avepoint()} == history
    api.fail_after = None
    api.requests.clear()
    assert await world.refresh()
    assert api.calls() == 1, "no job is new, so none is told apart again"
    world.clock.advance(30 * DAY)
    api.jobs = []
    await world.refresh()
    await world.restart(config(JOBS))
    await world.refresh()
    assert world.value("avepoint_last_success_timestamp_seconds", **KIND) == FINISHED
    await world.accounts.stop()


async def test_customers_survive_and_those_that_left_go_with_the_next_listing(tmp_path: Path) -> None:
    world = World(FakeApi(portfolio(["x", "y"])), folder=tmp_path)
    await world.apply(partner())
    assert await world.refresh()
    before = world.of_avepoint()
    await world.restart(config(partner()))
    assert world.of_avepoint() == before
    world.api.routes.update(portfolio(["x"]))
    assert await world.refresh()
    assert world.labels("avepoint_scanned_objects", "customer_id") == {"x"}
    await world.accounts.stop()


async def test_no_secret_no_token_and_no_address_is_written(tmp_path: Path) -> None:
    world = World(FakeApi(portfolio(["x"])), folder=tmp_path)
    await world.apply(partner(), JOBS)
    world.api.routes.update(JobApi([RAW]).routes)
    await world.refresh()
    assert names(tmp_path) == ["contoso--jobs.json", "msp--customers.json", "msp--protected_data.json"]
    for file in map(tmp_path.joinpath, names(tmp_path)):
        text = file.read_text()
        assert SECRET not in text
        assert TOKEN not in text
        assert "Bearer" not in text
        assert "@" not in text
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    await world.accounts.stop()


FOREIGN: tuple[Any, ...] = (
    b"", b"{", b"\x00\xff", b"[]", b"null", b"7", b'"text"', b"{}", b"[" * 100_000, b'{"format": "another"}',
    {"version": 2}, {"known": []}, {"known": {"": []}}, {"known": {"": {}}}, {"known": None},
    {"known": {"": {"read_at": "x", "samples": []}}}, {"known": {"": {"read_at": float("nan"), "samples": []}}},
    {"known": {"": {"read_at": 10**400, "samples": []}}}, {"known": {"": {"read_at": 1, "samples": [7]}}},
    {"known": {"": {"read_at": 1, "samples": [["avepoint_jobs_window_seconds", ["extra"], 1]]}}},
    {"known": {"": {"read_at": 1, "samples": [["avepoint_jobs_window_seconds", "text", 1]]}}},
    {"known": {"": {"read_at": 1, "samples": [["avepoint_jobs_window_seconds", [], "1"]]}}},
    {"known": {"": {"read_at": 1, "samples": [["avepoint_jobs_window_seconds", [], float("-inf")]]}}},
    {"known": {"": {"read_at": 1, "samples": [[["x"], [], 1]]}}},
    {"last_success": "yesterday"}, {"last_success": float("inf")}, {"last_success": []},
    {"remembered": None}, {"remembered": []}, {"remembered": {"locations": {}}},
    {"remembered": {"job_types": [], "locations": {"": {"kinds": {"a": 7}, "last_success": []}}}},
    {"remembered": {"job_types": [], "locations": {"": {"kinds": {"a": ["\ud800", "backup"]}, "last_success": []}}}},
    {"remembered": {"job_types": [], "locations": {"": {"kinds": {}, "last_success": [["a", "b", 1e400]]}}}},
    {"remembered": {"job_types": [], "locations": {"": {"kinds": {}, "last_success": [["a", "b", 10**400]]}}}},
    {"remembered": {"job_types": [], "locations": {"": {"kinds": {}, "last_success": [["a", "b", -1]]}}}},
    {"remembered": {"job_types": [], "locations": {"": {"kinds": {}, "last_success": [{"a": 1}]}}}},
    {"remembered": {"job_types": [], "locations": {"": {"kinds": {}, "last_success": [[1, 2, 3]]}}}},
)  # fmt: skip


@pytest.mark.parametrize("content", FOREIGN, ids=range(len(FOREIGN)))
async def test_a_file_that_is_not_ours_is_set_aside_and_never_a_crash(tmp_path: Path, content: Any) -> None:
    world = await stored_world(tmp_path)
    file = tmp_path / "contoso--jobs.json"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        file.write_text(json.dumps(json.loads(file.read_text()) | content))
    with capture_logs() as logs:
        await world.restart(config(JOBS))
    assert world.of_avepoint() == {}
    assert [log["log_level"] for log in logs if "set aside" in log["event"]] == ["warning"]
    assert not file.exists()
    assert [name.partition("-1795")[0] for name in names(tmp_path)] == ["contoso--jobs.unreadable"]
    assert await world.refresh()
    assert world.value("avepoint_last_success_timestamp_seconds", **KIND) == FINISHED
    assert file.exists()
    await world.accounts.stop()


def truncations(folder: Path) -> list[bytes]:
    whole = (folder / "contoso--jobs.json").read_bytes()
    return [whole[:length] for length in range(0, len(whole), max(1, len(whole) // 40))]


async def test_a_truncated_file_is_set_aside_wherever_it_ends(tmp_path: Path) -> None:
    world = await stored_world(tmp_path)
    account = config(JOBS).accounts[0]
    for content in truncations(tmp_path):
        (tmp_path / "contoso--jobs.json").write_bytes(content)
        assert storage(tmp_path).load(account, "jobs") is None
    await world.accounts.stop()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({}, optional={"known": JSON, "last_success": JSON, "version": JSON | st.just(1)}))
def test_any_json_is_read_or_set_aside(tmp_path: Path, content: dict[str, Any]) -> None:
    account = config(JOBS).accounts[0]
    document = {
        "format": "avepoint-exporter",
        "version": 1,
        "registration": registration_id(account),
        "remembered": None,
    }
    file = tmp_path / "contoso--jobs.json"
    file.write_text(json.dumps(document | {"known": {}, "last_success": None} | content))
    stored = storage(tmp_path).load(account, "jobs")
    assert stored is None or isinstance(stored, StoredState)


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_the_jobs_collector_recalls_or_refuses_any_json(content: Any) -> None:
    reader = JobReader.__new__(JobReader)
    jobs = JobsCollector.__new__(JobsCollector)
    reader._options, reader._kinds, reader._counter, jobs._readers = JobsOptions(), {}, JobCounter(), {"": reader}
    for remembered in (
        content,
        {"job_types": [], "locations": {"": content}},
        {"job_types": [], "locations": {"": {"kinds": content, "last_success": []}}},
    ):
        try:
            jobs.load_state(remembered)
        except ValueError:
            assert reader._kinds == {}


async def test_another_registration_is_not_used_and_a_family_that_is_gone_is_left_out(tmp_path: Path) -> None:
    world = await stored_world(tmp_path)
    await world.restart(config(tenant(auth={"client_id": "another", "client_secret": "x"})))
    assert world.of_avepoint() == {}
    file = tmp_path / "contoso--jobs.json"
    assert file.exists()
    document = json.loads(file.read_text())
    document["known"][""]["samples"].append(["avepoint_of_long_ago", ["x"], 1])
    labels = ["", "", "\ud800", "x", ""]
    document["known"][""]["samples"].append(["avepoint_last_job_start_timestamp_seconds", labels, 1])
    file.write_text(json.dumps(document))
    await world.restart(config(JOBS))
    assert world.value("avepoint_last_job_start_timestamp_seconds", account="contoso", workload="�", job_type="x") == 1
    assert "long_ago" not in world.text()
    await world.accounts.stop()


def test_left_over_temporary_files_are_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a--jobs.abc.new").write_text("half")
    (tmp_path / "notes.new").write_text("mine")
    storage(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.new"]


def test_a_folder_that_cannot_be_used_is_a_mistake_of_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=r"--storage.path: .*file"):
        storage(tmp_path / "file")
    made = tmp_path / "a" / "b"
    storage(made)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


async def test_what_cannot_be_written_is_logged_and_harms_nothing(tmp_path: Path) -> None:
    world = await stored_world(tmp_path / "state")
    file = tmp_path / "state" / "contoso--jobs.json"
    file.unlink()
    file.mkdir()
    (file / "inside").write_text("x")
    with capture_logs() as logs:
        assert await world.refresh()
    assert [log["event"] for log in logs] == ["state not stored"]
    assert list(file.parent.glob("*.new")) == []
    with capture_logs() as logs:
        await world.restart(config(JOBS))
    assert [log["event"] for log in logs] == ["stored state cannot be read"]
    with capture_logs() as logs:
        storage(tmp_path / "state").set_aside(config(JOBS).accounts[0], "none", ValueError("x"))
    assert [log["event"].rpartition(" ")[2] for log in logs] == ["aside", "aside"]
    assert logs[-1]["event"] == "stored state cannot be set aside"
    await world.accounts.stop()


class Interrupted(BaseException):
    """The process ends here."""


class Exploding(dict[str, Any]):
    """Breaks the writing off in its middle."""

    def items(self) -> Any:
        raise Interrupted


def entry(value: float, count: int = 1) -> CollectorEntry:
    samples = tuple(Sample(PURCHASED_SEATS, (), value) for _ in range(count))
    return CollectorEntry("contoso", "license", 60, reads={"": ReadResult(samples, NOW, 0.0)})


async def test_a_write_that_breaks_off_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    account, kept = config(JOBS).accounts[0], storage(tmp_path)
    await kept.save(account, entry(1), lambda: None)
    with pytest.raises(Interrupted):
        kept._write(account, "license", StoredState(entry(2).reads, None, Exploding(x=1)))
    assert names(tmp_path) == ["contoso--license.json"]
    stored = kept.load(account, "license")
    assert stored is not None
    assert next(iter(stored.known[""].samples)).value == 1


def _write_for_ever(folder: str) -> None:
    account, kept = config(JOBS).accounts[0], storage(Path(folder))
    for number in range(1, 10**6):
        asyncio.run(kept.save(account, entry(number, 2000), partial(dict, number=number)))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the child is killed, whatever it holds
def test_a_process_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    account = config(JOBS).accounts[0]
    context = multiprocessing.get_context("fork")
    last = 0.0
    for attempt in range(8):
        child = context.Process(target=_write_for_ever, args=(str(tmp_path),))
        child.start()
        while not (tmp_path / "contoso--license.json").exists():
            time.sleep(0.001)
        time.sleep(0.03 + attempt * 0.0071)
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        with capture_logs() as logs:
            stored = storage(tmp_path).load(account, "license")
        assert logs == []
        assert stored is not None
        values = {sample.value for sample in stored.known[""].samples}
        assert values == {stored.remembered["number"]}  # type: ignore[index] # what the child remembered
        assert len(stored.known[""].samples) == 2000
        last = max(last, *values)
        assert [file.name for file in tmp_path.iterdir()] == ["contoso--license.json"]
    assert last >= 1


async def test_names_that_may_no_longer_be_shown_are_not_taken_from_the_storage(tmp_path: Path) -> None:
    world = World(FakeApi(portfolio(["c-1"])), folder=tmp_path)
    await world.apply(partner())
    assert await world.refresh()
    await world.restart(config(partner(labels={"organization": "hashed"})))
    assert world.value("avepoint_collector_last_success_timestamp_seconds", account="msp", collector="customers")
    assert not world.labels("avepoint_customer_info", "organization")
    assert world.labels("avepoint_scanned_objects", "customer_id") == {"c-1"}, "what names nobody stays"
    await world.accounts.stop()


async def test_what_is_without_end_outlives_a_restart(tmp_path: Path) -> None:
    world = await stored_world(tmp_path)
    file = tmp_path / "contoso--jobs.json"
    known = {"": {"read_at": NOW, "samples": [["avepoint_jobs_window_seconds", [], float("inf")]]}}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"known": known}))
    await world.restart(config(JOBS))
    assert world.value("avepoint_jobs_window_seconds", account="contoso") == float("inf")
    await world.accounts.stop()


async def test_what_a_refresh_that_is_cut_short_has_shown_is_kept(tmp_path: Path) -> None:
    api = FakeApi(portfolio(["c-1", "c-2"]))
    reached, plain = asyncio.Event(), api.answer

    async def stuck(request: httpx.Request) -> httpx.Response:
        if request.url.path == overview_path("c-2"):
            reached.set()
            await asyncio.Event().wait()
        return await plain(request)

    api.handler = stuck
    world = World(api, folder=tmp_path)
    account = partner(requests={"concurrency": 1, "per_second": 1000})
    await world.apply(account, start=True)
    await asyncio.wait_for(reached.wait(), 10)
    seen = world.labels("avepoint_scanned_objects", "customer_id")
    await world.restart(config(account))
    assert world.labels("avepoint_scanned_objects", "customer_id") == seen == {"c-1"}
    await world.accounts.stop()


async def test_who_never_began_writes_nothing(tmp_path: Path) -> None:
    world = World(FakeApi(portfolio(["c-1"])), folder=tmp_path)
    await world.apply(partner())
    await world.accounts.stop()
    assert [file.name for file in tmp_path.iterdir()] == []  # noqa: ASYNC240 - a folder of the test
