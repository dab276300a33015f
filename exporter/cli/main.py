"""The root command serves metrics. This module also defines the exit codes of all commands."""

import errno
import os
import platform
import ssl
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource
from click.exceptions import Exit

from exporter import __version__
from exporter.avepoint.auth.credentials import certificate_mistakes
from exporter.cli.assets import assets
from exporter.cli.check import check
from exporter.cli.completion import completion
from exporter.cli.demo import demo
from exporter.cli.event_loop import exit_now, run_coroutine, run_server
from exporter.cli.flags import (
    CLOSED_PIPE,
    CONTEXT,
    DONE,
    EPILOG,
    UNREADABLE,
    WRONG_CONFIGURATION,
    Flags,
    common,
    config_file,
    listening,
    listening_of,
    loader,
    make_application,
    option,
    shard_of,
    sharding,
    storage_of,
)
from exporter.cli.init import init
from exporter.cli.usage import Commands, usage_message
from exporter.cli.warnings import logging_warnings, print_warnings, print_web_warnings
from exporter.clock import SystemClock
from exporter.config.files import load_authorities
from exporter.config.schema import Config
from exporter.config.secrets import secret_errors
from exporter.engine.snapshot import SnapshotView
from exporter.errors import ConfigError, why_unreadable
from exporter.logs import setup, write_suppressed
from exporter.web.protection import load_protection
from exporter.web.server import check_addresses

_OUTPUT_ERRORS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EIO}


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings=CONTEXT,
    epilog=f"{EPILOG} Exit codes: 0 for success, 1 for an invalid configuration or command line,"
    " 2 for a failed refresh.",
)
@common
@sharding
@listening
@option("--config.check", is_flag=True, help="Check the configuration without requests, print all errors, and exit.")
@option("--config.watch", is_flag=True, default=None, help="Reload the configuration file when it changes.")
@option("--once", is_flag=True, help="Refresh all collectors once, print the metrics, and exit.")
@click.version_option(
    __version__, message=f"%(prog)s %(version)s (Python {platform.python_version()})", help="Show the version and exit."
)
@click.pass_context
def command(ctx: click.Context, /, **flags: Any) -> None:  # noqa: ANN401 - the values of flags have different types
    """Prometheus exporter for AvePoint Cloud Backup for Microsoft 365.

    Without a command, the exporter reads data from AvePoint in the background,
    and serves /metrics and a status page until SIGTERM. SIGHUP reloads the
    configuration.

    \b
    First steps:
      avepoint-exporter demo     run without credentials
      avepoint-exporter init     write a configuration
      avepoint-exporter check    test the configuration
    """  # noqa: D301 - click does not rewrap paragraphs that begin with \b
    if ctx.invoked_subcommand is not None:
        _refuse_unsupported(ctx, command.commands[ctx.invoked_subcommand])
        return
    setup(flags["log_level"] or "info", flags["log_format"] or "logfmt")
    if flags["config_check"] and flags["once"]:
        raise click.UsageError("--config.check cannot be used with --once", ctx)
    if flags["config_check"]:
        click.echo(_checked(flags))
    elif flags["once"]:
        page, views = _refresh_once(flags)
        click.echo(page, nl=False)
        ctx.exit(_exit_code(views))
    else:
        watched = config_file(flags) if flags["config_watch"] else None
        listening = replace(listening_of(flags), watched=watched)
        application = make_application(logging_warnings(loader(flags), config_file(flags)), flags)
        run_server(partial(application.serve, listening, lambda _: None))


for _each in (init, check, demo, assets, completion):
    command.add_command(_each)


def _refuse_unsupported(ctx: click.Context, chosen: click.Command) -> None:
    """Raise UsageError if the command does not support a flag that precedes the command's name."""
    supported = {parameter.name for parameter in chosen.params}
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if name not in supported and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} cannot be used with {ctx.invoked_subcommand}")


def _checked(flags: Flags) -> str:
    """Check the flags and the configuration files without sending requests.

    Return a message for the user. Raise ConfigError if a flag or file is invalid.
    """
    mistakes: list[str] = []
    config: Config | None = None
    for read in (
        loader(flags),
        lambda: _check_web_config(listening_of(flags).web_config),
        lambda: check_addresses(listening_of(flags).addresses),
        lambda: shard_of(flags),
        lambda: storage_of(flags),
    ):
        try:
            found = read()
            config = found if isinstance(found, Config) else config
        except ConfigError as error:
            mistakes += error.errors
    if config is not None:
        print_warnings(config, config_file(flags))
        mistakes += [*secret_errors(config), *certificate_mistakes(config, SystemClock()), *_authority_mistakes(config)]
    if mistakes or config is None:
        raise ConfigError(mistakes)
    accounts = len(config.accounts)
    return f"{config_file(flags)}: valid, {accounts} account{'s' * (accounts != 1)}"


def _check_web_config(path: Path | None) -> None:
    print_web_warnings(load_protection(path).config, path, SystemClock().time())


def _authority_mistakes(config: Config) -> Iterator[str]:
    for index, account in enumerate(config.accounts):
        try:
            if account.tls.ca_file is not None:
                load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), account.tls.ca_file.read_bytes())
        except ValueError as error:
            yield f"accounts[{index}].tls.ca_file: {account.tls.ca_file}: {error} (account {account.name})"
        except OSError as error:
            message = f"cannot read {account.tls.ca_file}: {why_unreadable(error)}"
            yield f"accounts[{index}].tls.ca_file: {message} (account {account.name})"


def _refresh_once(flags: Flags) -> tuple[str, tuple[SnapshotView, ...]]:
    """Refresh every collector once. Return the metrics page and a view of each collector."""
    try:
        load = logging_warnings(loader(flags), config_file(flags))
        return run_coroutine(make_application(load, flags).once())
    except KeyboardInterrupt:
        raise Exit(UNREADABLE) from None


def _exit_code(views: Iterable[SnapshotView]) -> int:
    return DONE if all(view.status.up or view.status.off for view in views) else UNREADABLE


def run(arguments: Sequence[str]) -> int:
    """Run the command line with the given arguments, and return the exit code."""
    try:
        result = command.main(list(arguments), prog_name="avepoint-exporter", standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"avepoint-exporter: {usage_message(error, command, arguments)}", err=True)
        return WRONG_CONFIGURATION
    except ConfigError as error:
        for line in error.errors:
            click.echo(f"avepoint-exporter: {line}", err=True)
        return WRONG_CONFIGURATION
    except (click.Abort, KeyboardInterrupt):
        return DONE
    except SystemExit:  # click exits if the reader of standard output has closed the pipe
        return CLOSED_PIPE
    except OSError as error:
        if error.errno not in _OUTPUT_ERRORS or error.filename is not None:
            raise
        return _output_failed(error)
    finally:
        write_suppressed(all_windows=True)
    return result if isinstance(result, int) else DONE


def _output_failed(error: OSError) -> int:
    """Report that writing to standard output failed, and return the exit code."""
    # Without this line, Python would flush standard output again at exit and print a traceback.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    click.echo(f"avepoint-exporter: cannot write to standard output: {(error.strerror or '').lower()}", err=True)
    return WRONG_CONFIGURATION


def entry_point() -> None:
    """Run the console script and exit."""
    code = run(sys.argv[1:])
    if threading.active_count() > 1:
        # A normal exit would wait for a name lookup that gets no response. A normal exit would also stop threads during
        # a bcrypt check, and bcrypt would then abort the process.
        exit_now(code)
    sys.exit(code)
