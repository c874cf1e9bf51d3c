"""`deskbell export`: what came of each row of an announcement, as a file."""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from ledger.errors import BadInput
from ledger.ids import is_notification
from ledger.phrases import Phrase, system_problem
from producers.announcements.export import Format, export_of
from producers.cli.access import open_ledger
from producers.cli.completion import announcement_ids
from producers.cli.output import ExitCode, note
from producers.cli.tables import progress

__all__ = ["register"]

#: In UTF-8: control characters but for tabs and line ends, and the marks that turn the direction of text.
_STEERING = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xaa-\xae]|\xe2\x81[\xa6-\xa9]"
)

_EXAMPLES = """\b
Examples:
  deskbell export a_06hzb2k1c9f3q8rd --format csv -o results.csv
  deskbell export a_06hzb2k1c9f3q8rd --format jsonl -o results.jsonl"""


def register(app: typer.Typer) -> None:
    app.command("export", epilog=_EXAMPLES)(export)


def export(
    id: Annotated[str, typer.Argument(metavar="ID", help="An announcement, a_…", autocompletion=announcement_ids)],
    written_as: Annotated[
        Format | None, typer.Option("--format", help="Default: from the suffix of FILE, else csv.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to this file instead of stdout.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
) -> int:
    """Write the result of each row of an announcement, in the order of its file. It may still be running.

    CSV opens in Excel as it is; a cell that begins with = + - @, a tab or CR gets an apostrophe in front, so that it
    is not read as a formula. JSONL has the exact values.
    """
    if is_notification(id):
        raise BadInput("id", Phrase("{id} is not an announcement (a_…): use `deskbell show` for a notification", id=id))
    as_file = _format(written_as, output, as_json)
    with open_ledger() as ledger, progress(Phrase("exporting {id}", id=id)):
        pieces = export_of(ledger, id, as_file)
        _write(map(_for_eyes, pieces) if output is None and sys.stdout.isatty() else pieces, output)
    if output:
        note(Phrase("{id} was written to {file}", id=id, file=str(output)))
    return ExitCode.DONE


def _format(asked: Format | None, output: Path | None, as_json: bool) -> Format:
    if as_json and asked is Format.CSV:
        raise BadInput("format", Phrase("--json writes JSONL and cannot be combined with csv"))
    if as_json or (asked is None and output and output.suffix.lower() in (".jsonl", ".ndjson", ".json")):
        return Format.JSONL
    return asked or Format.CSV


def _for_eyes(piece: bytes) -> bytes:
    """What others wrote must not steer the terminal. In a file, or a pipe, it stands as it is."""
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}".encode(), piece)


def _write(pieces: Iterable[bytes], output: Path | None) -> None:
    with _opened(output) as file:
        for piece in pieces:
            file.write(piece)
        file.flush()


@contextmanager
def _opened(output: Path | None) -> Iterator[BinaryIO]:
    if output is None:
        yield sys.stdout.buffer
        return
    try:
        with _replacing(output) as file:
            yield file
    except OSError as error:
        raise BadInput(
            "output", Phrase("{output} cannot be written: {problem}", output=str(output), problem=system_problem(error))
        ) from None


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its place when it is complete: half an export looks like a whole one."""
    if path.exists() and not path.is_file():  # a pipe or a device must not be replaced
        with path.open("wb") as file:
            yield file
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
