"""Write docs/command-line.md and the manual page docs/avepoint-exporter.1 from the command line's own help."""

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from exporter.cli import command
from scripts.generate_docs import DOCS, write

_NAME: Final = "avepoint-exporter"
_WRITTEN: Final = "Written by scripts/generate_manual.py; change the code instead and run `make docs`."
_TITLE: Final = "Prometheus exporter for AvePoint Cloud Backup for Microsoft 365"
_EXIT_CODES: Final = (
    ("0", "done; of `--once` and `check`: every collector could be read, or is off"),
    ("1", "the configuration or the command line is wrong; every mistake is a line on standard error"),
    ("2", "AvePoint could not be read"),
)
_TWINS: Final = (
    "Each flag has an environment twin, as `--config.file` has `AVEPOINT_EXPORTER_CONFIG_FILE`; a flag that may be"
    " repeated takes its values separated by spaces. What is typed goes before the environment, and what is typed after"
    " a command before what is typed in front of it."
)
_JSON: Final = (
    "`check --json` prints one document on standard output; [check.schema.json](check.schema.json) describes it. Keys"
    " may be added to it; none is taken away or changes its meaning without another `version`. Each collector of each"
    " account has its `result`, the `series` that it would expose by metric, and where something is wrong its `error`,"
    " the `hint` what to do and the `request_id` that AvePoint's support asks for."
)
_FILES: Final = (
    ("config.yaml", "the configuration, in the working directory unless --config.file names another"),
    ("NAME.secret", "beside it, the secret that init keeps, for its owner alone"),
)


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph of a help text; `is_kept` if its lines stay as they are."""

    text: str
    is_kept: bool


def main(arguments: Sequence[str], docs: Path = DOCS) -> int:
    """Write the documents, or with --check compare them; gives the exit code."""
    return write({docs / "command-line.md": page(), docs / f"{_NAME}.1": manual()}, arguments)


def _commands() -> Iterator[tuple[str, click.Command]]:
    yield _NAME, command
    for name, each in sorted(command.commands.items()):
        yield f"{_NAME} {name}", each


def _blocks(each: click.Command) -> list[Block]:
    parts = re.split(r"\n\s*\n", inspect.cleandoc(each.help or ""))
    return [Block(part.removeprefix("\b\n"), is_kept=part.startswith("\b\n")) for part in parts]


def _usage(name: str, each: click.Command) -> str:
    # With its settings, since the library keeps the help option that the first context makes.
    return " ".join([name, *each.collect_usage_pieces(click.Context(each, **each.context_settings))])


def _options(each: click.Command) -> Iterator[tuple[str, str, str]]:
    """Give the flags of a command with what follows them, their twins and their meanings."""
    for parameter in each.params:
        if isinstance(parameter, click.Option):
            names = ", ".join(parameter.opts)
            value = "" if parameter.is_flag else f" {parameter.metavar or ''}"
            default = f" Default: {parameter.default}." if parameter.show_default else ""
            yield f"{names}{value}", str(parameter.envvar or ""), f"{parameter.help}{default}"


def page() -> str:
    """Write the Markdown page."""
    parts = ["# Command line", f"<!-- {_WRITTEN} -->", _TWINS, "| exit code | means |\n| --- | --- |"]
    parts[-1] += "".join(f"\n| {code} | {meaning} |" for code, meaning in _EXIT_CODES)
    for name, each in _commands():
        parts += [f"## `{name}`", f"```text\n{_usage(name, each)}\n```"]
        parts += [_markdown(block) for block in _blocks(each)]
        rows = [f"| `{flag}` | {f'`{twin}`' if twin else ''} | {meaning} |" for flag, twin, meaning in _options(each)]
        if rows:
            parts.append("\n".join(["| flag | environment | meaning |", "| --- | --- | --- |", *rows]))
        if name.endswith("check"):
            parts.append(_JSON)
    parts.append(f"The same as a manual page: [{_NAME}.1]({_NAME}.1), to be read with `man docs/{_NAME}.1`.")
    return "\n\n".join(parts) + "\n"


def _markdown(block: Block) -> str:
    if not block.is_kept:
        return " ".join(block.text.split())
    head, _, rest = block.text.partition("\n")
    if head != "Examples:":
        return f"```text\n{block.text}\n```"
    return f"{head}\n\n```text\n{inspect.cleandoc(rest)}\n```"


def manual() -> str:
    """Write the manual page in man(7)'s macros."""
    lines = [rf".\" {_WRITTEN}", f'.TH {_NAME.upper()} 1 "" "{_NAME}" "User Commands"', ".nh", ".SH NAME"]
    lines += [f"{_roff(_NAME)} \\- {_roff(_TITLE)}", ".SH SYNOPSIS"]
    for name, each in _commands():
        lines += [f".B {_roff(name)}", _roff(_usage(name, each).removeprefix(f"{name} ")), ".br"]
    lines.pop()
    for name, each in _commands():
        lines += [".SH DESCRIPTION" if each is command else f".SH {_roff(name.rpartition(' ')[2].upper())}"]
        for block in _blocks(each):
            lines += _paragraph(block)
        lines += [".SH OPTIONS"] if each is command else []
        for flag, twin, meaning in _options(each):
            about = f" ({twin})" if twin else ""
            lines += [".TP", f".B {_roff(flag)}", _roff(meaning + about)]
    lines += [".SH ENVIRONMENT", _roff(_TWINS)]
    for title, rows in (("EXIT STATUS", _EXIT_CODES), ("FILES", _FILES)):
        lines += [f".SH {title}"]
        for what, meaning in rows:
            lines += [".TP", f".B {_roff(what)}", _roff(meaning)]
    return "\n".join(lines) + "\n"


def _paragraph(block: Block) -> list[str]:
    if not block.is_kept:
        return [".PP", _roff(" ".join(block.text.split()))]
    return [".PP", ".nf", *map(_roff, block.text.splitlines()), ".fi"]


def _roff(text: str) -> str:
    """Write a text so that it means nothing to roff."""
    text = (
        text.replace("\\", r"\e").replace("-", r"\-").replace("`", "").replace("…", r"\[u2026]").replace("'", r"\[aq]")
    )
    return rf"\&{text}" if text.startswith(".") else text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
