"""Measure the time to render a page, and the time that prometheus_client needs for the same samples."""

import gzip
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from prometheus_client import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from benchmarks.portfolio import SERVICE, WORKLOADS
from exporter.collectors.partner.protected_data import Module, ProtectedData, ProtectedDataCollector
from exporter.engine.samples import SharedSeries
from exporter.engine.snapshot import ReadResult, RefreshStatus, SnapshotView
from exporter.errors import AvePointError
from exporter.exposition.compression import pieces
from exporter.exposition.exporter_metrics import OwnMetrics
from exporter.exposition.page import MetricsPage, PageRequest

_CHANGED = 1 / 6
"""Share of the customers that change between two scrapes. Four clients scrape every 15 s, and a refresh takes 24 s."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The median, the minimum and the maximum of several durations, in seconds."""

    median: float
    least: float
    most: float


class World:
    """Creates samples for `customers` customers, and renders a metrics page."""

    def __init__(self, customers: int) -> None:
        self._random = Random(customers)
        self._shared = SharedSeries()
        self.page = MetricsPage(ProtectedDataCollector.families, OwnMetrics())
        self.known: dict[str, ReadResult] = {}
        self._names = [f"00000000-0000-4000-8000-{number:012}" for number in range(customers)]
        self._next = 0
        self.change(1.0)

    def change(self, share: float) -> None:
        """Change the values of the next customers in order, as a refresh does."""
        for _ in range(self._count(share)):
            self._read(self._names[self._next % len(self._names)])
            self._next += 1

    def change_anywhere(self, share: float) -> None:
        """Change the values of random customers."""
        for name in self._random.sample(self._names, self._count(share)):
            self._read(name)

    def _count(self, share: float) -> int:
        return max(1, round(share * len(self._names)))

    def _read(self, name: str) -> None:
        known = ReadResult(
            self._shared.samples(name, tuple(ProtectedDataCollector.samples(self._data(), name))), 1.0, 1.0
        )
        known.lines("msp")
        self.known[name] = known

    def _data(self) -> ProtectedData:
        number = self._random.randrange
        modules = (
            Module(SERVICE, name, number(10**5), number(10**5), number(10**13), number(10**12)) for name in WORKLOADS
        )
        return ProtectedData(tuple(modules), lacks_rows=False, error=AvePointError("without sums"))

    def views(self) -> Sequence[SnapshotView]:
        """Return an immutable view of the current samples."""
        return [
            SnapshotView(
                "msp", "protected_data", 60.0, RefreshStatus(up=True), dict(self.known), dict.fromkeys(self.known, True)
            )
        ]

    def plain(self) -> bytes:
        """Render the page in the same pieces as the server, and return the size of the page."""
        size = sum(map(len, pieces(self.page.plain(self.views(), PageRequest(), monotonic=2.0))))
        return size.to_bytes(8)

    def gzipped(self) -> bytes:
        """Return the compressed page."""
        return b"".join(self.page.gzipped(self.views(), PageRequest(), monotonic=2.0))


class Theirs(Collector):
    """Returns the samples as families of prometheus_client. The constructor creates the families."""

    def __init__(self, world: World) -> None:
        families = {family.name: GaugeMetricFamily(family.name, family.help, labels=family.labels)
                    for family in ProtectedDataCollector.families}  # fmt: skip
        for known in world.known.values():
            for sample in known.samples:
                families[sample.family.name].add_metric(("msp", *sample.labels), sample.value)
        self._families = tuple(families.values())

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def _timed(repeats: int, what: Callable[[], object], before: Callable[[], None] | None = None) -> Timing:
    seconds = []
    for _ in range(repeats):
        if before is not None:
            before()
        began = time.perf_counter()
        what()
        seconds.append(time.perf_counter() - began)
    return Timing(statistics.median(seconds), min(seconds), max(seconds))


def measure(customers: int, repeats: int) -> dict[str, Timing]:
    """Return the time to render each kind of page."""
    world = World(customers)
    theirs = Theirs(world)
    world.gzipped()
    return {
        "theirs": _timed(repeats, lambda: generate_latest(theirs)),
        "theirs gzip": _timed(repeats, lambda: gzip.compress(generate_latest(theirs), 6)),
        "plain": _timed(repeats, world.plain),
        "plain changed": _timed(repeats, world.plain, lambda: world.change(_CHANGED)),
        "plain changed anywhere": _timed(repeats, world.plain, lambda: world.change_anywhere(_CHANGED)),
        "gzip": _timed(repeats, world.gzipped),
        "gzip changed": _timed(repeats, world.gzipped, lambda: world.change(_CHANGED)),
        "gzip changed anywhere": _timed(repeats, world.gzipped, lambda: world.change_anywhere(_CHANGED)),
    }
