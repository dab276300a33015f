"""The report as text. The report contains the steps, the counts per collector, and the errors with their hints."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import click

from exporter.avepoint.hints import CLOCK
from exporter.avepoint.observer import LARGE_OFFSET
from exporter.diagnose.report import AccountReport, CollectorReport, Report, Step, VersionReport
from exporter.errors import Failure
from exporter.logs import scrub

_COLORS: Final = {"ok": "green", "failed": "red"}
_HEADER: Final = ("COLLECTOR", "RESULT", "API", "CUSTOMERS", "JOBS", "WORKLOADS", "SERIES")
_TEXT_COLUMNS: Final = 3
_NOTHING: Final = "Nothing was tested: every collector is disabled, or all accounts are in other shards."
_INDENT: Final = "  "
_MOST_SHOWN: Final = 10


def text_report(report: Report, *, width: int) -> str:
    """Return the report, wrapped at `width` characters. Words that are longer than `width` are not split."""
    if not report.collectors:
        return _NOTHING
    lines = [line for account in report.accounts for line in _account(account, report, width)]
    return "\n".join([*lines, *_families(report), *_off(report, width), *_verdict(report, width)])


def _account(account: AccountReport, report: Report, width: int) -> Iterator[str]:
    yield f"{account.name}: {account.type}, api {account.api}, {_one_line(account.url)}"
    yield ""
    yield f"{_INDENT}RESULT     TOOK  STEP"
    for step in account.steps:
        yield from _entry(step.result, step.seconds, _step(step), width)
    for collector in account.collectors:
        for version in collector.versions:
            # The report omits failures of the unused API version, because an account may support only one version.
            is_spare = not version.is_used and version.result != "skipped" and collector.result == "ok"
            result = "-" if is_spare and version.result != "ok" else version.result
            yield from _entry(result, version.seconds, _version(collector, version), width)
    yield ""
    yield from _table(account.collectors)
    yield from _quick(account, report.customers_at_most)
    yield from _unlisted(account, width)
    yield from _clock(account, width)
    yield ""


def _table(collectors: Sequence[CollectorReport]) -> Iterator[str]:
    rows = [_HEADER, *(_row(collector) for collector in collectors)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    for row in rows:
        cells = [
            cell.ljust(size) if column < _TEXT_COLUMNS else cell.rjust(size)
            for column, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        cells[1] = _colored(row[1], cells[1])
        yield _INDENT + "  ".join(cells).rstrip()


def _quick(account: AccountReport, customers_at_most: int | None) -> Iterator[str]:
    """Yield a note if the limit of --quick was reached."""
    read = max((one.summary.customers or 0 for one in account.collectors if one.is_per_customer), default=0)
    if customers_at_most is not None and read >= customers_at_most:
        yield f"{_INDENT}The check read only {read} customers. To read all customers, run avepoint-exporter check."


def _unlisted(account: AccountReport, width: int) -> Iterator[str]:
    """Yield a warning if the configuration names customers that AvePoint does not list."""
    if account.unlisted:
        shown, more = ", ".join(account.unlisted[:_MOST_SHOWN]), len(account.unlisted) - _MOST_SHOWN
        text = f"AvePoint does not list these customers: {shown}{f' and {more:,} more' if more > 0 else ''};"
        yield from _wrapped(f"{text} check the ids in customers.include and customers.exclude", _INDENT, width)


def _clock(account: AccountReport, width: int) -> Iterator[str]:
    """Yield a warning if AvePoint's clock differs too much from the clock of this machine."""
    offset = account.observations.clock_offset or 0.0
    if abs(offset) > LARGE_OFFSET:
        direction = "ahead of" if offset > 0 else "behind"
        text = f"AvePoint's clock is {abs(offset):,.0f} s {direction} the clock of this machine; {CLOCK}"
        yield from _wrapped(text, _INDENT, width)


def _entry(result: str, seconds: float, what: str, width: int) -> Iterator[str]:
    took = f"{seconds:.2f}s" if seconds else "-"
    first = f"{_INDENT}{result:<7}{took:>8}  "
    lines = textwrap.wrap(_one_line(what), width, initial_indent=first, subsequent_indent=" " * len(first) + _INDENT,
                          break_long_words=False, break_on_hyphens=False)  # fmt: skip
    yield lines[0].replace(f"{result:<7}", _colored(result, f"{result:<7}"), 1)
    yield from lines[1:]


def _step(step: Step) -> str:
    error = step.failure.message if step.failure else ""
    detail = "not granted" if step.result == "refused" else step.detail or error
    return f"{step.kind} {step.target}{': ' if detail else ''}{detail}"


def _version(collector: CollectorReport, version: VersionReport) -> str:
    title = f"{collector.name}, {version.api_version}{', used' if version.is_used else ''}"
    detail = version.failure.message if version.failure else ", ".join(version.endpoints)
    if version.result == "refused":
        detail = f"{version.permission} not granted"
    return f"{title}: {detail}" if detail else title


def _row(collector: CollectorReport) -> tuple[str, ...]:
    summary = collector.summary
    customers = _number(summary.customers)
    if summary.customers_failed:
        customers = f"{(summary.customers or 0) - summary.customers_failed:,} of {customers}"
    series = sum(summary.series.values())
    return (collector.name, collector.result, collector.api_version or "-", customers, _number(summary.jobs),
            _number(summary.workloads), _number(series))  # fmt: skip


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _families(report: Report) -> Iterator[str]:
    """Yield the name and the number of series of each metric that the exporter would expose."""
    series: dict[str, int] = {}
    for _, collector in report.collectors:
        for name, count in collector.summary.series.items():
            series[name] = series.get(name, 0) + count
    if not series:
        return
    width = max(len("SERIES"), *(len(_number(count)) for count in series.values()))
    yield f"{_INDENT}{'SERIES':>{width}}  METRIC"
    for name, count in series.items():
        yield f"{_INDENT}{_number(count):>{width}}  {name}"
    yield ""


def _off(report: Report, width: int) -> Iterator[str]:
    off = [(account, collector) for account, collector in report.collectors if collector.result == "off"]
    if off:
        yield "Optional collectors that are off because their permission is missing:"
        yield from _failures(off, width)
        yield ""


def _verdict(report: Report, width: int) -> Iterator[str]:
    yield from _failed_customers(report, width)
    total = len(report.collectors)
    ok, off, failed, skipped = (
        [pair for pair in report.collectors if pair[1].result == result]
        for result in ("ok", "off", "failed", "skipped")
    )
    for account in report.without_customers:
        yield f"{account.name}: AvePoint lists none of the customers in customers.include, so no customer was read."
    if not failed and not skipped and report.is_ok:
        yield _working(len(ok), len(off))
    if failed:
        verb = "does" if len(failed) == 1 else "do"
        one_of_one = "The collector does not work:"
        yield f"{len(failed)} of {total} collectors {verb} not work:" if total != 1 else one_of_one
        yield from _failures(failed, width)
    if skipped:
        verb = "was" if len(skipped) == 1 else "were"
        one_of_one = "The collector was not tested:"
        yield f"{len(skipped)} of {total} collectors {verb} not tested:" if total != 1 else one_of_one
        yield from _failures(skipped, width)


def _working(ok: int, off: int) -> str:
    if off:
        verb, state = "works" if ok == 1 else "work", "is" if off == 1 else "are"
        return f"{ok} of {ok + off} collectors {verb}; {off} {state} off."
    return f"All {ok} collectors work." if ok != 1 else "The collector works."


def _failed_customers(report: Report, width: int) -> Iterator[str]:
    pairs = [pair for pair in report.collectors if pair[1].is_ok and pair[1].summary.customers_failed]
    if not pairs:
        return
    yield "Some customers failed. To log each failure, use --log.level warn."
    for account, collector in pairs:
        summary = collector.summary
        yield f"{_INDENT}{account.name}/{collector.name}: {summary.customers_failed:,} of {_number(summary.customers)}"
        for count, failure in summary.customer_failures:
            yield from _failure(f"{count:,} customer{'s' * (count != 1)}", failure, _INDENT * 2, width)
    yield ""


def _failures(pairs: Sequence[tuple[AccountReport, CollectorReport]], width: int) -> Iterator[str]:
    """Yield a message for each distinct failure, with all affected collectors and one request id."""
    collectors: dict[tuple[str, str], tuple[Failure, list[str]]] = {}
    for account, collector in pairs:
        failure = collector.failure or Failure("unknown error")
        _, names = collectors.setdefault((failure.message, failure.hint), (failure, []))
        names.append(f"{account.name}/{collector.name}")
    for failure, names in collectors.values():
        yield from _failure(", ".join(names), failure, _INDENT, width)


def _failure(title: str, failure: Failure, indent: str, width: int) -> Iterator[str]:
    request = f" (request {failure.request_id})" if failure.request_id else ""
    yield from _wrapped(f"{title}: {failure.message}{request}", indent, width)
    if failure.hint:
        yield from _wrapped(failure.hint, indent + _INDENT, width)


def _wrapped(text: str, indent: str, width: int) -> Iterable[str]:
    return textwrap.wrap(_one_line(text), width, initial_indent=indent, subsequent_indent=indent + _INDENT,
                         break_long_words=False, break_on_hyphens=False)  # fmt: skip


def _colored(result: str, cell: str) -> str:
    is_result = result != "-" and cell.strip() != "RESULT"
    return click.style(cell, fg=_COLORS.get(result, "yellow")) if is_result else cell


def _one_line(text: str) -> str:
    """Remove secrets, control characters and line breaks from text."""
    return scrub(text).replace("\n", " ")
