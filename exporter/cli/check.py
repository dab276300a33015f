"""`avepoint-exporter check`: what is tried, how its progress is shown, and where the report goes."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click
from click.exceptions import Exit

from exporter.avepoint.credentials import readable_secrets
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
from exporter.clock import SystemClock
from exporter.config.load import account_names
from exporter.config.schema import Config
from exporter.errors import ConfigError
from exporter.logs import hush, setup

if TYPE_CHECKING:
    from exporter.diagnose.progress import Progress
    from exporter.diagnose.report import Report

_FEW: Final = 3
"""Customers that --quick reads."""


def _accounts(ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    names = account_names(config_file(merged(ctx, ctx.params)))
    return [name for name in names if name.startswith(typed)]


@click.command(context_settings=CONTEXT, epilog=EPILOG, short_help="Try every account for real and say what works.")
@common
@sharding
@option("--account", multiple=True, metavar="NAME", shell_complete=_accounts, help="Try this account only; repeatable.")
@option("--quick", is_flag=True, help=f"Read the first {_FEW} customers of a partner only.")
@option("--json", is_flag=True, help="Print a JSON document, for scripts.")
@click.pass_context
def check(ctx: click.Context, /, account: tuple[str, ...], *, quick: bool, json: bool, **own: Any) -> None:  # noqa: ANN401 - one value a flag
    """Try every account for real and say what works, what does not, and what to do.

    In this order: the names of AvePoint's hosts, TLS, a token for each
    permission, each collector in each generation of the API; then what was
    seen and what would be exposed. No secret is shown. A customer is read
    once at most, at the pace of the configuration.

    Exit codes: 0 every collector works (or is off because its permission is
    optional), 1 the configuration is wrong, 2 something does not work.

    \b
    Examples:
      avepoint-exporter check
      avepoint-exporter check --quick --account msp
      avepoint-exporter check --json | jq '.accounts[].collectors[].error'
    """  # noqa: D301 - click\'s mark for lines that are kept as they are
    flags = merged(ctx, own)
    setup(flags["log_level"] or "error", flags["log_format"] or "logfmt")
    if flags["log_level"] is None:
        hush()  # the report says it all
    report = run_check(flags, account, quick=quick)
    show(report, as_json=json)
    ctx.exit(DONE if report.is_fine else UNREADABLE)


def run_check(flags: Flags, names: tuple[str, ...] = (), *, quick: bool = False) -> "Report":
    """Try the accounts of these names, or all; raises ConfigError."""
    from exporter.diagnose.examination import check_accounts  # noqa: PLC0415 - as above
    from exporter.engine.accounts import Accounts  # noqa: PLC0415 - only this command needs all this

    loaded = loader(flags)()
    config, shard, clock, few = _chosen(loaded, names), shard_of(flags), SystemClock(), _FEW if quick else None
    warn(loaded)

    async def tried(progress: "Progress") -> "Report":
        return await check_accounts(
            config,
            lambda observe: Accounts(
                clock=clock, observe=observe, forget=lambda _: None, shard=shard, most_customers=few
            ),
            clock,
            progress,
            customers_at_most=few,
        )

    try:
        with _progress() as progress:
            return asyncio.run(tried(progress))
    except KeyboardInterrupt:
        raise Exit(UNREADABLE) from None


def warn(config: Config) -> None:
    """Say on standard error which files with secrets others can read; the exit code does not heed it."""
    for line in readable_secrets(config):
        click.echo(f"avepoint-exporter: warning: {line}", err=True)


def show(report: "Report", *, as_json: bool) -> None:
    """Print the report; in colours only on a terminal."""
    from exporter.diagnose.report_json import document  # noqa: PLC0415 - as above
    from exporter.diagnose.report_text import text  # noqa: PLC0415 - as above

    color = None if "NO_COLOR" not in os.environ else False
    width = max(80, shutil.get_terminal_size().columns)
    click.echo(document(report) if as_json else text(report, width=width), color=color)


def _chosen(config: Config, names: tuple[str, ...]) -> Config:
    known = [account.name for account in config.accounts]
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(
            [f"--account: there is no account {name!r}; there are {', '.join(known)}" for name in unknown]
        )
    chosen = [account for account in config.accounts if not names or account.name in names]
    return config.model_copy(update={"accounts": tuple(chosen)})


class ProgressBar:
    """A progress bar that grows with what turns out to be to do."""

    def __init__(self, bar: Any) -> None:  # noqa: ANN401 - click does not export the type
        self._bar = bar

    def expect(self, steps: int) -> None:
        """Make room for so many steps more."""
        self._bar.length += steps
        self._bar.finished = False

    def advance(self, steps: int, what: str) -> None:
        """Move on."""
        self._bar.update(min(steps, self._bar.length - self._bar.pos), what)


def _shortened(what: str | None) -> str:
    # A line that is wider than the terminal would be written again and again.
    return (what or "")[:24]


@contextmanager
def _progress() -> Iterator["Progress"]:
    """Show a bar on the terminal, and nothing where standard error is none."""
    from exporter.diagnose.progress import Silent  # noqa: PLC0415 - as above

    if not sys.stderr.isatty():
        yield Silent()
        return
    with click.progressbar(
        length=0, label="Checking", file=sys.stderr, width=24, show_pos=True, show_eta=False, item_show_func=_shortened
    ) as bar:
        yield ProgressBar(bar)
