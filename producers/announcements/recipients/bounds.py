"""How much of a recipients file is read: the same bounds for every format, and for whoever hands it in.

They are those of a sheet in Excel, so nothing that a person typed meets them. What a program made to do harm does.
"""

from ledger.phrases import Phrase

__all__ = [
    "CELL_CHARACTERS",
    "MOST_CELLS",
    "MOST_COLUMNS",
    "MOST_ROWS",
    "NEW_WORKBOOK",
    "ROW_CHARACTERS",
    "TooMuch",
    "cell_problem",
]

#: Rows of a sheet in Excel, the header among them.
MOST_ROWS = 1_048_576
#: More than a person writes; a sheet in Excel has room for 16,384.
MOST_COLUMNS = 1_000
#: Of all rows, with the empty ones: each is kept. A million rows may have thirty columns.
MOST_CELLS = 32 * 1024 * 1024
#: As many as a cell of Excel holds.
CELL_CHARACTERS = 32_767
#: Of all cells of a row together, with what stands between them. A notification takes a seventh of it.
ROW_CHARACTERS = 1024 * 1024
#: What to do about a workbook that no spreadsheet program writes.
NEW_WORKBOOK = Phrase("copy the cells into a new workbook, or save the sheet as CSV UTF-8")


class TooMuch(Exception):
    """The file goes beyond a bound. The text follows the file's name: which bound, and what to do."""


def cell_problem(text: str) -> Phrase | None:
    """What is wrong with a cell that is too long, or None."""
    if len(text) <= CELL_CHARACTERS:
        return None
    return Phrase("has {n:,} characters; at most {most:,} are allowed: shorten it", n=len(text), most=CELL_CHARACTERS)
