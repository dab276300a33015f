"""The command line: flags, environment variables, commands, exit codes."""

from exporter.cli.main import command, entry_point, run

__all__ = ["command", "entry_point", "run"]
