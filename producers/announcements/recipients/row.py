"""One row of a recipient file, and its column names."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from ledger.errors import BadInput
from ledger.phrases import Phrase
from producers.announcements.recipients.bounds import MOST_COLUMNS

__all__ = ["RECEIVER_COLUMNS", "Row", "check_receiver", "checked_columns", "is_blank", "place", "width_problem"]

#: One of these says who the receiver is.
RECEIVER_COLUMNS = ("receiver_id", "email", "mobile")
_NAME_CHARACTERS = 60


class Row(NamedTuple):
    """One row. `values` stand in the order of the columns, unless `problem` says what is wrong with the row as such.

    A value is None where a JSONL row does not have the column, or has null. An empty cell is an empty text.
    """

    line: int  #: where the row starts, as an editor or Excel counts: from 1, the header is counted
    values: tuple[str | None, ...]
    problem: str | None = None
    column: str | None = None  #: that the problem is about
    #: Cells that cannot be used as they are: where each stands among the values, and why. The row is invalid if the
    #: message or the address needs one of them.
    unusable: tuple[tuple[int, str], ...] = ()


def place(line: int, column: str | None = None) -> str:
    """How an error names a cell: `line 7, column "name"`."""
    if column is None:
        return Phrase("line {line}", line=line)
    return Phrase("line {line}, column {column}", line=line, column=_quoted(column))


def is_blank(cells: Sequence[str | None]) -> bool:
    """Whether nothing stands in the row: spreadsheets save rows of nothing but delimiters."""
    return not any(cell and not cell.isspace() for cell in cells)


def checked_columns(names: Sequence[str], line: int, file: str) -> tuple[str, ...]:
    """The names without blanks around them. Raises BadInput for a name that is empty or doubled; for no receiver."""
    columns = tuple(name.strip() for name in names)
    if len(columns) > MOST_COLUMNS:
        problem = Phrase("has {n:,} columns: at most {most:,} are allowed", n=len(columns), most=MOST_COLUMNS)
        raise BadInput(place(line), problem)
    check_receiver(columns, file)
    for number, name in enumerate(columns, start=1):
        if not name:
            raise BadInput(place(line), Phrase("column {number} has no name", number=number))
    name, times = Counter(columns).most_common(1)[0]
    if times > 1:
        raise BadInput(place(line, name), Phrase("appears {n} times: each name must be unique", n=times))
    return columns


def width_problem(found: int, width: int) -> str:
    """What is wrong with a row of another width than the header's."""
    return Phrase(
        "has {n:,} cell, but the header names {width:,} | has {n:,} cells, but the header names {width:,}",
        n=found,
        width=width,
    )


def check_receiver(columns: Sequence[str], file: str) -> None:
    """Raises BadInput when no column says who the receiver is."""
    if not set(RECEIVER_COLUMNS) & set(columns):
        raise BadInput(
            file,
            Phrase(
                "has no column receiver_id (nor email or mobile): its columns are {columns}", columns=_listed(columns)
            ),
        )


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(_quoted(name) for name in columns[:10])
    return Phrase("{names} and {n:,} more", names=shown, n=len(columns) - 10) if len(columns) > 10 else shown


def _quoted(name: str) -> str:
    cut = name if len(name) <= _NAME_CHARACTERS else f"{name[:_NAME_CHARACTERS]}…"
    return orjson.dumps(cut.encode("utf-8", "replace").decode()).decode()
