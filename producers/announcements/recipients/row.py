"""One row of a recipient file, and how errors name it."""

from collections.abc import Sequence
from typing import NamedTuple

from ledger.messages.column_names import quoted
from ledger.phrases import Phrase

__all__ = ["LONE_SURROGATE", "Row", "is_blank", "place", "width_problem"]

#: As the models of messages say it, which are pydantic's: the process that reads an upload does without.
LONE_SURROGATE = Phrase("contains half of a surrogate pair, which is not a character")


class Row(NamedTuple):
    """One row. `values` stand in the order of the columns, unless `problem` says what is wrong with the row as such.

    A value is None where a JSONL row does not have the column, or has null. An empty cell is an empty text.
    """

    line: int  #: where the row starts, as an editor or Excel counts: from 1, the header is counted
    values: tuple[str | None, ...]
    problem: Phrase | None = None
    column: str | None = None  #: that the problem is about
    #: Cells that cannot be used as they are: where each stands among the values, and why. The row is invalid if the
    #: message or the address needs one of them.
    unusable: tuple[tuple[int, Phrase], ...] = ()
    text: str | None = None  #: as it stands in the file, when that could not be divided into values


def place(line: int, column: str | None = None) -> Phrase:
    """How an error names a cell: `line 7, column "name"`."""
    if column is None:
        return Phrase("line {line}", line=line)
    return Phrase("line {line}, column {column}", line=line, column=quoted(column))


def is_blank(cells: Sequence[str | None]) -> bool:
    """Whether nothing stands in the row: spreadsheets save rows of nothing but delimiters."""
    return not any(cell and not cell.isspace() for cell in cells)


def width_problem(found: int, width: int) -> Phrase:
    """What is wrong with a row of another width than the header's."""
    return Phrase(
        "has {n:,} cell, but the header names {width:,} | has {n:,} cells, but the header names {width:,}",
        n=found,
        width=width,
    )
