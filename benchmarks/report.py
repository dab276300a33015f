"""The figures as a document and a plot."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.exposition import Timing
from benchmarks.refreshes import Refreshed, least_calls

SAMPLES = 48  # of one customer: twelve workloads, four samples each


@dataclass(slots=True)
class Results:
    """All that was measured in one run."""

    machine: str
    starts: Sequence[float] = ()
    pages: dict[int, Mapping[str, Timing]] = field(default_factory=dict)
    refreshes: list[Refreshed] = field(default_factory=list)
    wide: Refreshed | None = None
    busy: Refreshed | None = None


def page(results: Results) -> str:
    """Return docs/performance.md."""
    return _TEXT.format(
        machine=results.machine,
        pages="\n".join(_page_rows(results)),
        refreshes="\n".join(_refresh_rows(results)),
        busy="\n".join(_busy_rows(results)),
    )


def _page_rows(results: Results) -> Iterator[str]:
    for customers, times in results.pages.items():
        plain, packed = times["theirs"].median, times["theirs gzip"].median
        cells = [f"{plain * 1e3:,.0f} ms", _against(times["plain changed"], plain),
                 _against(times["plain changed anywhere"], plain), _against(times["plain"], plain),
                 f"{packed * 1e3:,.0f} ms", _against(times["gzip changed"], packed),
                 _against(times["gzip changed anywhere"], packed), _against(times["gzip"], packed)]  # fmt: skip
        yield f"| {customers:,} ({customers * SAMPLES:,}) | {' | '.join(cells)} |"


def _against(timing: Timing, theirs: float) -> str:
    times = f"{timing.median * 1e3:.1f} ms ({timing.least * 1e3:.1f} to {timing.most * 1e3:.1f})"
    return f"{times}, **{theirs / timing.median:.0f} times**"


def _refresh_rows(results: Results) -> Iterator[str]:
    for one in [*results.refreshes, *([results.wide] if results.wide is not None else [])]:
        wall = statistics.median(one.walls)
        yield (
            f"| {one.customers:,} | {one.concurrency} at once, {one.latency * 1e3:.0f} ms | {wall:.2f} s of {one.ideal:.2f}: "
            f"**{wall / one.ideal:.3f}** | {one.calls:,} of {least_calls(one.customers):,} and {one.tokens} for tokens "
            f"| {one.cpu * 1e3:.2f} ms | {one.memory:.0f} MB |"
        )


def _busy_rows(results: Results) -> Iterator[str]:
    starts = sorted(results.starts)
    yield f"| CPU from the start to the first byte of `/metrics` | 0.6 s | {_spread(starts, 's', 1)} |"
    if (busy := results.busy) is None:
        return
    health = sorted(busy.health)
    p99 = health[min(len(health) - 1, math.ceil(len(health) * 0.99))]
    walls = [wall / busy.ideal for wall in busy.walls]
    yield f"| a refresh again and again, against the ideal | 1.05 | {_spread(sorted(walls), '', 1)} |"
    yield f"| the same with four scrapers, against without | 1.05 | {busy.ratio_scraped:.3f} |"
    yield f"| `/-/healthy` meanwhile, 99 of 100 within | 25 ms | {p99 * 1e3:.1f} ms of {len(health)} |"
    yield f"| one of those scrapes, compressed | | {_spread(sorted(busy.scrapes), 'ms', 1000)} |"
    yield f"| CPU a customer, decoding, rendering and scrapes included | 2 ms | {busy.cpu * 1e3:.2f} ms |"
    yield f"| resident memory meanwhile | 150 MB | {busy.memory:.0f} MB |"


def _spread(values: Sequence[float], unit: str, factor: float) -> str:
    median, least, most = (f"{value * factor:.3g}" for value in (statistics.median(values), values[0], values[-1]))
    return f"{median} {unit} ({least} to {most})".replace("  ", " ")


_COLOURS = ("#8c8c8c", "#d95f02", "#1b9e77", "#7570b3")
_KINDS = ("theirs gzip", "plain changed", "gzip changed", "gzip")
_NAMES = ("prometheus_client and gzip", "page, changed", "compressed, changed", "compressed, unchanged")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 360, 70, 300


def plot(results: Results) -> str:
    """Return the times of a page over the number of samples as SVG, both axes logarithmic."""
    sizes = list(results.pages)
    times = [result[kind].median * 1e3 for result in results.pages.values() for kind in _KINDS]
    across = _scale(min(sizes) * SAMPLES, max(sizes) * SAMPLES, _LEFT, _WIDTH - 20)
    up = _scale(min(times), max(times), _BOTTOM, 20)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
             f'font-size="12"><rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>']  # fmt: skip
    for power in range(math.ceil(math.log10(min(times))), math.floor(math.log10(max(times))) + 1):
        y = up(10.0**power)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - 20}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g} ms</text>')
    for size in sizes:
        x = across(size * SAMPLES)
        parts.append(f'<text x="{x:.1f}" y="{_BOTTOM + 18}" text-anchor="middle">{size * SAMPLES:,}</text>')
    for number, (kind, name, colour) in enumerate(zip(_KINDS, _NAMES, _COLOURS, strict=True)):
        points = " ".join(
            f"{across(size * SAMPLES):.1f},{up(results.pages[size][kind].median * 1e3):.1f}" for size in sizes
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{_LEFT + 145 * number}" y="{_BOTTOM + 45}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>\n"])


class _scale:  # noqa: N801 - used as a function
    """Maps a range of values, by their logarithm, to a range of places."""

    def __init__(self, least: float, most: float, first: float, last: float) -> None:
        self._least = math.log(least)
        self._span = math.log(most) - self._least or 1.0
        self._first, self._length = first, last - first

    def __call__(self, value: float) -> float:
        return self._first + (math.log(value) - self._least) / self._span * self._length


_TEXT = """# Performance

Measured by `make bench` against a simulated AvePoint in a process of its own; this page is what it wrote. The machine: {machine}.
Each figure is the median of the run with the fastest and the slowest in brackets, and what is compared was measured in
the same run. Other machines have other seconds; the ratios stay.

## A page

Each customer has twelve workloads and 48 samples. `generate_latest` prints the same samples from families that are made
already. "Changed" means that a sixth of the customers changed since the last page, in the order of a refresh or anywhere.

| customers (samples) | `generate_latest` | changed in order | changed anywhere | unchanged | and gzip, level 6 | changed in order | changed anywhere | unchanged |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
{pages}

![Time of a page over the number of its samples](images/performance.svg)

The lines of a customer are rendered once, when the customer is read. A plain page joins these lines. A compressed page
is compressed by isal at its fastest level and kept until a read changes or becomes stale; only the exporter's own
metrics, which are new on every page, are compressed again. On platforms without isal, zlib takes its place.

## A refresh

The ideal is `calls x seconds a call / calls at once`; the calls are one a customer and one for every hundred to list
them. The first refresh of a process is measured, which also has to ask for two tokens.

What answers is a server of a few lines that gives what the simulator has answered before: a server that needs time for
itself would be measured with what asks it.

| customers | AvePoint | wall time and ideal | calls and the least | CPU a customer, start included | memory |
| --- | --- | --- | --- | --- | --- |
{refreshes}

Customers are read while they are still being listed, each worker has a connection of its own, and the token for the
customers is asked for while the first page of the list is on its way. Wall time grows with the calls, memory with the
customers known: about 16 KB each, of which 9 are the text of 48 samples.

## Everything at once

The largest portfolio is read again and again while four scrapers ask every 15 s.

| what | at most | measured |
| --- | --- | --- |
{busy}

Pages are made on a thread of their own, and so are the list of customers and what is written to `--storage.path`; the
thread gives way every half millisecond. Modules are kept out of the garbage collector's sight once the process serves,
and a call leaves no cycles behind, so that full collections are rare.
"""
