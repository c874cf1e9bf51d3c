"""`deskbell repair`: an append-only file with zeros in it can be read again."""

from pathlib import Path
from typing import Annotated

import typer

from ledger.aof_repair import Zeros
from ledger.aof_repair import repair as repair_directory
from ledger.embedded import EmbeddedValkey
from ledger.phrases import Phrase
from ledger.settings import Settings
from producers.cli.output import ExitCode, answer, answer_json

__all__ = ["register"]

_EXAMPLES = """\b
Examples:
  deskbell repair
  deskbell repair /var/lib/redis/appendonlydir"""

Directory = Annotated[
    Path | None,
    typer.Argument(
        metavar="DIRECTORY", help="The append-only directory of a server other than the embedded one.", exists=True
    ),
]


def register(app: typer.Typer) -> None:
    app.command("repair", epilog=_EXAMPLES)(repair)


def repair(
    directory: Directory = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a list of {file, at, bytes}: what was removed.")
    ] = False,
) -> int:
    """Remove zeros that a full disk or a power cut left in the server's append-only files. Stop the server first.

    Nothing else is removed: everything accepted is kept, a copy of each original file stays beside it, and a file that
    is damaged in another way is left alone.
    """
    if directory is None:
        with EmbeddedValkey(Settings.from_env()).at_rest() as directory:
            found = repair_directory(directory)
    else:
        found = repair_directory(directory)
    if as_json:
        answer_json([{"file": str(zeros.file), "at": zeros.at, "bytes": zeros.size} for zeros in found])
        return ExitCode.DONE
    for zeros in found:
        answer(_line(zeros))
    if not found:
        answer(Phrase("no zeros between commands: nothing to repair"))
    return ExitCode.DONE


def _line(zeros: Zeros) -> Phrase:
    return Phrase(
        "{file}: {n} zero removed at byte {at}; original: {name}.before-repair"
        " | {file}: {n} zeros removed at byte {at}; original: {name}.before-repair",
        file=str(zeros.file),
        n=zeros.size,
        at=zeros.at,
        name=zeros.file.name,
    )
