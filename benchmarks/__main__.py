"""Run all benchmarks and write docs/performance.md (`make bench`). `--quick` measures less and writes nothing."""

import argparse
import os
import platform
from pathlib import Path
from typing import TypeVar

from benchmarks.exposition import measure
from benchmarks.refreshes import refresh_for_ever, refresh_once, starts
from benchmarks.report import Results, page, plot

T = TypeVar("T")
_DOCS = Path(__file__).parent.parent / "docs"


def main() -> None:
    """Run all benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--customers", type=int, nargs="*", default=[10, 200, 1000, 5000], help="numbers of customers")
    parser.add_argument(
        "--stretch",
        type=int,
        default=0,
        help="number of customers in an additional refresh, which measures the memory (default: no such refresh)",
    )
    parser.add_argument("--latency", type=float, default=0.15, help="latency of AvePoint's responses in seconds")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="take only a few measurements, and write no files")
    options = parser.parse_args()
    if options.quick:
        options.customers, options.latency, options.repeats = [10, 50], 0.02, 2
    results = Results(
        f"{platform.python_implementation()} {platform.python_version()} on a machine with {os.cpu_count()} cores"
    )
    results.starts = _said("starts", starts(options.repeats))
    for customers in options.customers:
        results.pages[customers] = _said(f"pages of {customers} customers", measure(customers, options.repeats))
    for customers in options.customers:
        results.refreshes.append(_said(f"refresh of {customers}", refresh_once(customers, options.latency, 32)))
    largest = max(options.customers)
    results.wide = _said(f"refresh of {largest}, 64 at once", refresh_once(largest, options.latency, 64))
    if options.stretch:
        results.refreshes.append(_said(f"refresh of {options.stretch}", refresh_once(options.stretch, 0.01, 32)))
    results.busy = _said("refreshes and scrapers", refresh_for_ever(largest, options.latency, 32, options.repeats))
    text = page(results)
    print(text)
    if not options.quick:
        (_DOCS / "performance.md").write_text(text)
        (_DOCS / "images" / "performance.svg").write_text(plot(results))


def _said(what: str, result: T) -> T:
    print(f"{what}: {result}", flush=True)
    return result


if __name__ == "__main__":
    main()
