"""`deskbell sandbox` and `deskbell web`: verbs that another package does."""

import os
import sys
from typing import Annotated

import typer

from producers.cli.exits import ExitCode
from producers.cli.printing import answer_json, note

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    everything = {"allow_extra_args": True, "ignore_unknown_options": True}
    # Without a help of its own, so that --help goes on to the sandbox too.
    app.command("sandbox", context_settings=everything, add_help_option=False)(sandbox)
    app.command("web", context_settings=everything)(web)


def sandbox(context: typer.Context) -> None:
    """Run a Feishu helpdesk to practise on. All arguments go on to `python -m sandbox`."""
    # -P: a folder named `sandbox` where the command is called must not be taken for ours.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "sandbox", *context.args])  # noqa: S606


def web(as_json: Annotated[bool, typer.Option("--json", help="Print {error}.")] = False) -> int:
    """Serve the HTTP API and the console. (It comes with a later version.)"""
    problem = "web comes with a later version: use `deskbell up` and the commands for now"
    if as_json:
        answer_json({"error": problem})
    note(problem)
    return ExitCode.OTHER
