"""The results of an announcement: one record per row, in the order of the file."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain, islice
from typing import Any

import orjson

from ledger.announcement import RowRecord
from ledger.ledger import Ledger
from ledger.states import FINAL, Outcome
from ledger.times import iso

__all__ = ["RESULT_COLUMNS", "Format", "csv_of", "export_of", "jsonl_of", "names_of", "results_of"]

#: What we know of a row. `line` is where it stood in the file.
RESULT_COLUMNS = (
    *("line", "state", "via", "message_id", "attempts"),
    *("error_code", "error_msg", "created_at", "finished_at"),
)
#: A spreadsheet takes what begins so for a formula, and runs it: Chinese and Japanese ones the full-width forms, too.
#: Some pass over what cannot be seen before it, and an import may divide a line at its tab.
_FORMULA = re.compile(
    r"[\t\r\n]|[\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]*"
    r"[-=+@\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20]"
)
#: Rows that are written as one piece.
_PIECE_ROWS = 500


class Format(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


def export_of(ledger: Ledger, id: str, written_as: Format, *, whole: bool = True) -> Iterator[bytes]:
    """All rows of an announcement as a file, in pieces; `whole` as for `results_of`. Raises NotFound."""
    names = names_of(ledger.announcements.get(id).spec.columns)
    write = jsonl_of if written_as is Format.JSONL else csv_of
    return write(names, results_of(ledger, id, whole=whole))


def names_of(columns: Sequence[str]) -> tuple[str, ...]:
    """The names of an export: `receiver_id`, the columns of the input, then ours.

    A column of the input that has a name of ours is called `input_…`.
    """
    taken = {"receiver_id", *RESULT_COLUMNS, *columns}
    names = []
    for column in columns:
        name = column
        if column in RESULT_COLUMNS:
            while name in taken:
                name = f"input_{name}"
            taken.add(name)
        names.append(name)
    return ("receiver_id", *names, *RESULT_COLUMNS)


def results_of(ledger: Ledger, id: str, first: int = 0, *, whole: bool = True) -> Iterator[list[Any]]:
    """The values of each row, from number `first` on, in the order of `names_of`; read in portions. Raises NotFound.

    Not `whole`: without the values of the columns, which tell of people, for those who may see their ids alone.
    """
    announcement = ledger.announcements.get(id)
    created_at, spec = iso(announcement.created_ms), announcement.spec
    hidden = () if whole else range(1, len(spec.columns) + 1)
    return (_without(_result(found, created_at), hidden) for found in ledger.announcements.rows(id, first))


def csv_of(names: Sequence[str], results: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """CSV as Excel opens it: UTF-8 with a byte order mark, CRLF, and no cell that it would run as a formula.

    All texts are in quotes: where the list separator is a semicolon, what stands behind one in a text is no other cell.
    """
    yield "\ufeff".encode()
    for piece in _pieces(chain([names], results)):
        buffer = io.StringIO(newline="")
        csv.writer(buffer, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC).writerows(
            [_cell(value) for value in row] for row in piece
        )
        yield buffer.getvalue().encode()


def jsonl_of(names: Sequence[str], results: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """One object a line, values exactly as they are."""
    for piece in _pieces(results):
        yield b"".join(orjson.dumps(dict(zip(names, row, strict=True))) + b"\n" for row in piece)


def _result(found: RowRecord, created_at: str | None) -> list[Any]:
    progress = found.progress
    last = progress.attempts[-1] if progress.attempts else None
    failure = last if last and last.outcome is not Outcome.DELIVERED else None
    return [
        found.row.receiver_id,
        *found.row.values,
        found.row.line,
        progress.state,
        last.via if last else progress.via,
        last.message_id if last else None,
        len(progress.attempts),
        failure.code if failure else None,
        failure.msg if failure else None,
        created_at,
        iso(progress.at_ms) if progress.state in FINAL else None,
    ]


def _without(result: list[Any], hidden: Sequence[int]) -> list[Any]:
    for at in hidden:
        result[at] = None
    return result


def _pieces(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    left = iter(rows)
    while piece := list(islice(left, _PIECE_ROWS)):
        yield piece


def _cell(value: Any) -> Any:
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value
