"""Merged cells: Excel shows one cell where the file has several, and only the first of them holds the text."""

from collections.abc import Sequence

from ledger.phrases import Phrase
from producers.announcements.recipients.xlsx_sheet import Merged

__all__ = ["Covered"]


class Covered:
    """The cells without a text of their own, row by row from above."""

    def __init__(self, merged: Sequence[Merged]) -> None:
        """`merged` in the order of their first lines."""
        self._coming = list(reversed(merged))
        self._open: dict[int, Merged] = {}  #: by their columns

    def at(self, line: int) -> dict[int, Phrase]:
        """Columns of the row, and why their cells cannot be used."""
        while self._coming and self._coming[-1].first_line <= line:
            merged = self._coming.pop()
            self._open |= dict.fromkeys(merged.columns, merged)
        if not self._open:
            return {}
        self._open = {column: merged for column, merged in self._open.items() if merged.last_line >= line}
        return {
            column: Phrase("is part of merged cells ({ref}): un-merge them, and fill each of them", ref=merged.ref)
            for column, merged in self._open.items()
            if (line, column) != (merged.first_line, merged.columns.start)
        }
