"""The report for people: what was tried and how it went, what was seen, and what to do about what is wrong."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import click

from exporter.diagnose.report import AccountReport, CollectorReport, ReadReport, Report, ReportedError, Step
from exporter.logs import scrub

_COLOURS: Final = {"ok": "green", "failed": "red"}
_HEAD: Final = ("COLLECTOR", "RESULT", "API", "CUSTOMERS", "JOBS", "WORKLOADS", "SERIES")
_NOTHING: Final = "Nothing was tried: no collector is on, or all accounts are of other shards."
_INDENT: Final = "  "
_HANGING: Final = " " * 18


def text(report: Report, *, width: int) -> str:
    """Write the report in lines of at most `width` signs, longer only where one word is."""
    if not report.collectors:
        return _NOTHING
    lines = [line for account in report.accounts for line in _account(account, report, width)]
    return "\n".join([*lines, *_families(report), *_off(report, width), *_verdict(report, width)])


def _account(account: AccountReport, report: Report, width: int) -> Iterator[str]:
    yield f"{account.name}: {account.type}, api {account.api}, {_line(account.url)}"
    yield ""
    yield f"{_INDENT}RESULT     TOOK  STEP"
    for step in account.steps:
        yield from _entry(step.result, step.seconds, _step(step), width)
    for collector in account.collectors:
        for reading in collector.readings:
            is_spare = not reading.is_used and reading.result != "skipped" and collector.result == "ok"
            result = "-" if is_spare and reading.result != "ok" else reading.result
            yield from _entry(result, reading.seconds, _reading(collector, reading), width)
    yield ""
    rows = [_HEAD, *(_row(collector) for collector in account.collectors)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        cells = [
            cell.ljust(size) if column < 3 else cell.rjust(size)  # noqa: PLR2004 - the first three are words
            for column, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        cells[1] = _coloured(row[1], cells[1])
        yield _INDENT + "  ".join(cells).rstrip()
    if report.customers_at_most is not None and account.type == "partner":
        yield f"{_INDENT}Only the first {report.customers_at_most} customers were read."
    yield ""


def _entry(result: str, seconds: float, what: str, width: int) -> Iterator[str]:
    took = f"{seconds:.2f}s" if seconds else "-"
    first = f"{_INDENT}{result:<7}{took:>8}  "
    lines = textwrap.wrap(_line(what), width, initial_indent=first, subsequent_indent=" " * len(first) + _INDENT,
                          break_long_words=False, break_on_hyphens=False)  # fmt: skip
    yield lines[0].replace(f"{result:<7}", _coloured(result, f"{result:<7}"), 1)
    yield from lines[1:]


def _step(step: Step) -> str:
    said = "not granted" if step.result == "refused" else step.detail or step.trouble.error
    return f"{step.kind} {step.target}{': ' if said else ''}{said}"


def _reading(collector: CollectorReport, reading: ReadReport) -> str:
    words = f"{collector.name}, {reading.api_version}{', used' if reading.is_used else ''}"
    said = reading.trouble.error or ", ".join(reading.endpoints)
    if reading.result == "refused":
        said = f"{reading.permission} not granted"
    return f"{words}: {said}" if said else words


def _row(collector: CollectorReport) -> tuple[str, ...]:
    seen = collector.seen
    customers = _number(seen.customers)
    if seen.customers_failed:
        customers = f"{(seen.customers or 0) - seen.customers_failed:,} of {customers}"
    series = sum(seen.series.values())
    return (collector.name, collector.result, collector.api_version or "-", customers, _number(seen.jobs),
            _number(seen.workloads), _number(series))  # fmt: skip


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _families(report: Report) -> Iterator[str]:
    """List what would be exposed."""
    series: dict[str, int] = {}
    for _, collector in report.collectors:
        for name, count in collector.seen.series.items():
            series[name] = series.get(name, 0) + count
    if not series:
        return
    width = max(len("SERIES"), *(len(_number(count)) for count in series.values()))
    yield f"{_INDENT}{'SERIES':>{width}}  FAMILY"
    for name, count in series.items():
        yield f"{_INDENT}{_number(count):>{width}}  {name}"
    yield ""


def _off(report: Report, width: int) -> Iterator[str]:
    off = [(account, collector) for account, collector in report.collectors if collector.result == "off"]
    if off:
        yield "Off, which is no mistake:"
        yield from _troubles(off, width)
        yield ""


def _verdict(report: Report, width: int) -> Iterator[str]:
    bad = [pair for pair in report.collectors if not pair[1].is_fine]
    some = [pair for pair in report.collectors if pair[1].is_fine and pair[1].seen.customers_failed]
    total = len(report.collectors)
    if some:
        yield "Some customers could not be read; --log.level warn names each:"
        for account, collector in some:
            seen = collector.seen
            yield f"{_INDENT}{account.name}/{collector.name}: {seen.customers_failed:,} of {_number(seen.customers)}"
            for count, trouble in seen.customer_troubles:
                yield from _trouble(f"{count:,} time{'s' * (count != 1)}", trouble, _INDENT * 2, width)
        yield ""
    if not bad:
        yield f"{total} of {total} collectors work." if total != 1 else "The collector works."
        return
    verb = "does" if len(bad) == 1 else "do"
    yield f"{len(bad)} of {total} collectors {verb} not work:" if total != 1 else "The collector does not work:"
    yield from _troubles(bad, width)


def _troubles(pairs: Sequence[tuple[AccountReport, CollectorReport]], width: int) -> Iterator[str]:
    """Tell each trouble once, with all the collectors that have it; of several requests the first is named."""
    told: dict[tuple[str, str], tuple[ReportedError, list[str]]] = {}
    for account, collector in pairs:
        trouble = collector.trouble
        _, names = told.setdefault((trouble.error, trouble.hint), (trouble, []))
        names.append(f"{account.name}/{collector.name}")
    for trouble, names in told.values():
        yield from _trouble(", ".join(names), trouble, _INDENT, width)


def _trouble(whose: str, trouble: ReportedError, indent: str, width: int) -> Iterator[str]:
    request = f" (request {trouble.request_id})" if trouble.request_id else ""
    yield from _wrapped(f"{whose}: {trouble.error}{request}", indent, width)
    if trouble.hint:
        yield from _wrapped(trouble.hint, indent + _INDENT, width)


def _wrapped(words: str, indent: str, width: int) -> Iterable[str]:
    return textwrap.wrap(_line(words), width, initial_indent=indent, subsequent_indent=indent + _INDENT,
                         break_long_words=False, break_on_hyphens=False)  # fmt: skip


def _coloured(result: str, cell: str) -> str:
    return click.style(cell, fg=_COLOURS.get(result, "yellow")) if result != "-" and cell.strip() != "RESULT" else cell


def _line(words: str) -> str:
    """Keep what an answer said from moving about on the terminal."""
    return scrub(words).replace("\n", " ")
