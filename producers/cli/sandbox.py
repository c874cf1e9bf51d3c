"""`deskbell sandbox`: runs the package `sandbox`."""

import os
import subprocess
import sys
from pathlib import Path

import typer

from ledger.errors import BadInput
from ledger.phrases import Phrase, said
from producers.cli.language import is_chinese

__all__ = ["check_directory", "register"]

#: -P: a folder named `sandbox` where the command is called must not be taken for ours.
_SANDBOX = (sys.executable, "-P", "-m", "sandbox")
#: Before what is wrong with a directory; in English, and in Chinese.
_OF_OPTION = ("argument --directory: ", "参数 --directory：")


def register(app: typer.Typer) -> None:
    everything = {"allow_extra_args": True, "ignore_unknown_options": True}
    # Without a help of its own, so that --help goes on to the sandbox too.
    app.command("sandbox", context_settings=everything, add_help_option=False)(sandbox)


def sandbox(context: typer.Context) -> None:
    """Run a simulated Feishu helpdesk. All arguments are passed to `python -m sandbox`."""
    os.execv(sys.executable, [*_sandbox(), *context.args])  # noqa: S606


def _sandbox() -> tuple[str, ...]:
    return (*_SANDBOX, "--lang", "zh-CN") if is_chinese() else _SANDBOX


def check_directory(file: Path) -> None:
    """Raises BadInput for a file that the sandbox cannot take its people from."""
    command = [*_sandbox(), "--directory", str(file), "--check"]
    checked = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603  our own program
    if checked.returncode:
        problem = checked.stderr.strip().rpartition("\n")[2].partition(_OF_OPTION[is_chinese()])[2]
        raise BadInput("--sandbox-directory", said(problem) if problem else Phrase("the sandbox cannot read it"))
