"""The exporter restores its persistent state after regular exits and after crashes."""

import asyncio
import json
import sqlite3
import stat
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from exporter.collectors.base import Sample
from exporter.collectors.jobs.counter import JobCounter
from exporter.collectors.jobs.options import JobsOptions
from exporter.collectors.jobs.reader import JobReader
from exporter.collectors.registry import stored_families
from exporter.collectors.tenant.jobs import JobsCollector
from exporter.collectors.tenant.license import PURCHASED_SEATS
from exporter.engine.shard import WHOLE
from exporter.engine.snapshot import ReadResult
from exporter.engine.storage.registration import registration_id
from exporter.engine.storage.sqlite import FILE_NAME, SqliteDatabase
from exporter.engine.storage.state import StateStore
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
    sqlite,
    storage,
    tenant,
)

LICENSE = "/backup/m365/cloudbackuplicenseconsumption"
JOBS = tenant(collectors={"jobs": {}})
START = round((NOW - 3600) * 10**7)
RAW = Raw("a", 1, 1, 2, START, START + 10**7, (1, 0, 0))
FINISHED = NOW - 3600 + 1
KIND = {"account": "contoso", "product": "Microsoft 365", "workload": "Exchange Online", "job_type": "backup"}
SUCCESS = "avepoint_last_success_timestamp_seconds"
START_TIME = "avepoint_last_job_start_timestamp_seconds"


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the database of a stopped exporter."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        yield connection
        connection.commit()


async def stored_world(folder: Path) -> World:
    """Return a stopped world. The persistent state contains one refresh of a tenant's jobs."""
    world = World(JobApi([RAW]), folder=folder)
    await world.apply(JOBS)
    assert await world.refresh()
    await world.accounts.stop()
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
    world.clock.advance(2 * 3600)  # after the restart, values older than 12 h are dropped
    history = {SUCCESS, "avepoint_jobs_completed_total", "avepoint_customer_backups_completed_total"}
    assert {name for name, _ in world.of_avepoint()} == history
    api.fail_after = None
    api.requests.clear()
    assert await world.refresh()
    assert api.calls() == 1, "no job is classified again, because there is no new job"
    world.clock.advance(30 * DAY)
    api.jobs = []
    await world.refresh()
    await world.restart(config(JOBS))
    await world.refresh()
    assert world.value(SUCCESS, **KIND) == FINISHED
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
    with database(tmp_path) as connection:
        query = "SELECT customer_id FROM customer WHERE collector = 'protected_data'"
        assert connection.execute(query).fetchall() == [("x",)]


async def test_no_secret_no_token_and_no_address_is_written(tmp_path: Path) -> None:
    world = World(FakeApi(portfolio(["x"])), folder=tmp_path)
    await world.apply(partner(), JOBS)
    world.api.routes.update(JobApi([RAW]).routes)
    await world.refresh()
    for name in names(tmp_path):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    await world.accounts.stop()
    assert names(tmp_path) == [FILE_NAME]
    with database(tmp_path) as connection:
        rows = [*connection.execute("SELECT * FROM customer"), *connection.execute("SELECT * FROM collector")]
    assert {line[1] for line in rows} == {"jobs", "customers", "protected_data", "verdict"}
    for value in (
        zlib.decompress(one).decode() if isinstance(one, bytes) else str(one) for line in rows for one in line
    ):
        for secret in (SECRET, TOKEN, "Bearer", "@"):
            assert secret not in value


async def test_a_read_is_committed_before_it_is_shown(tmp_path: Path) -> None:
    world = World(FakeApi(portfolio(["x"])), folder=tmp_path)
    await world.apply(partner())
    store, seen = world.storage, list[set[str]]()
    assert store is not None
    commit = store.commit

    async def watched(*changes: Any) -> bool:
        seen.append(world.labels("avepoint_scanned_objects", "customer_id"))
        return await commit(*changes)

    store.commit = watched  # type: ignore[method-assign] # looks at the page at this moment
    assert await world.refresh("protected_data")
    assert seen[0] == set()
    assert seen[1] == {"x"}
    await world.accounts.stop()


async def test_reads_that_end_together_are_committed_together(tmp_path: Path) -> None:
    database, clock, account = sqlite(tmp_path), FakeClock(), config(JOBS).accounts[0]
    store = StateStore(database, stored_families(), clock, logger())
    statements: list[str] = []
    database._connection.set_trace_callback(statements.append)
    read = ReadResult((Sample(PURCHASED_SEATS, (), 1.0),), NOW, 0.0)
    await asyncio.gather(*(store.of(account, "license").commit(f"c{number}", read, None) for number in range(100)))
    assert statements.count("COMMIT") == 1
    assert len((await store.load(account, "license", WHOLE.owns)).reads) == 100
    await store.close()
    await store.of(account, "license").commit("late", read, None)  # after close(), a commit has no effect


def damaged(folder: Path, kind: str) -> None:
    """Damage the database: replace the whole file or a part of its content."""
    path = folder / FILE_NAME
    content = path.read_bytes()
    match kind:
        case "another application":
            path.unlink()
            with database(folder) as connection:
                connection.execute("CREATE TABLE notes (text TEXT)")
        case "another version":
            with database(folder) as connection:
                connection.execute("PRAGMA user_version = 99")
        case "text":
            path.write_text("not a database at all, but long enough to look at" * 100)
        case "truncated":
            path.write_bytes(content[: len(content) // 2])
        case "garbage in a page":
            path.write_bytes(content[:4096] + b"\xff" * 4096 + content[8192:])


@pytest.mark.parametrize("kind", ["another application", "another version", "text", "truncated", "garbage in a page"])
async def test_an_unusable_database_is_set_aside_and_a_new_one_works(tmp_path: Path, kind: str) -> None:
    world = await stored_world(tmp_path)
    damaged(tmp_path, kind)
    with capture_logs() as logs:
        await world.restart(config(JOBS))
    assert [log["event"] for log in logs] == ["stored state is unusable; the database was renamed"]
    assert world.of_avepoint() == {}
    assert await world.refresh()
    before = world.of_avepoint()
    await world.restart(config(JOBS))
    assert world.of_avepoint() == before
    await world.accounts.stop()
    assert {name.partition("-1795")[0] for name in names(tmp_path)} == {FILE_NAME, f"{FILE_NAME}.unreadable"}


def packed(samples: object) -> bytes:
    return zlib.compress(json.dumps(samples).encode())


INVALID_READS: tuple[dict[str, Any], ...] = (
    {"samples": b"not compressed"}, {"samples": zlib.compress(b"{")}, {"samples": packed(7)}, {"samples": packed([7])},
    {"samples": packed([["avepoint_jobs_window_seconds", [], "1"]])}, {"samples": packed([[["x"], [], 1]])},
    {"samples": packed([["avepoint_jobs_window_seconds", 7, 1]])},
    {"samples": packed([["avepoint_jobs_window_seconds", [], float("-inf")]])},
    {"samples": zlib.compress(b"[" * 100_000)}, {"read_at": "x"},
)  # fmt: skip
INVALID_STATES: tuple[str, ...] = (
    "{", "[]", "7", '"text"', '{"locations": {}}', "[" * 100_000, '{"job_types": [], "locations": 7}',
    '{"job_types": [], "locations": {"": {"kinds": {"a": 7}, "last_success": []}}}',
    '{"job_types": [], "locations": {"": {"kinds": {"a": ["\\ud800", "backup"]}, "last_success": []}}}',
    '{"job_types": [], "locations": {"": {"kinds": {}, "last_success": [["a", "b", 1e400]]}}}',
    '{"job_types": [], "locations": {"": {"kinds": {}, "last_success": [["a", "b", -1]]}}}',
)  # fmt: skip


@pytest.mark.parametrize("change", INVALID_READS, ids=range(len(INVALID_READS)))
async def test_an_invalid_read_is_dropped_without_its_state(tmp_path: Path, change: dict[str, Any]) -> None:
    world = await stored_world(tmp_path)
    ((column, value),) = change.items()
    with database(tmp_path) as connection:
        connection.execute(f"UPDATE customer SET {column} = ? WHERE collector = 'jobs'", (value,))  # noqa: S608 - a constant
    with capture_logs() as logs:
        await world.restart(config(JOBS))
    assert [log["event"] for log in logs] == ["state of a customer is invalid and was dropped"]
    assert world.of_avepoint() == {}
    world.api.requests.clear()
    assert await world.refresh()
    assert world.api.calls() == 1, "the stored state contains the classification of all jobs"
    assert world.value(SUCCESS, **KIND) == FINISHED
    await world.accounts.stop()


@pytest.mark.parametrize("state", INVALID_STATES, ids=range(len(INVALID_STATES)))
async def test_an_invalid_state_is_dropped_and_never_a_crash(tmp_path: Path, state: str) -> None:
    world = await stored_world(tmp_path)
    with database(tmp_path) as connection:
        connection.execute("UPDATE customer SET state = ? WHERE collector = 'jobs'", (state,))
    with capture_logs() as logs:
        await world.restart(config(JOBS))
    assert [log["log_level"] for log in logs] == ["warning"]
    assert "invalid and was dropped" in logs[0]["event"]
    assert world.of_avepoint() == {}
    assert await world.refresh()
    assert world.value(SUCCESS, **KIND) == FINISHED
    await world.accounts.stop()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


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
            jobs.load_states({"": remembered})
        except ValueError:
            assert reader._kinds == {}


async def test_another_registration_is_not_used_and_replaces_the_former(tmp_path: Path) -> None:
    world = await stored_world(tmp_path)
    other = tenant(auth={"client_id": "another", "client_secret": "x"})
    await world.restart(config(other))
    assert world.of_avepoint() == {}
    await world.restart(config(JOBS))
    assert world.of_avepoint() != {}, "no state was stored for the other registration"
    await world.restart(config(other))
    assert await world.refresh()
    await world.restart(config(JOBS))
    assert world.of_avepoint() == {}
    await world.accounts.stop()


async def test_samples_of_families_that_no_longer_exist_are_dropped(tmp_path: Path) -> None:
    world = await stored_world(tmp_path)
    samples = [
        ["avepoint_of_long_ago", ["x"], 1],
        ["avepoint_last_job_start_timestamp_seconds", ["", "", "\ud800", "x", ""], 1],
        ["avepoint_jobs_window_seconds", ["one label too many"], 1], ["avepoint_jobs_window_seconds", [], float("inf")],
    ]  # fmt: skip
    with database(tmp_path) as connection:
        connection.execute("UPDATE customer SET samples = ? WHERE collector = 'jobs'", (packed(samples),))
    await world.restart(config(JOBS))
    assert world.value("avepoint_last_job_start_timestamp_seconds", account="contoso", workload="�", job_type="x") == 1
    assert world.value("avepoint_jobs_window_seconds", account="contoso") == float("inf")
    assert len(world.of_avepoint()) == 2
    await world.accounts.stop()


async def test_impossible_times_of_an_older_version_are_dropped(tmp_path: Path) -> None:
    world = await stored_world(tmp_path)
    samples = [[name, ["", "", "Teams", "backup", ""], NOW + 86_400] for name in (START_TIME, SUCCESS)]
    samples.append(["avepoint_next_scheduled_backup_timestamp_seconds", ["Teams", ""], NOW + 86_400])
    with database(tmp_path) as connection:
        connection.execute("UPDATE customer SET samples = ? WHERE collector = 'jobs'", (packed(samples),))
    await world.restart(config(JOBS))
    assert {name for name, _ in world.of_avepoint()} == {"avepoint_next_scheduled_backup_timestamp_seconds"}
    await world.accounts.stop()


def document(**changes: Any) -> dict[str, Any]:
    """Return the content of a state file that an earlier version wrote."""
    state = {"kinds": {"a": ["Exchange Online", "backup"]},
             "last_success": [["Exchange Online", "backup", round(FINISHED * 10**7)]]}  # fmt: skip
    return {
        "format": "avepoint-exporter", "version": 1, "registration": registration_id(config(JOBS).accounts[0]),
        "appearance": {}, "last_success": NOW - 60,
        "remembered": {"job_types": ["backup", "restore"], "locations": {"": state}},
        "known": {"": {"read_at": NOW - 60, "samples": [["avepoint_jobs_window_seconds", [], 86400]]}}, **changes,
    }  # fmt: skip


async def test_the_files_of_earlier_versions_move_into_the_database(tmp_path: Path) -> None:
    (tmp_path / "contoso--jobs.json").write_text(json.dumps(document()))
    world = World(JobApi([]), folder=tmp_path)
    for _ in range(2):
        await world.restart(config(JOBS))
        assert world.value("avepoint_jobs_window_seconds", account="contoso") == 86400
        assert not (tmp_path / "contoso--jobs.json").exists()
    assert await world.refresh()
    assert world.value(SUCCESS, **KIND) == FINISHED
    await world.accounts.stop()


async def test_histories_of_customers_move_into_the_database(tmp_path: Path) -> None:
    account = partner(collectors={"customer_jobs": {}})
    history = zlib.compress(json.dumps({"last_success": [["Teams", "backup", START]], "counter": None}).encode())
    registration = registration_id(config(account).accounts[0])
    content = document(
        registration=registration, known={}, remembered={"customers": {"x": b64encode(history).decode()}}
    )
    (tmp_path / "msp--customer_jobs.json").write_text(json.dumps(content))
    world = World(FakeApi(), folder=tmp_path)
    await world.restart(config(account))
    collector = next(one.collector for one in world.accounts.refreshers() if one.collector.name == "customer_jobs")
    assert collector.state_of("x") == b64encode(history).decode()
    assert not (tmp_path / "msp--customer_jobs.json").exists()
    await world.accounts.stop()


FOREIGN_FILES: tuple[Any, ...] = (
    b"", b"{", b"\x00\xff", b"[]", b"null", b"7", b'"text"', b"{}", b"[" * 100_000, b'{"format": "another"}',
    {"version": 2}, {"known": []}, {"known": {"": []}}, {"known": {"": {}}}, {"known": None},
    {"known": {"": {"read_at": "x", "samples": []}}}, {"known": {"": {"read_at": float("nan"), "samples": []}}},
    {"known": {"": {"read_at": 10**400, "samples": []}}},
    {"last_success": "yesterday"}, {"last_success": float("inf")}, {"last_success": []},
)  # fmt: skip


@pytest.mark.parametrize("content", FOREIGN_FILES, ids=range(len(FOREIGN_FILES)))
async def test_an_invalid_file_of_an_earlier_version_is_ignored(tmp_path: Path, content: Any) -> None:
    file = tmp_path / "contoso--jobs.json"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(document(**content)).encode())
    world = World(JobApi([RAW]), folder=tmp_path)
    with capture_logs() as logs:
        await world.restart(config(JOBS))
    assert [log["event"] for log in logs] == ["unusable state file of an earlier version was ignored"]
    assert world.of_avepoint() == {}
    assert file.exists()
    assert await world.refresh()
    await world.accounts.stop()


async def test_a_file_of_another_registration_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "contoso--jobs.json"
    file.write_text(json.dumps(document(registration="another")))
    world = World(JobApi([RAW]), folder=tmp_path)
    await world.restart(config(JOBS))
    assert world.of_avepoint() == {}
    await world.accounts.stop()


async def test_a_directory_that_cannot_be_used_is_an_error_of_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=r"--storage.path: .*file"):
        storage(tmp_path / "file")
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(ConfigError, match=r"--storage.path: "):
        storage(tmp_path)
    made = tmp_path / "a" / "b"
    await storage(made).close()
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


async def test_a_second_process_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    first = storage(tmp_path)
    with pytest.raises(ConfigError, match="another process uses this directory"):
        storage(tmp_path)
    await first.close()
    await storage(tmp_path).close()


async def test_a_full_disk_costs_a_warning_and_no_refresh(tmp_path: Path) -> None:
    world = World(FakeApi(portfolio([f"c{number:03}" for number in range(50)])), folder=tmp_path)
    await world.apply(partner())
    assert world.storage is not None
    assert isinstance(world.storage._database, SqliteDatabase)
    connection = world.storage._database._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with capture_logs() as logs:
        assert await world.refresh()
    errors = [log for log in logs if log["log_level"] == "error"]
    assert [(log["event"], "full" in str(log["error"])) for log in errors] == [("persistent state not stored", True)]
    assert len(world.labels("avepoint_scanned_objects", "customer_id")) == 50
    connection.execute("PRAGMA max_page_count = 100000")
    with capture_logs() as logs:
        assert await world.refresh()
    assert logs == []
    before = world.of_avepoint()
    await world.restart(config(partner()))
    assert world.of_avepoint() == before
    await world.accounts.stop()


async def test_names_that_may_no_longer_be_shown_are_not_taken_from_the_storage(tmp_path: Path) -> None:
    world = World(FakeApi(portfolio(["c-1"])), folder=tmp_path)
    await world.apply(partner())
    assert await world.refresh()
    await world.restart(config(partner(labels={"organization": "hashed"})))
    assert world.value("avepoint_collector_last_success_timestamp_seconds", account="msp", collector="customers")
    assert not world.labels("avepoint_customer_info", "organization")
    assert world.labels("avepoint_scanned_objects", "customer_id") == {"c-1"}, "samples without names are kept"
    await world.accounts.stop()


async def test_results_of_a_canceled_refresh_are_stored(tmp_path: Path) -> None:
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


async def test_nothing_of_a_customer_that_left_stays_in_the_file(tmp_path: Path) -> None:
    world = World(FakeApi(portfolio(["staying", "leaving"])), folder=tmp_path)
    await world.apply(partner())
    assert await world.refresh()
    assert await world.refresh()
    await world.restart(config(partner()))
    assert b"leaving" in (tmp_path / FILE_NAME).read_bytes()
    world.api.routes.update(portfolio(["staying"]))
    assert await world.refresh()
    await world.accounts.stop()
    assert b"leaving" not in (tmp_path / FILE_NAME).read_bytes()
