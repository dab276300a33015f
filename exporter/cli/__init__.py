"""The command line: commands, flags, environment variables and exit codes."""

from exporter.cli.main import command, entry_point, run

__all__ = ["command", "entry_point", "run"]
