"""`deskbell sandbox`: runs the package `sandbox`."""

import os
import subprocess
import sys
from pathlib import Path

import typer

from ledger.errors import BadInput
from ledger.phrases import Phrase, said

__all__ = ["check_directory", "register"]

#: -P: a folder named `sandbox` where the command is called must not be taken for ours.
_SANDBOX = (sys.executable, "-P", "-m", "sandbox")


def register(app: typer.Typer) -> None:
    everything = {"allow_extra_args": True, "ignore_unknown_options": True}
    # Without a help of its own, so that --help goes on to the sandbox too.
    app.command("sandbox", context_settings=everything, add_help_option=False)(sandbox)


def sandbox(context: typer.Context) -> None:
    """Run a simulated Feishu helpdesk. All arguments are passed to `python -m sandbox`."""
    os.execv(sys.executable, [*_SANDBOX, *context.args])  # noqa: S606


def check_directory(file: Path) -> None:
    """Raises BadInput for a file that the sandbox cannot take its people from."""
    command = [*_SANDBOX, "--directory", str(file), "--check"]
    checked = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603  our own program
    if checked.returncode:
        problem = checked.stderr.strip().rpartition("\n")[2].partition("argument --directory: ")[2]
        raise BadInput("--sandbox-directory", said(problem) if problem else Phrase("the sandbox cannot read it"))
