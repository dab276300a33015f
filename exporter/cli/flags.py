"""Flags and environment variables that several commands share, and functions that evaluate the flags."""

import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from stat import S_ISDIR
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource
from click.types import StringParamType

from exporter.application import Application, Listening, check_storage_url
from exporter.collectors.registry import catalogue
from exporter.config.load import load_config
from exporter.config.schema import Config
from exporter.config.text import unexpanded
from exporter.engine.shard import Shard, parse_shard
from exporter.errors import ConfigError
from exporter.logs import LEVELS

DONE: Final = 0
WRONG_CONFIGURATION: Final = 1
UNREADABLE: Final = 2
CLOSED_PIPE: Final = 141  # the code that shells report if SIGPIPE ends a process

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 80}
"""Settings for the help output of all commands."""
EPILOG: Final = "Every flag has an environment variable. For example, AVEPOINT_EXPORTER_CONFIG_FILE sets --config.file."
_PREFIX: Final = "AVEPOINT_EXPORTER"
_DEFAULT_ADDRESS: Final = ":10087"

SHARDING: Final = ("shard", "total_shards")
"""Names of the flags that select a shard."""

Command = TypeVar("Command", bound=Callable[..., Any])
Flags = dict[str, Any]


class FilePath(click.Path):
    """The path of a file or directory. A path is invalid if it is empty or if a shell must expand it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - the base class has the same types
        """Return the path. Raise UsageError if the path is empty, or if it contains ~ or a variable reference."""
        if not value:
            self.fail("the path is empty; set it, or remove the flag", param, ctx)
        if (problem := unexpanded(value)) and not os.path.lexists(value):
            self.fail(problem, param, ctx)
        return super().convert(value, param, ctx)


FILE: Final = FilePath(readable=False)
"""The type of a path that may not exist yet. Shells complete such paths with the names of existing files."""


class Address(StringParamType):
    """An address HOST:PORT. An environment variable can contain several addresses, separated by spaces or commas."""

    name = "address"

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Return the addresses in an environment variable."""
        return rv.replace(",", " ").split()


def option(name: str, **settings: Any) -> Callable[[Command], Command]:  # noqa: ANN401 - click's own settings
    """Declare a flag and its environment variable, such as --config.file and AVEPOINT_EXPORTER_CONFIG_FILE."""
    key = name.lstrip("-").replace(".", "_").replace("-", "_")
    return click.option(name, key, envvar=f"{_PREFIX}_{key.upper()}", **settings)


def _decorated(command: Command, *decorators: Callable[[Command], Command]) -> Command:
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def common(command: Command) -> Command:
    """Add the flags that most commands share."""
    return _decorated(
        command,
        option("--config.file", type=FILE, metavar="PATH", help="Configuration file (default: config.yaml)."),
        option("--log.level", type=click.Choice(list(LEVELS)), metavar="LEVEL",
               help=f"Minimum log level: {', '.join(LEVELS)} (default: info)."),
        option("--log.format", type=click.Choice(["logfmt", "json"]), metavar="FORMAT",
               help="Format of log lines: logfmt or json (default: logfmt)."),
    )  # fmt: skip


def sharding(command: Command) -> Command:
    """Add the flags that select a shard."""
    return _decorated(
        command,
        option(
            "--shard", metavar="N", help="Zero-based index of this shard, or a name that ends in -INDEX (default: 0)."
        ),
        option("--total-shards", type=click.IntRange(1), metavar="N",
               help="Total number of shards (default: 1)."),
    )  # fmt: skip


def listening(command: Command) -> Command:
    """Add the flags for the HTTP server and the persistent state."""
    return _decorated(
        command,
        option("--web.listen-address", multiple=True, type=Address(), metavar="HOST:PORT",
               help="Address to listen on. This flag can be repeated. "
                    f"For all addresses, use :PORT (default: {_DEFAULT_ADDRESS})."),
        option("--web.config.file", type=FILE, metavar="PATH",
               help="File with TLS and authentication settings, in the format of the Prometheus exporter-toolkit."),
        option("--web.enable-lifecycle", is_flag=True, default=None, help="Enable reloads with POST /-/reload."),
        option("--storage.path", type=FILE, metavar="DIR",
               help="Directory for persistent state (default: none)."),
        option("--storage.url", metavar="URL", callback=_storage_url,
               help="PostgreSQL database for persistent state that shards and replicas share (default: none)."),
    )  # fmt: skip


def _storage_url(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return the value of --storage.url.

    Raise ConfigError if the URL is invalid, or if a URL on the command line contains a password.
    """
    if value is None:
        return None
    value = value.strip()
    if not value.startswith(("postgresql://", "postgres://")):
        raise ConfigError(["--storage.url: is not the URL of a PostgreSQL database; begin it with postgresql://"])
    is_public = ctx.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    if is_public and (":" in value.split("://")[1].rpartition("@")[0] or re.search(r"[?&](ssl)?password=", value)):
        where = "set PGPASSWORD, AVEPOINT_EXPORTER_STORAGE_URL or a .pgpass file"
        raise ConfigError([f"--storage.url: must not contain a password, because ps shows it; {where}"])
    return value


def merged(ctx: click.Context, own: Flags) -> Flags:
    """Return a command's flags.

    Flags after the name of the command override flags before the name. All flags override environment variables.
    """
    before = ctx.parent.params if ctx.parent is not None else {}
    given = {key: value for key, value in own.items() if ctx.get_parameter_source(key) is ParameterSource.COMMANDLINE}
    return {**before, **own, **{key: value for key, value in before.items() if value not in (None, ())}, **given}


def make_application(load: Callable[[], Config], flags: Flags) -> Application:
    """Return an application that loads its configuration with `load`. The flags select the storage and the shard."""
    path, url = storage_of(flags)
    return Application(load, storage_path=path, storage_url=url, shard=shard_of(flags))


def storage_of(flags: Flags) -> tuple[Path | None, str | None]:
    """Return the directory and the URL for persistent state. Each value is None if its flag is not set.

    Raise ConfigError if the URL or the directory is invalid, or if both flags are set.
    """
    path, url = flags["storage_path"], flags["storage_url"]
    if path and url:
        raise ConfigError(["--storage.url: cannot be used with --storage.path; remove one of them"])
    if path:
        _check_directory(Path(path))
    if url:
        check_storage_url(url)
    return Path(path) if path else None, url


def _check_directory(path: Path) -> None:
    """Raise ConfigError if a path exists but is not a directory, or if it is inaccessible."""
    what = "is not a directory"
    try:
        if S_ISDIR(path.stat().st_mode):
            return
    except FileNotFoundError:
        return  # The exporter creates the directory.
    except OSError as error:
        what = (error.strerror or "unusable").lower()
    raise ConfigError([f"--storage.path: {path}: {what}; use a directory to which the exporter can write"])


def unsharded(flags: Flags) -> Flags:
    """Return a copy of the flags without the shard. With these flags, a command tests all accounts."""
    return flags | dict.fromkeys(SHARDING)


def shard_of(flags: Flags) -> Shard:
    """Return the shard of this process. Raise ConfigError if the flags are invalid."""
    if flags["shard"] is None and (flags["total_shards"] or 1) > 1:
        raise ConfigError(["--shard: is missing; set the index of this shard, because --total-shards is set"])
    return parse_shard("0" if flags["shard"] is None else flags["shard"], flags["total_shards"] or 1)


def config_file(flags: Flags) -> Path:
    """Return the path of the configuration file."""
    return Path(flags["config_file"] or "config.yaml")


def loader(flags: Flags) -> Callable[[], Config]:
    """Return a function that loads the configuration, or raises ConfigError if the configuration is invalid."""
    return partial(load_config, config_file(flags), catalogue())


def listening_of(flags: Flags) -> Listening:
    """Return the settings of the HTTP server."""
    web_config = flags["web_config_file"]
    addresses = flags["web_listen_address"] or (_DEFAULT_ADDRESS,)
    return Listening(addresses, Path(web_config) if web_config else None, bool(flags["web_enable_lifecycle"]))
