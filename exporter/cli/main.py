"""The command line: flags, their environment twins, exit codes."""

import asyncio
import platform
import ssl
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource
from click.exceptions import Exit
from click.types import StringParamType

from exporter import __version__, configfile
from exporter.application import Application, Listening
from exporter.avepoint.credentials import certificate_mistakes
from exporter.clock import SystemClock
from exporter.collectors.registry import catalogue
from exporter.config import Config
from exporter.errors import ConfigError
from exporter.logs import LEVELS, setup
from exporter.shard import Shard, parse_shard
from exporter.snapshot import View
from exporter.web.tls import load_protection

DONE: Final = 0
WRONG_CONFIGURATION: Final = 1
UNREADABLE: Final = 2

_PREFIX: Final = "AVEPOINT_EXPORTER"
_DEFAULT_ADDRESS: Final = ":10087"

Command = TypeVar("Command", bound=Callable[..., Any])


class Address(StringParamType):
    """HOST:PORT; the environment twin may name several, separated by spaces or commas."""

    name = "address"

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Take the addresses of the environment variable apart."""
        return rv.replace(",", " ").split()


def option(name: str, **settings: Any) -> Callable[[Command], Command]:  # noqa: ANN401 - click's own settings
    """Declare a flag with its environment twin, as --config.file has AVEPOINT_EXPORTER_CONFIG_FILE."""
    key = name.lstrip("-").replace(".", "_").replace("-", "_")
    return click.option(name, key, envvar=f"{_PREFIX}_{key.upper()}", show_envvar=True, **settings)


def common(command: Command) -> Command:
    """Add the flags that every way of running takes."""
    for decorate in reversed(
        (
            option("--config.file", metavar="PATH", help="The configuration; default: config.yaml."),
            option(
                "--shard", metavar="N", help="Which of the shards this is, from 0; a name ending in -N is understood."
            ),
            option(
                "--total-shards",
                type=click.IntRange(1),
                metavar="N",
                help="How many processes share the accounts; default: 1.",
            ),
            option("--log.level", type=click.Choice(list(LEVELS)), help="Default: info."),
            option("--log.format", type=click.Choice(["logfmt", "json"]), help="Default: logfmt."),
        )
    ):
        command = decorate(command)
    return command


def listening(command: Command) -> Command:
    """Add the flags of the listening side."""
    for decorate in reversed((
        option("--web.listen-address", multiple=True, type=Address(), metavar="HOST:PORT",
               help=f"Where to listen; repeatable; :PORT is every address; default: {_DEFAULT_ADDRESS}."),
        option("--web.config.file", metavar="PATH",
               help="TLS and basic authentication, in the Prometheus exporter-toolkit's format."),
        option("--web.enable-lifecycle", is_flag=True, default=None, help="Allow POST /-/reload."),
        option("--storage.path", metavar="DIR", help="Where what must outlive a restart is kept; default: nowhere."),
    )):  # fmt: skip
        command = decorate(command)
    return command


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 the configuration or the command line is wrong, 2 AvePoint could not be read.",
)
@common
@listening
@option("--config.check", is_flag=True, help="Check the configuration, print every mistake, call nothing.")
@option("--once", is_flag=True, help="Refresh everything once, print the exposition and exit.")
@click.version_option(__version__, message=f"%(prog)s %(version)s (Python {platform.python_version()})")
@click.pass_context
def command(ctx: click.Context, /, **flags: Any) -> None:  # noqa: ANN401 - one value a flag, of the flag's type
    """Prometheus exporter for AvePoint Cloud Backup for Microsoft 365.

    Without a command it serves /metrics until SIGTERM.
    """
    if ctx.invoked_subcommand is not None:
        _refuse(ctx, "config_check", "once")
        return
    setup(flags["log_level"] or "info", flags["log_format"] or "logfmt")
    if flags["config_check"]:
        click.echo(_checked(flags))
    elif flags["once"]:
        page, views = _refresh_once(flags)
        click.echo(page, nl=False)
        ctx.exit(_exit_code(views))
    else:
        asyncio.run(_application(_loader(flags), flags).serve(_listening(flags), announce=lambda _: None))


@command.command()
@common
@click.pass_context
def check(ctx: click.Context, /, **own: Any) -> None:  # noqa: ANN401 - as above
    """Try every account for real and say what works; exits 0 or 2."""
    from exporter.check import report  # noqa: PLC0415 - only this command needs it

    flags = _merged(ctx, own)
    setup(flags["log_level"] or "error", flags["log_format"] or "logfmt")
    _, views = _refresh_once(flags)
    click.echo(report(views))
    ctx.exit(_exit_code(views))


@command.command(short_help="Run against a built-in simulator; needs nothing.")
@common
@listening
@option(
    "--customers",
    type=click.IntRange(0, 100_000),
    metavar="N",
    default=25,
    show_default=True,
    help="Customers of the partner.",
)
@option("--seed", type=int, metavar="N", default=1, show_default=True, help="Another seed, another portfolio.")
@option("--speed", type=click.FloatRange(1, 3600), metavar="N", default=60.0, show_default=True,
        help="How much faster than in life jobs run and data grow.")  # fmt: skip
@click.pass_context
def demo(ctx: click.Context, /, customers: int, seed: int, speed: float, **own: Any) -> None:  # noqa: ANN401 - as above
    """Run against a built-in simulator of AvePoint: no credentials, no configuration."""
    from exporter.demo import Demo  # noqa: PLC0415 - the simulator is not loaded in production

    flags = _merged(ctx, own)
    setup(flags["log_level"] or "info", flags["log_format"] or "logfmt")
    with Demo(customers=customers, seed=seed, speed=speed) as simulated:
        application = _application(simulated.config, flags)
        where = _listening(flags)
        scheme = "http" if load_protection(where.web_config).context is None else "https"
        asyncio.run(application.serve(where, announce=partial(_tell_what_to_open, scheme)))


def _tell_what_to_open(scheme: str, addresses: Sequence[str]) -> None:
    click.echo("\nThe demo is running; numbers appear within seconds. Open:")
    for address in addresses:
        host, _, port = address.rpartition(":")
        host = "localhost" if host in ("", "0.0.0.0", "[::]") else host  # noqa: S104 - shown, not listened on
        click.echo(f"  {scheme}://{host}:{port}/         status page\n  {scheme}://{host}:{port}/metrics  the metrics")
    click.echo("Stop it with Ctrl-C.\n")


def _merged(ctx: click.Context, own: dict[str, Any]) -> dict[str, Any]:
    """Give a command's flags: those after its name before those in front of it, and both before the environment."""
    before = ctx.parent.params if ctx.parent is not None else {}
    given = {key: value for key, value in own.items() if ctx.get_parameter_source(key) is ParameterSource.COMMANDLINE}
    return {**before, **own, **{key: value for key, value in before.items() if value not in (None, ())}, **given}


def _refuse(ctx: click.Context, *keys: str) -> None:
    """Refuse what was typed in front of a command that would not heed it."""
    for key in keys:
        if ctx.get_parameter_source(key) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{key.replace('_', '.')} cannot be used with {ctx.invoked_subcommand}")


def _checked(flags: dict[str, Any]) -> str:
    """Check everything that can be checked on this machine; raises ConfigError with all that is wrong."""
    mistakes: list[str] = []
    config: Config | None = None
    for look in (
        _loader(flags),
        lambda: load_protection(_listening(flags).web_config),
        lambda: _shard(flags),
    ):
        try:
            found = look()
            config = found if isinstance(found, Config) else config
        except ConfigError as error:
            mistakes += error.mistakes
    if config is not None:
        mistakes += [*certificate_mistakes(config, SystemClock()), *_authority_mistakes(config)]
    if mistakes or config is None:
        raise ConfigError(mistakes)
    accounts = len(config.accounts)
    return f"{_config_file(flags)}: fine; {accounts} account{'s' * (accounts != 1)}"


def _authority_mistakes(config: Config) -> Iterator[str]:
    for index, account in enumerate(config.accounts):
        try:
            if account.tls.ca_file is not None:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(account.tls.ca_file)
        except OSError:
            yield f"accounts[{index}].tls.ca_file: holds no certificates in PEM"


def _refresh_once(flags: dict[str, Any]) -> tuple[str, tuple[View, ...]]:
    """Refresh everything once; an interruption means that AvePoint was not read."""
    try:
        return asyncio.run(_application(_loader(flags), flags).once())
    except KeyboardInterrupt:
        raise Exit(UNREADABLE) from None


def _exit_code(views: Iterable[View]) -> int:
    return DONE if all(view.status.up or view.status.off for view in views) else UNREADABLE


def _application(load: Callable[[], Config], flags: dict[str, Any]) -> Application:
    storage = flags["storage_path"]
    return Application(load, storage_path=Path(storage) if storage else None, shard=_shard(flags))


def _shard(flags: dict[str, Any]) -> Shard:
    return parse_shard(flags["shard"] or "0", flags["total_shards"] or 1)


def _config_file(flags: dict[str, Any]) -> str:
    return str(flags["config_file"] or "config.yaml")


def _loader(flags: dict[str, Any]) -> Callable[[], Config]:
    return partial(configfile.load, Path(_config_file(flags)), catalogue())


def _listening(flags: dict[str, Any]) -> Listening:
    web_config = flags["web_config_file"]
    return Listening(
        addresses=flags["web_listen_address"] or (_DEFAULT_ADDRESS,),
        web_config=Path(web_config) if web_config else None,
        lifecycle=bool(flags["web_enable_lifecycle"]),
    )


def run(arguments: Sequence[str]) -> int:
    """Run the command line; gives the exit code."""
    try:
        result = command.main(list(arguments), prog_name="avepoint-exporter", standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"avepoint-exporter: {error.format_message()} (--help shows how)", err=True)
        return WRONG_CONFIGURATION
    except ConfigError as error:
        for mistake in error.mistakes:
            click.echo(f"avepoint-exporter: {mistake}", err=True)
        return WRONG_CONFIGURATION
    except (click.Abort, KeyboardInterrupt):
        return DONE
    return result if isinstance(result, int) else DONE


def entry_point() -> None:
    """Run and exit; what the console script calls."""
    sys.exit(run(sys.argv[1:]))
