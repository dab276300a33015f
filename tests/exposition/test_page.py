"""The exporter renders the same samples as prometheus_client."""

import gzip
import math
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Metric, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector

from avepoint_simulator import Simulator
from exporter.collectors.base import Family, Sample
from exporter.collectors.registry import families
from exporter.engine.samples import SharedSeries, line
from exporter.engine.shard import Shard
from exporter.engine.snapshot import ReadResult, RefreshStatus, SnapshotView
from exporter.exposition.compression import pieces
from exporter.exposition.exporter_metrics import OwnMetrics, Usage
from exporter.exposition.page import STATUS_FAMILIES, MetricsPage, PageRequest, head
from tests.collectors.test_jobs_truth import JobApi, Raw
from tests.helpers import NOW, SETTINGS, FakeApi, World, parsed, partner, portfolio, settings_routes, tenant
from tests.programs import program
from tests.truth.world import world as simulated

parse_openmetrics: Callable[[str], Iterator[Metric]] = openmetrics_parser.text_string_to_metric_families
FAMILY = Family("avepoint_things", "Things; cached.", ("account", "customer_id", "workload"))
LABEL = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUE = st.floats() | st.integers(-(2**60), 2**60).map(float)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.tuples(LABEL, LABEL), VALUE, max_size=6), LABEL.filter(bool))
def test_lines_are_those_of_prometheus_client(values: dict[tuple[str, str], float], account: str) -> None:
    registry = CollectorRegistry()
    gauge = Gauge(FAMILY.name, FAMILY.help, FAMILY.labels, registry=registry)
    for labels, value in values.items():
        gauge.labels(account, *labels).set(value)
    ours = head(FAMILY) + "".join(line(Sample(FAMILY, labels, value), account) for labels, value in values.items())
    theirs = [sample for metric in parse_text(generate_latest(registry).decode()) for sample in metric.samples]
    mine = [sample for metric in parse_text(ours) for sample in metric.samples]
    assert len(mine) == len(theirs)
    for one, other in zip(mine, theirs, strict=True):
        assert one.name == other.name
        assert one.labels == {name: text for name, text in other.labels.items() if text}
        assert one.value == other.value or (math.isnan(one.value) and math.isnan(other.value))
    if all(all(labels) for labels in values):
        assert ours.encode() == generate_latest(registry)


@settings(max_examples=200, deadline=None)
@given(LABEL.filter(bool), LABEL)
def test_openmetrics_reads_the_same_lines(account: str, text: str) -> None:
    page = head(FAMILY) + line(Sample(FAMILY, (text, "Teams"), 1.5), account) + "# EOF\n"
    [metric] = parse_openmetrics(page)
    assert metric.samples[0].labels == {
        name: value for name, value in (("account", account), ("customer_id", text), ("workload", "Teams")) if value
    }


def test_a_counter_is_printed_as_prometheus_client_does_in_both_formats() -> None:
    family = Family("avepoint_ends_total", "Ends; cached.", ("account", "workload"), type="counter")
    registry = CollectorRegistry()
    Counter(family.name, family.help, family.labels, registry=registry).labels("msp", "Teams").inc(7)
    lines = line(Sample(family, ("Teams",), 7.0), "msp")
    kept = [one for one in generate_latest(registry).decode().splitlines(keepends=True) if "_created" not in one]
    assert head(family) + lines == "".join(kept)
    openmetrics_page = generate_openmetrics(registry).decode()  # type: ignore[no-untyped-call] # the library's own
    kept = [one for one in openmetrics_page.splitlines(keepends=True) if "_created" not in one]
    assert head(family, openmetrics=True) + lines + "# EOF\n" == "".join(kept)
    assert PageRequest(names=frozenset({"avepoint_ends"})).wants(family)
    assert PageRequest(names=frozenset({"avepoint_ends_total"})).wants(family)
    assert not PageRequest(names=frozenset({"avepoint_things"})).wants(family)


async def full_world() -> World:
    """Return a `World` whose page contains many samples. The labels of some samples contain special characters."""
    start = round((NOW - 3600) * 10**7)
    jobs = [Raw("a", 1, 1, 2, start, start + 10**7, (1, 0, 0)), Raw("b", 1, 1, 1, start + 5, None, (0, 0, 0))]
    api = FakeApi(portfolio(["x", 'y"\\\n', "z"]) | JobApi(jobs).routes | settings_routes())
    license_answer = {"statusCode": 200, "data": {"outOfPolicyTime": "2026-01-01", "purchasedUserSeats": 5,
                      "assignedUserSeats": 1, "purchasedStorageSize": 1, "protectedSize": 1}}  # fmt: skip
    api.routes["/backup/m365/cloudbackuplicenseconsumption"] = license_answer
    world = World(api)
    await world.apply(tenant(collectors={name: {} for name in ("jobs", "license", *SETTINGS)}), partner())
    await world.refresh()
    return world


async def test_a_full_page_parses_in_both_formats_to_the_same_samples() -> None:
    world = await full_world()
    text, openmetrics = world.text(), world.text(PageRequest(openmetrics=True))
    assert openmetrics.endswith("# EOF\n")
    assert openmetrics.count("# EOF") == 1
    assert "_created" not in text + openmetrics
    mine = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for metric in parse_openmetrics(openmetrics)
        for sample in metric.samples
    }
    assert mine == parsed(text)
    await world.accounts.stop()


async def test_every_family_has_samples_where_everything_is_simulated() -> None:
    async with simulated(Simulator(now=lambda: NOW, customers=25)) as world:
        assert await world.refresh()
        shown = {name for name, _ in parsed(world.text())}
        assert {family.name for family in (*families(), *STATUS_FAMILIES)} <= shown


async def test_no_series_and_no_family_stands_twice_and_every_family_is_of_one_piece() -> None:
    world = await full_world()
    types = [text.split()[2] for text in world.text().splitlines() if text.startswith("# TYPE")]
    assert len(types) == len(set(types))
    series = [text.rsplit(" ", 1)[0] for text in world.text().splitlines() if not text.startswith("#")]
    assert len(series) == len(set(series))
    await world.accounts.stop()


async def test_promtool_has_no_complaint() -> None:
    promtool = program("promtool")
    world = await full_world()
    checked = subprocess.run(  # noqa: ASYNC221 - blocks no other task
        [promtool, "check", "metrics"], input=world.text().encode(), capture_output=True, check=False, timeout=30
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
    await world.accounts.stop()


@pytest.mark.parametrize("openmetrics", [False, True])
async def test_names_select_families(openmetrics: bool) -> None:
    world = await full_world()
    names = {"avepoint_scanned_objects", "avepoint_up", "avepoint_api_requests_total",
             "avepoint_api_request_duration_seconds_bucket", "nothing"}  # fmt: skip
    text = world.text(PageRequest(names=frozenset(names), openmetrics=openmetrics))
    types = {row.split()[2] for row in text.splitlines() if row.startswith("# TYPE")}
    requests = "avepoint_api_requests" + ("" if openmetrics else "_total")
    assert types == {"avepoint_scanned_objects", "avepoint_up", requests, "avepoint_api_request_duration_seconds"}
    nothing = world.text(PageRequest(names=frozenset({"nothing"}), openmetrics=openmetrics))
    assert nothing == ("# EOF\n" if openmetrics else "")
    await world.accounts.stop()


async def test_a_probe_shows_one_account_and_nothing_of_the_process() -> None:
    world = await full_world()
    samples = world.samples(PageRequest(account="msp"))
    assert {dict(labels).get("account") for _, labels in samples} == {"msp"}
    assert {name for name, _ in samples} >= {"avepoint_up", "avepoint_scanned_objects", "avepoint_api_requests_total"}
    everything = world.samples()
    assert samples == {key: everything[key] for key in samples}
    assert samples.keys() == {key for key in everything if ("account", "msp") in key[1]}
    await world.accounts.stop()


def view(*known: ReadResult, up: bool | None = None, stale_after: float = 60) -> SnapshotView:
    return SnapshotView(
        "a", "c", stale_after, RefreshStatus(up=up), {str(index): one for index, one in enumerate(known)}, {}
    )


def test_a_large_page_comes_in_pieces() -> None:
    own, page = OwnMetrics(with_process=False), MetricsPage([FAMILY], OwnMetrics(with_process=False))
    known = [
        ReadResult(tuple(Sample(FAMILY, (f"c{n}", f"w{k}"), 1.0) for k in range(50)), 1.0, 1.0) for n in range(100)
    ]
    chunks = page.plain([view(*known)], PageRequest(), monotonic=2.0)
    sent = list(pieces(chunks))
    assert len(sent) > 2
    assert max(map(len, sent)) < 150_000
    assert b"".join(sent) == b"".join(chunks)
    assert len(parsed(b"".join(sent).decode())) >= 5000
    assert own.text(account="nobody", names=(), openmetrics=False) == b""


def test_status_that_is_not_known_yet_has_no_sample() -> None:
    page = MetricsPage([FAMILY], OwnMetrics(with_process=False))
    text = b"".join(page.plain([view()], PageRequest(), monotonic=0.0)).decode()
    assert "avepoint_up" not in text
    text = b"".join(page.plain([view(up=False)], PageRequest(), monotonic=0.0)).decode()
    assert 'avepoint_up{account="a",collector="c"} 0.0' in text


def test_values_at_their_greatest_age_are_shown_and_older_ones_are_not() -> None:
    page = MetricsPage([FAMILY], OwnMetrics(with_process=False))
    known = ReadResult((Sample(FAMILY, ("c", "w"), 1.0),), 1.0, 100.0)
    for now, shown in ((160.0, True), (160.1, False)):
        text = b"".join(page.plain([view(known)], PageRequest(), monotonic=now)).decode()
        assert ("avepoint_things" in text) is shown


def test_the_exporters_own_metrics() -> None:
    own = OwnMetrics()
    own.set_shard(Shard(1, 3))
    observer = own.observer("a")
    observer.request("/x/{id}", "200", 0.3)
    observer.request("/x/{id}", "timeout", 61.0)
    observer.throttled(2.5)
    observer.token("success")
    observer.certificate(1.8e9)
    observer.unreadable("/x/{id}", "size")
    observer.unknown("state")
    own.reload_successful.set(1)
    samples = parsed(own.text(account=None, names=(), openmetrics=False).decode())

    def value(name: str, **labels: str) -> float:
        return samples[name, frozenset(labels.items())]

    assert value("avepoint_api_requests_total", account="a", path="/x/{id}", code="timeout") == 1
    bucket = "avepoint_api_request_duration_seconds_bucket"
    assert value(bucket, account="a", path="/x/{id}", le="60.0") == 1
    assert value(bucket, account="a", path="/x/{id}", le="+Inf") == 2
    assert value("avepoint_api_throttled_seconds_total", account="a") == 2.5
    assert value("avepoint_token_requests_total", account="a", result="success") == 1
    assert value("avepoint_certificate_expiry_timestamp_seconds", account="a") == 1.8e9
    assert value("avepoint_parse_errors_total", account="a", path="/x/{id}", field="size") == 1
    assert value("avepoint_unknown_values_total", account="a", field="state") == 1
    assert value("avepoint_exporter_config_last_reload_successful") == 1
    assert (value("avepoint_exporter_shard"), value("avepoint_exporter_total_shards")) == (1, 3)
    assert any(name == "avepoint_exporter_build_info" for name, _ in samples)
    assert any(name.startswith("process_") for name, _ in samples)
    assert any(name.startswith("python_") for name, _ in samples)
    own.observer("a")  # simulates a reload; the account now has no certificate
    again = parsed(own.text(account="a", names=(), openmetrics=False).decode())
    assert not any(name == "avepoint_certificate_expiry_timestamp_seconds" for name, _ in again)
    own.forget("a")
    assert own.text(account="a", names=(), openmetrics=False) == b""


def test_usage_is_what_each_account_has_called() -> None:
    own = OwnMetrics(with_process=False)
    busy, _ = own.observer("busy"), own.observer("idle")
    for endpoint, code in (("/a", "200"), ("/b", "200"), ("/b", "429"), ("/b", "timeout")):
        busy.request(endpoint, code, 0.1)
    busy.throttled(2.5)
    busy.token("success")
    busy.token("invalid_client")
    busy.token("success")
    tokens = {"success": 2, "invalid_client": 1}
    assert own.usage() == {"busy": Usage({"200": 2, "429": 1, "timeout": 1}, 2.5, tokens), "idle": Usage({}, 0.0)}
    own.forget("busy")
    assert own.usage() == {"idle": Usage({}, 0.0)}


class Oracle(Collector):
    """Yields the samples as prometheus_client families, in the same order as on the page."""

    def __init__(self, order: Sequence[Family], reads: Sequence[ReadResult]) -> None:
        self._order = order
        self._reads = reads

    def collect(self) -> Iterator[Metric]:
        for family in self._order:
            kind = CounterMetricFamily if family.type == "counter" else GaugeMetricFamily
            metric = kind(family.name, family.help, labels=family.labels)
            for sample in (one for read in self._reads for one in read.samples if one.family == family):
                metric.add_metric(("msp", *sample.labels), sample.value)
            if metric.samples:
                yield metric


ORDER = (FAMILY, Family("avepoint_ends_total", "Ends.", ("account", "customer_id", "workload"), type="counter"),
         Family("avepoint_old", "Old.", ("account", "customer_id"), history=True))  # fmt: skip
WORD = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@st.composite
def reads(draw: st.DrawFn) -> dict[str, ReadResult]:
    shared, known = SharedSeries(), {}
    for customer_id in draw(st.lists(WORD, max_size=5, unique=True)):
        workloads = draw(st.lists(WORD, max_size=4, unique=True))
        samples = [
            Sample(family, (customer_id, workload), draw(VALUE)) for family in ORDER[:2] for workload in workloads
        ]
        samples.append(Sample(ORDER[2], (customer_id,), draw(VALUE)))
        known[customer_id] = ReadResult(shared.samples(customer_id, samples), 1.0, 1.0)
    return known


@settings(max_examples=150, deadline=None)
@given(reads(), reads())
def test_every_way_of_asking_gives_what_prometheus_client_prints(
    before: dict[str, ReadResult], after: dict[str, ReadResult]
) -> None:
    page = MetricsPage(ORDER, OwnMetrics(with_process=False))
    names = frozenset(family.name for family in ORDER)
    for known in (before, after, before | after):
        views = [SnapshotView("msp", "c", 60, RefreshStatus(), known, {})]
        oracle = Oracle(ORDER, list(known.values()))
        for openmetrics, generate in ((False, generate_latest), (True, generate_openmetrics)):
            expected = generate(oracle)
            request = PageRequest(names=names, openmetrics=openmetrics)
            assert b"".join(page.plain(views, request, monotonic=2.0)) == expected
            assert gzip.decompress(b"".join(page.gzipped(views, request, monotonic=2.0))) == expected
            only = PageRequest(account="msp", names=names, openmetrics=openmetrics)
            assert gzip.decompress(b"".join(page.gzipped(views, only, monotonic=2.0))) == expected


def test_what_grows_old_leaves_a_compressed_page_although_nothing_else_changes() -> None:
    page = MetricsPage(ORDER, OwnMetrics(with_process=False))
    samples = (Sample(FAMILY, ("c", "w"), 1.0), Sample(ORDER[2], ("c",), 5.0))
    shown = [view(ReadResult(samples, 1.0, 100.0))]
    for now, fresh in ((160.0, True), (160.1, False), (159.0, True)):
        text = gzip.decompress(b"".join(page.gzipped(shown, PageRequest(), monotonic=now))).decode()
        assert ("avepoint_things" in text) is fresh
        assert 'avepoint_old{account="a",customer_id="c"} 5.0' in text, "families with history never become stale"


def test_a_compressed_page_is_kept_until_something_on_it_changes() -> None:
    page = MetricsPage(ORDER, OwnMetrics(with_process=False))

    def blocks(*reads: ReadResult, up: bool = True, hides: bool = False, now: float = 2.0, name: str = "") -> bytes:
        given = replace(view(*reads), customer_up={"c": up}, hides_counters=hides)
        names = frozenset({FAMILY.name, name} if name else ())
        return page.gzipped([given], PageRequest(names=names), monotonic=now)[1]

    old, new = (ReadResult((Sample(FAMILY, ("c", "w"), value),), 1.0, 1.0) for value in (1.0, 2.0))
    changes: list[Callable[[], bytes]] = [
        lambda: blocks(new), lambda: blocks(old, new), lambda: blocks(old, up=False), lambda: blocks(old, hides=True),
        lambda: blocks(old, now=100.0),
    ]  # fmt: skip
    for change in changes:
        first = blocks(old)
        assert blocks(old) is first
        assert change() is not first
    again = blocks(old)
    for number in range(3):
        blocks(old, name=f"name{number}")
    assert blocks(old) is again
    for number in range(4):
        blocks(old, name=f"name{number}")
    assert blocks(old) is not again, "the cache keeps the pages of only a few requests"
