"""The page: the snapshot as text, piece by piece, then the exporter's own metrics.

A sample's line is the same in the text format 0.0.4 and in OpenMetrics 1.0, so each read is rendered once and its text
kept until a newer read takes its place. Only the head of a counter differs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from prometheus_client.utils import floatToGoString

from exporter.collectors.base import Family, Sample
from exporter.exposition.own import OwnMetrics
from exporter.snapshot import Known, View

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_PIECE: Final = 64 * 1024

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


@dataclass(frozen=True, slots=True)
class Request:
    """What a scrape asks for: one account or all (None), some families or all (empty), which format."""

    account: str | None = None
    names: frozenset[str] = frozenset()
    openmetrics: bool = False

    def wants(self, family: Family) -> bool:
        """Tell whether a family is asked for, a counter with or without its ending."""
        return not self.names or not self.names.isdisjoint((family.name, _bare(family)))


class Page:
    """Renders snapshots; keeps the text of each read as long as the read is known."""

    def __init__(self, families: Sequence[Family], own: OwnMetrics) -> None:
        self._families = tuple(families)
        self._own = own
        self._chunks: WeakKeyDictionary[Known, Mapping[str, str]] = WeakKeyDictionary()

    def pieces(self, views: Sequence[View], request: Request, *, monotonic: float) -> Iterator[bytes]:
        """Yield the page in pieces of about 64 KB; `monotonic` is now, against which ages are taken."""
        pending, size = [], 0
        for text in self._texts(views, request, monotonic):
            pending.append(text)
            size += len(text)
            if size >= _PIECE:
                yield "".join(pending).encode()
                pending, size = [], 0
        yield "".join(pending).encode()
        yield self._own.text(account=request.account, names=request.names, openmetrics=request.openmetrics)

    def _texts(self, views: Sequence[View], request: Request, now: float) -> Iterator[str]:
        for family in self._families:
            if request.wants(family):
                yield from _with_head(
                    head(family, openmetrics=request.openmetrics), self._known_texts(family, views, now)
                )
        for family in STATUS_FAMILIES:
            if request.wants(family):
                yield from _with_head(head(family), _status_texts(family, views))

    def _known_texts(self, family: Family, views: Iterable[View], now: float) -> Iterator[str]:
        for view in views:
            for known in view.known.values():
                # Old values are never shown as if they were fresh.
                if family.history or now - known.read_at_monotonic <= view.stale_after:
                    chunk = self._chunk(known, view.account).get(family.name)
                    if chunk is not None:
                        yield chunk

    def _chunk(self, known: Known, account: str) -> Mapping[str, str]:
        """Give the lines of one read by family."""
        chunk = self._chunks.get(known)
        if chunk is None:
            lines: dict[str, list[str]] = {}
            for sample in known.samples:
                lines.setdefault(sample.family.name, []).append(line(sample, account))
            chunk = self._chunks[known] = {name: "".join(parts) for name, parts in lines.items()}
        return chunk


def line(sample: Sample, account: str) -> str:
    """Give a sample's line; a label without a value is left out."""
    values = zip(sample.family.labels, (account, *sample.labels), strict=True)
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in values if value)
    value = floatToGoString(sample.value)  # type: ignore[no-untyped-call] # the library leaves it untyped
    return f"{sample.family.name}{{{labels}}} {value}\n"


def head(family: Family, *, openmetrics: bool = False) -> str:
    """Give a family's HELP and TYPE; OpenMetrics names a counter without its ending."""
    name = _bare(family) if openmetrics else family.name
    return f"# HELP {name} {family.help}\n# TYPE {name} {family.type}\n"


def _bare(family: Family) -> str:
    return family.name.removesuffix("_total") if family.type == "counter" else family.name


def _with_head(head: str, texts: Iterable[str]) -> Iterator[str]:
    """Put the head before the first line; a family without lines has none."""
    headed = False
    for text in texts:
        if not headed:
            yield head
            headed = True
        yield text


def _status_texts(family: Family, views: Iterable[View]) -> Iterator[str]:
    for view in views:
        if family is CUSTOMER_UP:
            for customer_id, is_up in view.customer_up.items():
                yield line(Sample(CUSTOMER_UP, (customer_id, view.collector), float(is_up)), view.account)
            continue
        status = view.status
        value = {
            UP.name: None if status.up is None else float(status.up),
            LAST_ATTEMPT.name: status.last_attempt,
            LAST_REFRESH.name: status.last_success,
            DURATION.name: status.duration,
        }[family.name]
        if value is not None:
            yield line(Sample(family, (view.collector,), value), view.account)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
