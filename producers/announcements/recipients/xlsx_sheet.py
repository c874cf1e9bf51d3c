"""The rows of a sheet as they are stored, and what stands around them: merged cells, hidden rows."""

import re
from collections.abc import Iterator
from typing import IO, NamedTuple, NoReturn

from ledger.phrases import Phrase
from producers.announcements.recipients.bounds import MOST_COLUMNS, MOST_ROWS, NEW_WORKBOOK, ROW_CHARACTERS, TooMuch
from producers.announcements.recipients.xlsx_cells import Cells
from producers.announcements.recipients.xlsx_xml import MOST_PARTS, Target, fed, main_names

__all__ = ["Around", "Merged", "SheetRow", "around", "may_have_more", "rows_of"]

_ROWS = main_names("row", "c", "v", "f", "t", "rPh", "sheetData")
_AROUND = main_names("row", "c", "v", "t", "mergeCell")
_TRUE = ("1", "true")
_NUMBERS = "0123456789$"
_LETTERS = 26
_BLOCK_BYTES = 1024 * 1024
#: Bytes of a sheet with merged cells or hidden rows, and of one in UTF-16, of which that cannot be said.
_MORE = re.compile(rb"mergeCell|hidden|ht ?= ?.0|\0")
#: At least as long as those.
_MORE_BYTES = 16
#: More than a person merges.
_MOST_MERGED = 65_536


class SheetRow(NamedTuple):
    line: int
    is_hidden: bool
    texts: list[str]  #: from the first column on
    problems: dict[int, Phrase]  #: why cells cannot be used, by their columns


class Merged(NamedTuple):
    first_line: int
    last_line: int
    columns: range
    ref: str


class Around(NamedTuple):
    """What there is besides the values of the cells."""

    merged: list[Merged]  #: in the order of their first lines
    hidden_rows: int  #: with something in them
    first_hidden: int  #: line of the first of them


def rows_of(part: IO[bytes], cells: Cells, times_at: int | None = None) -> Iterator[SheetRow]:
    """Each row that has a cell; dates in the column `times_at` are in ISO form.

    Raises ParseError, ValueError, IndexError and TooMuch.
    """
    target = _Rows(cells, times_at)
    for _ in fed(part, target):
        yield from target.take()


def around(part: IO[bytes]) -> Around:
    """Reads all of the sheet, since merged cells are told behind the rows. Raises as `rows_of`."""
    target = _Around()
    for _ in fed(part, target):
        pass
    return Around(sorted(target.merged, key=lambda each: each.first_line), target.hidden_rows, target.first_hidden)


def may_have_more(part: IO[bytes]) -> bool:
    """Whether `around` can find anything: most sheets have nothing, and the look at the bytes takes a tenth."""
    before = b""
    while block := part.read(_BLOCK_BYTES):
        if _MORE.search(before + block):
            return True
        before = block[-_MORE_BYTES:]
    return False


def _is_hidden(row: dict[str, str]) -> bool:
    """By a filter, a group or a person; or so low that nothing of it can be seen."""
    height = row.get("ht")
    return row.get("hidden") in _TRUE or (height is not None and not height.strip("0."))


def _line(row: dict[str, str], before: int) -> int:
    line = int(row.get("r", before + 1))
    if line > MOST_ROWS:
        raise TooMuch(Phrase("has a row {n:,}; at most {most:,} are read: split the sheet", n=line, most=MOST_ROWS))
    if line <= before:
        raise ValueError  # rows out of order
    return line


class _Columns(dict[str, int]):
    """The columns by their letters: A is 0."""

    def __missing__(self, letters: str) -> int:
        column = 0
        for letter in letters.upper():
            if not "A" <= letter <= "Z":
                raise ValueError  # no reference of a cell
            column = column * _LETTERS + ord(letter) - ord("A") + 1
            if column > MOST_COLUMNS * _LETTERS:
                break
        if len(self) < MOST_COLUMNS:
            self[letters] = column - 1
        return column - 1


_COLUMNS = _Columns()


class _Rows(Target):
    """Its lines run for every cell. Known elements are counted, up to the next row, so their level need not be."""

    def __init__(self, cells: Cells, times_at: int | None) -> None:
        super().__init__(Phrase("a row"))
        self._shown, self._time, self._times_at = cells.shown, cells.time, times_at
        self._found: list[SheetRow] = []
        self._row = SheetRow(0, False, [], {})
        self._texts = self._row.texts
        self._column = -1
        self._kind = self._style = ""
        self._value: str | None = None
        self._is_in_row = self._is_formula = self._is_read = self._is_aid = False

    def take(self) -> list[SheetRow]:
        found, self._found = self._found, []
        return found

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.is_silent = False
        kind = _ROWS.get(name)
        if kind == "c":
            ref = attributes.get("r")
            self._column = _COLUMNS[ref.rstrip(_NUMBERS)] if ref else self._column + 1
            if self._column >= MOST_COLUMNS:
                self._refuse_width()
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "0")
            self._value, self._is_formula = None, False
        elif kind == "v" or (kind == "t" and not self._is_aid):
            self._is_read = True
            self._value = self._value or ""
        elif kind == "row":
            self._open_row(attributes)
        elif kind == "f":
            self._is_formula = True
        elif kind == "rPh":
            self._is_aid = True
        elif kind is None:
            self._level += 1
            self.check_level()
            if not self._is_in_row:
                return
        self._parts += 1
        if self._parts > MOST_PARTS:
            self.check_size()

    def _refuse_width(self) -> NoReturn:
        n, most = self._column + 1, MOST_COLUMNS
        raise TooMuch(Phrase("has a row of {n:,} columns; at most {most:,} are read: delete the rest", n=n, most=most))

    def _open_row(self, attributes: dict[str, str]) -> None:
        line = _line(attributes, self._row.line)
        self._row = SheetRow(line, _is_hidden(attributes), [], {})
        self._texts = self._row.texts
        self._is_in_row, self._column, self._parts, self._characters = True, -1, 0, 0

    def data(self, text: str) -> None:
        self.is_silent = False
        if self._is_read:
            self._value = self._value + text if self._value else text
            self._characters += len(text)
            if self._characters > ROW_CHARACTERS:
                self.check_size()

    def end(self, name: str) -> None:
        kind = _ROWS.get(name)
        if kind == "v" or kind == "t":
            self._is_read = False
        elif kind == "c":
            if self._value is not None or self._is_formula:
                self._close_cell()
        elif kind == "row":
            self._is_in_row = False
            if self._texts:
                self._found.append(self._row)
        elif kind == "rPh":
            self._is_aid = False
        elif kind is None:
            self._level -= 1
        elif kind == "sheetData":
            self.is_done = True

    def _close_cell(self) -> None:
        column, texts = self._column, self._texts
        shown = self._time if column == self._times_at else self._shown
        text, problem = shown(self._kind, self._style, self._value, self._is_formula)
        if problem:
            self._row.problems[column] = problem
        if column == len(texts):
            texts.append(text)
        else:
            self._place(column, text)

    def _place(self, column: int, text: str) -> None:
        self._texts.extend([""] * (column + 1 - len(self._texts)))
        self._texts[column] = text


class _Around(Target):
    def __init__(self) -> None:
        super().__init__(Phrase("a row"))
        self.merged: list[Merged] = []
        self.hidden_rows = self.first_hidden = 0
        self._line = 0
        self._is_hidden = self._is_value = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.is_silent = False
        self._level += 1
        self.check_level()
        kind = _AROUND.get(name)
        if kind == "row":
            self._line = _line(attributes, self._line)
            self._is_hidden = _is_hidden(attributes)
        elif kind == "mergeCell":
            self._merge(attributes.get("ref", ""))
        self._is_value = self._is_hidden and kind in ("v", "t")

    def end(self, _: str) -> None:
        self.is_silent = False
        self._level -= 1

    def data(self, text: str) -> None:
        self.is_silent = False
        if self._is_value and not text.isspace():
            self._is_hidden = self._is_value = False  # the row is counted
            self.hidden_rows += 1
            self.first_hidden = self.first_hidden or self._line

    def _merge(self, ref: str) -> None:
        first, _, last = ref.replace("$", "").partition(":")
        if len(self.merged) == _MOST_MERGED:
            problem = Phrase("has more than {most:,} merged cells: {do}", most=_MOST_MERGED, do=NEW_WORKBOOK)
            raise TooMuch(problem)
        (line, column), (last_line, last_column) = _place(first), _place(last or first)
        columns = range(column, min(last_column + 1, MOST_COLUMNS))
        self.merged.append(Merged(line, last_line, columns, ref[:20]))


def _place(ref: str) -> tuple[int, int]:
    letters = ref.rstrip(_NUMBERS)
    return int(ref[len(letters) :]), _COLUMNS[letters]
