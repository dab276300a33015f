"""What the commands share: flags with their environment twins, and what is made of them."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource
from click.types import StringParamType

from exporter.application import Application, Listening
from exporter.collectors.registry import catalogue
from exporter.config.load import load_config
from exporter.config.schema import Config
from exporter.engine.shard import Shard, parse_shard
from exporter.logs import LEVELS

DONE: Final = 0
WRONG_CONFIGURATION: Final = 1
UNREADABLE: Final = 2

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 80}
"""What every command's help has in common."""
FILE: Final = click.Path(readable=False)
"""A path as it was typed, of which a shell offers the files that there are."""
EPILOG: Final = "Each flag has an environment twin, as --config.file has AVEPOINT_EXPORTER_CONFIG_FILE."
_PREFIX: Final = "AVEPOINT_EXPORTER"
_DEFAULT_ADDRESS: Final = ":10087"

SHARDING: Final = ("shard", "total_shards")
"""The keys of what says which share of the accounts is read."""

Command = TypeVar("Command", bound=Callable[..., Any])
Flags = dict[str, Any]


class Address(StringParamType):
    """HOST:PORT; the environment twin may name several, separated by spaces or commas."""

    name = "address"

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Take the addresses of the environment variable apart."""
        return rv.replace(",", " ").split()


def option(name: str, **settings: Any) -> Callable[[Command], Command]:  # noqa: ANN401 - click's own settings
    """Declare a flag with its environment twin, as --config.file has AVEPOINT_EXPORTER_CONFIG_FILE."""
    key = name.lstrip("-").replace(".", "_").replace("-", "_")
    return click.option(name, key, envvar=f"{_PREFIX}_{key.upper()}", **settings)


def _decorated(command: Command, *decorators: Callable[[Command], Command]) -> Command:
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def common(command: Command) -> Command:
    """Add the flags that every way of running takes."""
    return _decorated(
        command,
        option("--config.file", type=FILE, metavar="PATH", help="The configuration; default: config.yaml."),
        option("--log.level", type=click.Choice(list(LEVELS)), metavar="LEVEL",
               help=f"{', '.join(LEVELS)}; default: info."),
        option("--log.format", type=click.Choice(["logfmt", "json"]), metavar="FORMAT",
               help="logfmt or json; default: logfmt."),
    )  # fmt: skip


def sharding(command: Command) -> Command:
    """Add the flags of what reads a share of the accounts."""
    return _decorated(
        command,
        option(
            "--shard", metavar="N", help="Which of the shards this is, from 0; a name ending in -N is understood."
        ),
        option("--total-shards", type=click.IntRange(1), metavar="N",
               help="How many processes share the accounts; default: 1."),
    )  # fmt: skip


def listening(command: Command) -> Command:
    """Add the flags of the listening side."""
    return _decorated(
        command,
        option("--web.listen-address", multiple=True, type=Address(), metavar="HOST:PORT",
               help=f"Where to listen; repeatable; :PORT is every address; default: {_DEFAULT_ADDRESS}."),
        option("--web.config.file", type=FILE, metavar="PATH",
               help="TLS and basic authentication, in the Prometheus exporter-toolkit's format."),
        option("--web.enable-lifecycle", is_flag=True, default=None, help="Allow POST /-/reload."),
        option("--storage.path", type=FILE, metavar="DIR",
               help="Where what must outlive a restart is kept; default: nowhere."),
    )  # fmt: skip


def merged(ctx: click.Context, own: Flags) -> Flags:
    """Give a command's flags: those after its name before those in front of it, and both before the environment."""
    before = ctx.parent.params if ctx.parent is not None else {}
    given = {key: value for key, value in own.items() if ctx.get_parameter_source(key) is ParameterSource.COMMANDLINE}
    return {**before, **own, **{key: value for key, value in before.items() if value not in (None, ())}, **given}


def make_application(load: Callable[[], Config], flags: Flags) -> Application:
    """Make the exporter of these flags."""
    storage = flags["storage_path"]
    return Application(load, storage_path=Path(storage) if storage else None, shard=shard_of(flags))


def unsharded(flags: Flags) -> Flags:
    """Give the flags of a process that reads all accounts, whatever the environment says."""
    return flags | dict.fromkeys(SHARDING)


def shard_of(flags: Flags) -> Shard:
    """Give the share of the accounts that is this process's; raises ConfigError."""
    return parse_shard(flags["shard"] or "0", flags["total_shards"] or 1)


def config_file(flags: Flags) -> Path:
    """Give the configuration's path."""
    return Path(flags["config_file"] or "config.yaml")


def loader(flags: Flags) -> Callable[[], Config]:
    """Give what reads the configuration; it raises ConfigError."""
    return partial(load_config, config_file(flags), catalogue())


def listening_of(flags: Flags) -> Listening:
    """Give where and how to answer."""
    web_config = flags["web_config_file"]
    return Listening(
        addresses=flags["web_listen_address"] or (_DEFAULT_ADDRESS,),
        web_config=Path(web_config) if web_config else None,
        lifecycle=bool(flags["web_enable_lifecycle"]),
    )
