"""The page: the snapshot as text, then the exporter's own metrics; made by joining what is kept of each read."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Final, TypeVar

from exporter.collectors.base import Family, Sample
from exporter.engine.snapshot import ReadResult, SnapshotView
from exporter.exposition.compression import Part, compress, member
from exporter.exposition.exporter_metrics import OwnMetrics
from exporter.exposition.lines import FamilyTexts, bare, head, line
from exporter.exposition.runs import Lines, Run, Runs

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_PIECE: Final = 128 * 1024

_COLLECTOR = ("account", "collector")
UP = Family(
    "avepoint_up",
    "1 if the collector's last refresh could read the account, else 0.",
    _COLLECTOR,
    query="avepoint_up == 0",
)
CUSTOMER_UP = Family(
    "avepoint_customer_up",
    "1 if the collector's last refresh could read the customer, else 0.",
    ("account", "customer_id", "collector"),
    query="count by (account, collector) (avepoint_customer_up == 0)",
)
LAST_ATTEMPT = Family(
    "avepoint_collector_last_attempt_timestamp_seconds",
    "When the collector's last refresh began, in Unix seconds.",
    _COLLECTOR,
    query="time() - avepoint_collector_last_attempt_timestamp_seconds",
)
LAST_REFRESH = Family(
    "avepoint_collector_last_success_timestamp_seconds",
    "When the collector's last refresh that could read the account ended, in Unix seconds.",
    _COLLECTOR,
    query="time() - avepoint_collector_last_success_timestamp_seconds > 3 * 3600",
)
DURATION = Family(
    "avepoint_collector_duration_seconds",
    "How long the collector's last refresh took.",
    _COLLECTOR,
    query="max by (account, collector) (avepoint_collector_duration_seconds)",
)
STATUS_FAMILIES: Final = (UP, CUSTOMER_UP, LAST_ATTEMPT, LAST_REFRESH, DURATION)

C = TypeVar("C", bound=bytes | Part)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a scrape asks for: one account or all (None), some families or all (empty), which format."""

    account: str | None = None
    names: frozenset[str] = frozenset()
    openmetrics: bool = False

    def wants(self, family: Family) -> bool:
        """Tell whether a family is asked for, a counter with or without its ending."""
        return not self.names or not self.names.isdisjoint((family.name, bare(family)))


class MetricsPage:
    """Renders snapshots. A read is rendered once, and a run of reads compressed once, until it changes."""

    def __init__(self, families: Sequence[Family], own: OwnMetrics) -> None:
        self._families = tuple(families)
        self._history = frozenset(family.name for family in families if family.history)
        self._own = own
        self._texts = FamilyTexts()
        self._runs: Mapping[Hashable, Run] = {}

    def prepare(self, account: str, known: ReadResult, former: ReadResult | None) -> None:
        """Render a read that has just come in the place of a former one, so that no scrape has to."""
        self._texts.prepare(account, known, former)

    def plain(self, views: Sequence[SnapshotView], request: PageRequest, *, monotonic: float) -> Sequence[bytes]:
        """Give the page, in chunks of any size; `monotonic` is now, against which ages are taken."""
        is_wanted = any(map(request.wants, (*self._families, CUSTOMER_UP)))
        shown = [_by_family(self._lines(view, monotonic)) for view in views] if is_wanted else []
        return [*self._chunks(shown, views, request), self._own_text(request)]

    def gzipped(self, views: Sequence[SnapshotView], request: PageRequest, *, monotonic: float) -> Sequence[bytes]:
        """Give the page as one gzip member, in chunks of any size; one thread at a time."""
        runs = Runs(self._runs)
        shown = [_by_family(self._parts(view, monotonic, runs)) for view in views]
        # A page of one account says nothing of the other accounts' runs.
        self._runs = runs.used if request.account is None else {**self._runs, **runs.used}
        return list(member(_packed([*self._chunks(shown, views, request), self._own_text(request)])))

    def _own_text(self, request: PageRequest) -> bytes:
        return self._own.text(account=request.account, names=request.names, openmetrics=request.openmetrics)

    def _chunks(
        self, shown: Sequence[Mapping[str, Sequence[C]]], views: Sequence[SnapshotView], request: PageRequest
    ) -> Iterator[C | bytes]:
        for family in (*self._families, CUSTOMER_UP):
            if request.wants(family):
                chunks = chain.from_iterable(one.get(family.name, ()) for one in shown)
                yield from _with_head(head(family, openmetrics=request.openmetrics), chunks)
        for family in STATUS_FAMILIES:
            if family is not CUSTOMER_UP and request.wants(family):
                yield from _with_head(head(family), _status_texts(family, views))

    def _lines(self, view: SnapshotView, now: float) -> Iterator[Lines]:
        yield from map(itemgetter(1), self._reads(view, now))
        yield from map(_up_lines(view), view.customer_up.items())

    def _parts(self, view: SnapshotView, now: float, runs: Runs) -> Iterator[Mapping[str, Part]]:
        place = f"{view.account}/{view.collector}"
        yield from runs.compress(f"{place}/known", self._reads(view, now), itemgetter(0), itemgetter(1))
        yield from runs.compress(f"{place}/up", tuple(view.customer_up.items()), tuple, _up_lines(view))

    def _reads(self, view: SnapshotView, now: float) -> Sequence[tuple[int, Lines]]:
        """Give the lines of each read with their number, below 0 for what is left of a read that grew old."""
        reads = []
        for known in view.reads.values():
            text = self._texts.of(view.account, known)
            # Old values are never shown as if they were fresh.
            if now - known.read_at_monotonic <= view.stale_after:
                reads.append((text.number, text.lines))
            else:
                left = {name: lines for name, lines in text.lines.items() if name in self._history}
                reads.append((-text.number, left))
        return reads


def pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Join chunks to pieces of about 128 KB, as they are sent."""
    pending, size = [], 0
    for chunk in chunks:
        pending.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            yield b"".join(pending)
            pending, size = [], 0
    yield b"".join(pending)


def _by_family(texts: Iterable[Mapping[str, C]]) -> Mapping[str, Sequence[C]]:
    chunks: dict[str, list[C]] = {}
    for lines in texts:
        for name, chunk in lines.items():
            chunks.setdefault(name, []).append(chunk)
    return chunks


def _packed(chunks: Iterable[bytes | Part]) -> Iterator[Part]:
    """Compress what is not yet compressed, as much as stands together."""
    loose: list[bytes] = []
    for chunk in chunks:
        if isinstance(chunk, bytes):
            loose.append(chunk)
            continue
        if loose:
            yield compress(b"".join(loose))
            loose = []
        yield chunk
    yield compress(b"".join(loose))


def _with_head(head: str, chunks: Iterable[C]) -> Iterator[C | bytes]:
    """Put the head before the first line; a family without lines has none."""
    headed = False
    for chunk in chunks:
        if not headed:
            yield head.encode()
            headed = True
        yield chunk


def _up_lines(view: SnapshotView) -> Callable[[tuple[str, bool]], Lines]:
    def lines(customer: tuple[str, bool]) -> Lines:
        customer_id, is_up = customer
        sample = Sample(CUSTOMER_UP, (customer_id, view.collector), float(is_up))
        return {CUSTOMER_UP.name: line(sample, view.account).encode()}

    return lines


def _status_texts(family: Family, views: Iterable[SnapshotView]) -> Iterator[bytes]:
    for view in views:
        status = view.status
        value = {
            UP.name: None if status.up is None else float(status.up),
            LAST_ATTEMPT.name: status.last_attempt,
            LAST_REFRESH.name: status.last_success,
            DURATION.name: status.duration,
        }[family.name]
        if value is not None:
            yield line(Sample(family, (view.collector,), value), view.account).encode()
