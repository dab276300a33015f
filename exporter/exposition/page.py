"""The metrics page. The collected data comes first, grouped by family. The exporter's own metrics come last."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import ref

from exporter.collectors.base import Family, Sample
from exporter.engine.samples import label_text, line
from exporter.engine.snapshot import RefreshStatus, SnapshotView
from exporter.exposition.compression import Compressed, compress, gzip_member, pieces
from exporter.exposition.exporter_metrics import OwnMetrics
from exporter.runtime import trim_memory

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_MAX_KEPT: Final = 4  # maximum number of cached compressed pages (one page per set of request parameters)

_COLLECTOR = ("account", "collector")
UP = Family(
    "avepoint_up",
    "1 if the last refresh of the collector succeeded, else 0.",
    _COLLECTOR,
)
CUSTOMER_UP = Family(
    "avepoint_customer_up",
    "1 if the collector's last refresh read the customer's data successfully, else 0.",
    ("account", "customer_id", "collector"),
    query="count by (account, collector) (avepoint_customer_up == 0)",
)
LAST_ATTEMPT = Family(
    "avepoint_collector_last_attempt_timestamp_seconds",
    "Start time of the collector's last refresh, as Unix time.",
    _COLLECTOR,
)
LAST_REFRESH = Family(
    "avepoint_collector_last_success_timestamp_seconds",
    "End time of the collector's last successful refresh, as Unix time.",
    _COLLECTOR,
)
DURATION = Family(
    "avepoint_collector_duration_seconds",
    "Duration of the collector's last refresh.",
    _COLLECTOR,
)
STATUS_FAMILIES: Final = (UP, CUSTOMER_UP, LAST_ATTEMPT, LAST_REFRESH, DURATION)

PageState = tuple[object, ...]
"""A cache key that changes whenever the collected data on the page changes."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The parameters of a scrape.

    If `account` is None, all accounts are requested. If `names` is empty, all families are requested.
    """

    account: str | None = None
    names: frozenset[str] = frozenset()
    openmetrics: bool = False

    def wants(self, family: Family) -> bool:
        """Return whether a family is requested. The request may omit the suffix `_total` of a counter."""
        return not self.names or not self.names.isdisjoint((family.name, bare_name(family)))


class MetricsPage:
    """Renders the metrics page. Reuses the compressed page until the collected data changes or becomes stale."""

    def __init__(self, families: Sequence[Family], own: OwnMetrics) -> None:
        self._families = tuple(families)
        self._history = frozenset(family.name for family in families if family.history)
        self._counters = frozenset(family.name for family in families if family.type == "counter")
        self._own = own
        self._compressed: dict[PageRequest, tuple[PageState, Compressed]] = {}

    def plain(self, views: Sequence[SnapshotView], request: PageRequest, *, monotonic: float) -> Sequence[bytes]:
        """Return the uncompressed page in chunks. `monotonic` is the current monotonic time."""
        statuses = [(one.account, one.collector, one.status) for one in views]
        return [*self._of_reads(views, request, monotonic), self._end(statuses, request)]

    def gzipped(self, views: Sequence[SnapshotView], request: PageRequest, *, monotonic: float) -> Sequence[bytes]:
        """Return the page as one gzip member, in chunks. Only one thread at a time may call this method."""
        state: PageState = tuple(
            (
                view.account,
                view.collector,
                view.customer_up,
                view.hides_counters,
                *((ref(read), monotonic - read.read_at_monotonic > view.stale_after) for read in view.reads.values()),
            )
            for view in views
        )
        kept_state, compressed = self._compressed.pop(request, (None, None))
        if compressed is None or kept_state != state:
            compressed = compress(pieces(self._of_reads(views, request, monotonic)))
            trim_memory()  # Refreshes have freed many small objects since the previous compression.
        while len(self._compressed) >= _MAX_KEPT:
            del self._compressed[next(iter(self._compressed))]
        self._compressed[request] = state, compressed
        return list(
            gzip_member(compressed, self._end([(one.account, one.collector, one.status) for one in views], request))
        )

    def _of_reads(self, views: Sequence[SnapshotView], request: PageRequest, monotonic: float) -> Iterator[bytes]:
        """Yield the first part of the page: the lines of the collected data."""
        families = [family for family in (*self._families, CUSTOMER_UP) if request.wants(family)]
        if not families:
            return
        chunks: dict[str, list[bytes]] = {}
        for view in views:
            for read in view.reads.values():
                is_stale = monotonic - read.read_at_monotonic > view.stale_after
                for name, lines in read.lines(view.account).items():
                    if view.hides_counters and name in self._counters:
                        continue
                    if not is_stale or name in self._history:  # Data about past events never becomes stale.
                        chunks.setdefault(name, []).append(lines)
            if view.customer_up:
                chunks.setdefault(CUSTOMER_UP.name, []).append(
                    _customer_up_lines(view.account, view.collector, view.customer_up)
                )
        for family in families:
            if family.name in chunks:
                yield head(family, openmetrics=request.openmetrics).encode()
                yield from chunks[family.name]

    def _end(self, statuses: Sequence[tuple[str, str, RefreshStatus]], request: PageRequest) -> bytes:
        """Return the end of the page: the status of the collectors and the exporter's own metrics."""
        text = ""
        for family in STATUS_FAMILIES:
            lines = "".join(_status_line(family, *status) for status in statuses) if request.wants(family) else ""
            text += head(family) + lines if lines else ""
        own = self._own.text(account=request.account, names=request.names, openmetrics=request.openmetrics)
        return text.encode() + own


def head(family: Family, *, openmetrics: bool = False) -> str:
    """Return the HELP and TYPE lines of a family. In OpenMetrics, these lines omit a counter's suffix `_total`."""
    name = bare_name(family) if openmetrics else family.name
    return f"# HELP {name} {family.help}\n# TYPE {name} {family.type}\n"


def bare_name(family: Family) -> str:
    """Return the name of a family. If the family is a counter, omit the suffix `_total`."""
    return family.name.removesuffix("_total") if family.type == "counter" else family.name


def _customer_up_lines(account: str, collector: str, customer_up: Mapping[str, bool]) -> bytes:
    """Return the `avepoint_customer_up` lines of a collector. Labels that all lines share are rendered only once."""
    start = f"{CUSTOMER_UP.name}{{{label_text(('account',), (account,))},"
    ends = [f",{label_text(('collector',), (collector,))}}} {value}\n" for value in ("0.0", "1.0")]
    texts = [f"{start}{label_text(('customer_id',), (one,))}{ends[up]}" for one, up in customer_up.items()]
    return "".join(texts).encode()


def _status_line(family: Family, account: str, collector: str, status: RefreshStatus) -> str:
    """Return a collector's line for a family in STATUS_FAMILIES. If there is no value yet, return ""."""
    values: Mapping[str, float | None] = {
        UP.name: None if status.up is None else float(status.up),
        LAST_ATTEMPT.name: status.last_attempt,
        LAST_REFRESH.name: status.last_success,
        DURATION.name: status.duration,
    }
    value = values.get(family.name)
    return "" if value is None else line(Sample(family, (collector,), value), account)
