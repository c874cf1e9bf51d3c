"""The command line, `deskbell`."""

from producers.cli.command_line import main

__all__ = ["main"]
