"""`avepoint-exporter completion`: what makes a shell complete commands, flags and their values."""

import click
from click.shell_completion import get_completion_class

from exporter.cli.flags import CONTEXT

_VARIABLE = "_AVEPOINT_EXPORTER_COMPLETE"


@click.command(context_settings=CONTEXT, short_help="Print what makes a shell complete the commands.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, flags and file names.

    \b
    bash, in ~/.bashrc:
      eval "$(avepoint-exporter completion bash)"
    zsh, in ~/.zshrc, after compinit:
      eval "$(avepoint-exporter completion zsh)"
    fish:
      avepoint-exporter completion fish \\
        > ~/.config/fish/completions/avepoint-exporter.fish
    """  # noqa: D301 - click\'s mark for lines that are kept as they are
    root = ctx.find_root()
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}; there is one for bash, zsh and fish")
    click.echo(kind(root.command, {}, "avepoint-exporter", _VARIABLE).source())
