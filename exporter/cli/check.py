"""The command `avepoint-exporter check` tests every account and prints a report."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click
from click.exceptions import Exit

from exporter.cli.event_loop import run_coroutine
from exporter.cli.flags import (
    CONTEXT,
    DONE,
    EPILOG,
    UNREADABLE,
    Flags,
    common,
    config_file,
    loader,
    merged,
    option,
    shard_of,
    sharding,
)
from exporter.cli.warnings import print_warnings
from exporter.clock import SystemClock
from exporter.config.load import account_names
from exporter.config.schema import Config
from exporter.errors import ConfigError
from exporter.logs import hush, setup

if TYPE_CHECKING:
    from exporter.diagnose.progress import Progress
    from exporter.diagnose.report import Report

_QUICK_CUSTOMERS: Final = 3
_LABEL_WIDTH: Final = 34
_BAR_LENGTH: Final = 1000


def _complete_account(ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    names = account_names(config_file(merged(ctx, ctx.params)))
    return [name for name in names if name.startswith(typed)]


@click.command(context_settings=CONTEXT, epilog=EPILOG, short_help="Test every account with real requests.")
@common
@sharding
@option("--account", multiple=True, metavar="NAME", shell_complete=_complete_account,
        help="Test only this account. This flag can be repeated.")  # fmt: skip
@option("--quick", is_flag=True, help=f"Read at most {_QUICK_CUSTOMERS} customers per partner account.")
@option("--json", is_flag=True, help="Print a JSON document for scripts.")
@option("--report", is_flag=True,
        help="Print a summary of AvePoint's responses for a bug report, without names, IDs, addresses or"
        " secrets.")  # fmt: skip
@click.pass_context
def check(ctx: click.Context, /, account: tuple[str, ...], *, quick: bool, **own: Any) -> None:  # noqa: ANN401 - click passes one value per flag
    """Test every account with real requests and report all errors.

    The check resolves the names of AvePoint's hosts, connects with TLS,
    requests one token per permission and runs each collector once. The check
    also tries the other API version. The output contains the numbers of
    customers, jobs and series, but no secrets. The check reads each customer
    at most once and respects the configured rate limits.

    The exit code is 0 if every collector works or is off.

    \b
    Examples:
      avepoint-exporter check
      avepoint-exporter check --quick --account msp
      avepoint-exporter check --quick --report
      avepoint-exporter check --json | jq '.accounts[].collectors[].error'
    """  # noqa: D301 - click does not rewrap paragraphs that begin with \b
    as_json, is_report = own.pop("json"), own.pop("report")
    if as_json and is_report:
        raise click.UsageError("--json cannot be combined with --report", ctx)
    flags = merged(ctx, own)
    setup(flags["log_level"] or "error", flags["log_format"] or "logfmt")
    if flags["log_level"] is None:
        hush()  # the report contains every error
    result = run_check(flags, account, quick=quick)
    if is_report:
        click.echo(_bug_report(result))
    else:
        show(result, as_json=as_json)
    ctx.exit(DONE if result.is_ok else UNREADABLE)


def run_check(flags: Flags, names: tuple[str, ...] = (), *, quick: bool = False) -> "Report":
    """Test the named accounts, or all accounts if `names` is empty. Raise ConfigError if a name is unknown."""
    from exporter.diagnose.examination import check_accounts  # noqa: PLC0415 - only this command needs this module
    from exporter.engine.accounts import Accounts  # noqa: PLC0415 - only this command needs this module

    loaded = loader(flags)()
    config, shard, clock = _chosen(loaded, names), shard_of(flags), SystemClock()
    customers_at_most = _QUICK_CUSTOMERS if quick else None
    print_warnings(loaded, config_file(flags))

    async def test(progress: "Progress") -> "Report":
        return await check_accounts(
            config,
            lambda observe: Accounts(
                clock=clock, observe=observe, forget=lambda _: None, shard=shard, most_customers=customers_at_most
            ),
            clock,
            progress,
            customers_at_most=customers_at_most,
        )

    try:
        with _progress() as progress:
            return run_coroutine(test(progress))
    except KeyboardInterrupt:
        raise Exit(UNREADABLE) from None


def show(report: "Report", *, as_json: bool) -> None:
    """Print the report. If standard output is a terminal, use colors."""
    from exporter.diagnose.report_json import json_report  # noqa: PLC0415 - only this command needs this module
    from exporter.diagnose.report_text import text_report  # noqa: PLC0415 - only this command needs this module

    color = None if "NO_COLOR" not in os.environ else False
    width = max(80, shutil.get_terminal_size().columns)
    click.echo(json_report(report) if as_json else text_report(report, width=width), color=color)


def _bug_report(report: "Report") -> str:
    from exporter.diagnose.bug_report import bug_report  # noqa: PLC0415 - only this command needs this module

    return bug_report(report)


def _chosen(config: Config, names: tuple[str, ...]) -> Config:
    configured = [account.name for account in config.accounts]
    if unknown := [name for name in names if name not in configured]:
        accounts = ", ".join(configured)
        raise ConfigError([f"--account: no account is named {name!r}; configured: {accounts}" for name in unknown])
    chosen = [account for account in config.accounts if not names or account.name in names]
    return config.model_copy(update={"accounts": tuple(chosen)})


class ProgressBar:
    """A progress bar for a check.

    The bar also shows fractions of a step.
    """

    def __init__(self, bar: Any) -> None:  # noqa: ANN401 - click does not export the type
        self._bar = bar
        self._steps = 0.0
        self._done = 0.0

    def begin(self, steps: float) -> None:
        """Show an empty bar for a check that has `steps` steps."""
        self._steps = steps
        self._bar.render_progress()

    def advance(self, steps: float, label: str) -> None:
        """Advance the bar by `steps` steps."""
        self._done += steps
        position = round(_BAR_LENGTH * min(1.0, self._done / self._steps))
        self._bar.update(position - self._bar.pos, label)


def _shortened(label: str | None) -> str:
    # If a line is wider than the terminal, the line wraps, and the next update cannot overwrite the line.
    return (label or "")[:_LABEL_WIDTH]


@contextmanager
def _progress() -> Iterator["Progress"]:
    """Show a progress bar if standard error is a terminal."""
    from exporter.diagnose.progress import SilentProgress  # noqa: PLC0415 - only this command needs this module

    if not sys.stderr.isatty():
        yield SilentProgress()
        return
    with click.progressbar(
        length=_BAR_LENGTH, label="Checking", file=sys.stderr, width=24, show_percent=True, show_eta=False,
        item_show_func=_shortened,
    ) as bar:  # fmt: skip
        yield ProgressBar(bar)
