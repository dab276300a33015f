"""The command `avepoint-exporter completion` prints a completion script for a shell."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from exporter.cli.flags import CONTEXT

_VARIABLE: Final = "_AVEPOINT_EXPORTER_COMPLETE"
_SHELLS: Final[Mapping[str, type[ShellComplete]]] = MappingProxyType(
    {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
)


@click.command(context_settings=CONTEXT, short_help="Print a completion script for a shell.")
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that completes commands, flags and file names in a shell.

    \b
    bash, in ~/.bashrc:
      eval "$(avepoint-exporter completion bash)"
    zsh, in ~/.zshrc, after compinit:
      eval "$(avepoint-exporter completion zsh)"
    fish:
      avepoint-exporter completion fish \\
        > ~/.config/fish/completions/avepoint-exporter.fish
    """  # noqa: D301 - click does not rewrap paragraphs that begin with \b
    click.echo(_SHELLS[shell](ctx.find_root().command, {}, "avepoint-exporter", _VARIABLE).source())
