"""`deskbell sandbox`: runs the package `sandbox`."""

import os
import sys

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    everything = {"allow_extra_args": True, "ignore_unknown_options": True}
    # Without a help of its own, so that --help goes on to the sandbox too.
    app.command("sandbox", context_settings=everything, add_help_option=False)(sandbox)


def sandbox(context: typer.Context) -> None:
    """Run a simulated Feishu helpdesk. All arguments are passed to `python -m sandbox`."""
    # -P: a folder named `sandbox` where the command is called must not be taken for ours.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "sandbox", *context.args])  # noqa: S606
