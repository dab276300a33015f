"""Write the results as a document and a plot."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.exposition import Timing
from benchmarks.refreshes import Refreshed, least_calls

SAMPLES = 48  # per customer: twelve workloads with four samples each


@dataclass(slots=True)
class Results:
    """All results of one benchmark run."""

    machine: str
    starts: Sequence[float] = ()
    pages: dict[int, Mapping[str, Timing]] = field(default_factory=dict)
    refreshes: list[Refreshed] = field(default_factory=list)
    wide: Refreshed | None = None
    busy: Refreshed | None = None


def page(results: Results) -> str:
    """Return the content of docs/performance.md."""
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
            f"| {one.customers:,} | {one.concurrency} concurrent, {one.latency * 1e3:.0f} ms | {wall:.2f} s ({one.ideal:.2f} s), "
            f"**{wall / one.ideal:.3f}** | {one.calls:,} (minimum {least_calls(one.customers):,}), plus {one.tokens} token requests "
            f"| {one.cpu * 1e3:.2f} ms | {one.memory:.0f} MB |"
        )


def _busy_rows(results: Results) -> Iterator[str]:
    starts = sorted(results.starts)
    yield f"| CPU time from the start to the first byte of `/metrics` | 0.6 s | {_spread(starts, 's', 1)} |"
    if (busy := results.busy) is None:
        return
    health = sorted(busy.health)
    p99 = health[min(len(health) - 1, math.ceil(len(health) * 0.99))]
    walls = [wall / busy.ideal for wall in busy.walls]
    yield f"| refresh duration / ideal duration | 1.05 | {_spread(sorted(walls), '', 1)} |"
    yield f"| refresh duration with scrapes / duration without scrapes | 1.05 | {busy.ratio_scraped:.3f} |"
    yield f"| response time of `/-/healthy`, 99th percentile | 25 ms | {p99 * 1e3:.1f} ms of {len(health)} |"
    yield f"| response time of a compressed scrape | | {_spread(sorted(busy.scrapes), 'ms', 1000)} |"
    yield f"| CPU time per customer, including decoding, rendering and scrapes | 2 ms | {busy.cpu * 1e3:.2f} ms |"
    yield f"| resident memory | 150 MB | {busy.memory:.0f} MB |"


def _spread(values: Sequence[float], unit: str, factor: float) -> str:
    median, least, most = (f"{value * factor:.3g}" for value in (statistics.median(values), values[0], values[-1]))
    return f"{median} {unit} ({least} to {most})".replace("  ", " ")


_COLOURS = ("#8c8c8c", "#d95f02", "#1b9e77", "#7570b3")
_KINDS = ("theirs gzip", "plain changed", "gzip changed", "gzip")
_NAMES = ("prometheus_client and gzip", "page, changed", "compressed, changed", "compressed, unchanged")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 360, 70, 300


def plot(results: Results) -> str:
    """Return an SVG plot of rendering times over the number of samples. Both axes are logarithmic."""
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
    """Maps values to coordinates on a logarithmic scale."""

    def __init__(self, least: float, most: float, first: float, last: float) -> None:
        self._least = math.log(least)
        self._span = math.log(most) - self._least or 1.0
        self._first, self._length = first, last - first

    def __call__(self, value: float) -> float:
        return self._first + (math.log(value) - self._least) / self._span * self._length


_TEXT = """# Performance

`make bench` generates this page. The benchmark runs the exporter against a simulated AvePoint in a separate process. The figures are from {machine}.
Each figure is the median of several runs, with the fastest and the slowest run in parentheses. Figures that are compared with each
other come from the same run. On other machines, the times differ, but the ratios are similar.

## Pages

Each customer has 12 workloads and 48 samples. The column `generate_latest` shows the time that prometheus_client needs for the same samples. The
other columns show the time that the exporter needs, and (in bold) how many times faster the exporter is. For the columns *changed in order*
and *changed anywhere*, one sixth of the customers has new data since the previous page. *In order* means consecutive customers, as in a refresh.
*Anywhere* means random customers.

| customers (samples) | `generate_latest` | changed in order | changed anywhere | unchanged | with gzip, level 6 | changed in order | changed anywhere | unchanged |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
{pages}

![Time to generate a page, by number of samples](images/performance.svg)

The exporter renders the lines of a customer once per refresh, and joins these lines to a page. The exporter keeps the compressed parts of a page until a
result changes or becomes stale.

## Refreshes

The ideal time is `requests x seconds per request / concurrent requests`. A refresh needs one request per customer, and one request per 100 customers
for the list. The table shows the first refresh after the start. This refresh also requests two tokens. Only the collectors `customers` and `protected_data` are
enabled.

A small server returns responses that the simulator generated in advance, so the times do not include the work of the simulator.

| customers | AvePoint | time (ideal time), **ratio** | requests | CPU time per customer, including the startup | memory |
| --- | --- | --- | --- | --- | --- |
{refreshes}

The exporter starts to read customers before the list is complete, and keeps one connection per concurrent request. The time
grows with the number of requests. The memory grows by about 16 KB per customer.

## Refreshes and scrapes

The exporter refreshes the largest portfolio continuously, while four clients scrape every 15 seconds.

| figure | limit | measured |
| --- | --- | --- |
{busy}
"""
