"""Messages for invalid command lines, with suggestions for misspelled commands and flags."""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Final

import click

_SIMILARITY: Final = 0.65
_SHORTEST: Final = 5  # a shorter flag, such as --c, is similar to many flags
_ALIASES: Final = {"--c": "--config.file", "--config": "--config.file", "--port": "--web.listen-address"}
_NAMES_A_SECRET: Final = re.compile(r"secret|passw(or)?d|passphrase", re.IGNORECASE)
_MISSPELLED: Final = 0.85
_WORDS: Final = (("a valid integer range", "an integer"), ("a valid float range", "a number"))


class Commands(click.Group):
    """A command group that suggests a similar command if a command name is misspelled."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command. If no command has this name, raise UsageError. The error can suggest a similar name."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(f"no command is named {args[0]!r}{_did_you_mean(args[0], self.commands)}", ctx)
        return super().resolve_command(ctx, args)


def usage_message(error: click.ClickException, group: click.Group, arguments: Sequence[str]) -> str:
    """Return a one-line message for an invalid command line. The message ends with a command that prints help."""
    if not isinstance(error, click.UsageError):
        return error.format_message()
    message = _unknown_flag(error, group, arguments) if isinstance(error, click.NoSuchOption) else _message(error)
    return f"{message} (help: {error.ctx.command_path if error.ctx else 'avepoint-exporter'} --help)"


def _message(error: click.UsageError) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")
    for click_words, words in _WORDS:
        message = message.replace(click_words, words)
    return message[:1].lower() + message[1:]


def _unknown_flag(error: click.NoSuchOption, group: click.Group, arguments: Sequence[str]) -> str:
    """Return the message for an unknown flag, with advice if the intended flag is clear."""
    flag = error.option_name
    if not flag.startswith("--"):  # click parses -config.file as -c, -o and so on
        flag = next((argument.partition("=")[0] for argument in arguments if argument.startswith(flag)), flag)
    typed, flags = f"--{flag.lstrip('-')}", _flags(error.ctx.command) if error.ctx else []
    owners = [] if typed in flags else [*_owners(typed, group)]
    advice = f"; use this flag with {', '.join(owners)}" if owners else _advice(typed, flags)
    return f"no flag is named {flag}{advice}"


def _advice(typed: str, flags: Sequence[str]) -> str:
    if names_a_secret(typed) and not get_close_matches(typed, flags, n=1, cutoff=_MISSPELLED):
        where = "--secret-env or --secret-from" if "--secret-env" in flags else "client_secret_env in the configuration"
        return f"; no flag accepts a secret, so use {where}"
    alias = [name for name in flags if name == _ALIASES.get(typed)]
    begun = [name for name in flags if name.startswith(typed)] if len(typed) >= _SHORTEST else []
    if intended := alias + begun:
        return f"; did you mean {intended[0]}?"
    return _did_you_mean(typed, flags) if len(typed) >= _SHORTEST else ""


def names_a_secret(name: str) -> bool:
    """Return whether the name of a flag or variable contains a word such as secret or password."""
    return bool(_NAMES_A_SECRET.search(name))


def _owners(flag: str, group: click.Group) -> Iterator[str]:
    if flag in _flags(group):
        yield "avepoint-exporter without a command"
    commands = sorted(group.commands.items())
    yield from (f"avepoint-exporter {name}" for name, command in commands if flag in _flags(command))


def _flags(command: click.Command) -> list[str]:
    return [name for parameter in command.params for name in parameter.opts if name.startswith("--")]


def _did_you_mean(typed: str, names: Iterable[str]) -> str:
    matches = get_close_matches(typed, list(names), n=1, cutoff=_SIMILARITY)
    return f"; did you mean {' or '.join(matches)}?" if matches else ""
