"""The command line: flags and their environment twins, commands, exit codes."""

from exporter.cli.main import command, entry_point, run

__all__ = ["command", "entry_point", "run"]
