"""The block that `check --report` prints for a bug report.

The block contains only predefined words and numbers, and no names, ids, addresses or secrets.
"""

import platform
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Final

from exporter import __version__
from exporter.diagnose.assumptions import ASSUMPTIONS, OTHER, Assumption
from exporter.diagnose.report import AccountReport, Observations, Report

_WIDTH: Final = max(len(assumption.name) for assumption in ASSUMPTIONS)
_NOT_SEEN: Final = "not seen"


def bug_report(report: Report) -> str:
    """Return the block for a bug report. Numbers replace the names of accounts."""
    version = ".".join(platform.python_version_tuple()[:2])
    lines = [f"avepoint-exporter {__version__}, Python {version}, check --report"]
    for number, account in enumerate(report.accounts, start=1):
        lines += ["", *_account(number, account)]
    return "\n".join(lines)


def _account(number: int, account: AccountReport) -> Iterator[str]:
    seen = account.observations
    yield f"account {number}: {account.type}, api {account.api}"
    yield f"  clock offset: {_NOT_SEEN if seen.clock_offset is None else f'{seen.clock_offset:+.0f} s'}"
    codes = ", ".join(f"{count} x {code}" for code, count in sorted(seen.codes.items()))
    yield f"  requests by status: {codes or 'none'}"
    for collector in account.collectors:
        version = f", {collector.api_version}" if collector.api_version else ""
        yield f"  collector {collector.name}: {collector.result}{version}"
    yield from _durations(seen)
    yield from (f"  {_row(one, seen.outcomes.get(one.name, {}))}" for one in ASSUMPTIONS)


def _durations(seen: Observations) -> Iterator[str]:
    for path, seconds in sorted(seen.seconds.items()):
        yield f"  {path}: {len(seconds)} requests, median {median(seconds):.2f} s, longest {max(seconds):.2f} s"


def _row(assumption: Assumption, counts: Mapping[str, int]) -> str:
    seen = [(outcome, counts.get(outcome, 0)) for outcome in dict.fromkeys((*assumption.outcomes, OTHER))]
    text = ", ".join(f"{outcome} ({count})" for outcome, count in seen if count)
    return f"{assumption.name:<{_WIDTH}}  {text or _NOT_SEEN}"
