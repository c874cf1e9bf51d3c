"""The file of rows that were left out: each as it stood, with what is wrong with it."""

import csv
import io
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from ledger.messages.column_names import folded
from producers.announcements.addressing import RowError
from producers.announcements.check import Checked
from producers.announcements.recipients import Recipients, Row
from producers.announcements.recipients.encoding import UTF_8, codec_of

__all__ = ["write_invalid"]

#: The column that says what is wrong, the first of the file. Announced again, it is replaced.
_PROBLEM = "problem"


def write_invalid(path: Path, recipients: Recipients, checked: Checked) -> int:
    """Writes the invalid rows as CSV, and returns how many they are. Corrected, the file can be announced as it is."""
    writer = _Writer(recipients)
    count = 0
    with path.open("w", encoding=codec_of(recipients.encoding or UTF_8), errors="replace", newline="") as file:
        file.write(writer.header())
        for row, problems in _invalid(recipients, checked):
            file.write(writer.row(row, "; ".join(map(str, problems))))
            count += 1
    return count


def _invalid(recipients: Recipients, checked: Checked) -> Iterator[tuple[Row, list[RowError]]]:
    """Both are in the order of the file."""
    rows = recipients.rows()
    for line, problems in groupby(checked.all_problems(), key=lambda problem: problem.line):
        yield next(row for row in rows if row.line == line), list(problems)
    for _ in rows:  # to its end: only there a file that has changed is found out
        pass


class _Writer:
    def __init__(self, recipients: Recipients) -> None:
        self._delimiter = recipients.delimiter or ","
        self._columns = recipients.columns
        self._is_csv = recipients.format == "csv"
        self._problem_at = next((at for at, name in enumerate(self._columns) if folded(name) == _PROBLEM), None)

    def header(self) -> str:
        return self._line([_PROBLEM, *self._without_problem(self._columns)])

    def row(self, row: Row, problem: str) -> str:
        if row.text is None:
            return self._line([problem, *self._without_problem([value or "" for value in row.values])])
        if not self._is_csv:
            return self._line([problem, row.text])
        return f"{self._line([problem]).rstrip()}{self._delimiter}{self._text(row.text)}\r\n"

    def _line(self, cells: list[str]) -> str:
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=self._delimiter).writerow(cells)
        return buffer.getvalue()

    def _without_problem(self, cells: "tuple[str, ...] | list[str]") -> list[str]:
        return [cell for at, cell in enumerate(cells) if at != self._problem_at]

    def _text(self, text: str) -> str:
        """A row that could not be divided, without the problem that an earlier announcement wrote before it."""
        if self._problem_at != 0:
            return text
        end = 0
        if text.startswith('"'):
            end = text.find('"', 1)
            while end >= 0 and text[end + 1 : end + 2] == '"':
                end = text.find('"', end + 2)
        _, found, after = text[max(end, 0) :].partition(self._delimiter)
        return after if found else text
