"""Rows of a CSV file: commas, semicolons or tabs; quotes, and line breaks within them."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Self

from ledger.errors import BadInput
from ledger.messages.column_names import folded, quoted, trimmed
from ledger.phrases import Phrase
from producers.announcements.recipients.bounds import CELL_CHARACTERS, cell_problem
from producers.announcements.recipients.encoding import codec_of, encoding_of, encoding_of_head
from producers.announcements.recipients.header import address_kinds, check_addressed, checked_columns
from producers.announcements.recipients.reading_options import ReadingOptions
from producers.announcements.recipients.row import Row, is_blank, place, width_problem
from producers.announcements.recipients.source import EndlessRowError, RowGuard, Source, TextGuard

__all__ = ["DELIMITERS", "CsvRows", "header_of"]

_QUOTE_INSIDE = Phrase('has a quote inside a cell: put the cell in quotes, and write each quote in it twice ("")')
DELIMITERS = {",": Phrase("commas"), ";": Phrase("semicolons"), "\t": Phrase("tabs")}
#: Excel's own first line, which names the delimiter of the file.
_SEP = re.compile(r'\ufeff?"?sep=(.)"?', re.IGNORECASE)
#: How a program keeps Excel from taking a text for a number, and what Excel makes of a number of more than 11 digits.
_FORMULA_OF_TEXT = re.compile(r'="((?:[^"]|"")*)"')
_ROUNDED = re.compile(r"-?[0-9](?:[.,][0-9]+)?E\+[0-9]{2,}")
#: What Python's csv says where a cell was opened and never closed; its other complaints are about one row.
_NEVER_CLOSED = ("field larger than field limit", "unexpected end of data")
#: Blocks of the file that one row may take in behind that in which it begins: an open quote takes in line after line.
_ROW_BLOCKS = 1


class CsvRows:
    """Raises BadInput when it is built from a file without a header that names a receiver."""

    sheet = None

    def __init__(self, source: Source, options: ReadingOptions) -> None:
        self._source = source
        self.columns: tuple[str, ...] = ()
        self.encoding = encoding_of_head(source, options.encoding)
        # Looked at first, so that a large file without a header is refused before all of it is read.
        head = _head(source, self.encoding)
        self._has_sep, self.delimiter = _delimiter_of(head, options)
        if header := header_of(head, self.delimiter):
            check_addressed(_without_end(header), source.name, options.address_column)
        self.encoding = encoding_of(source, options.encoding)
        first = next(self._records(), None)
        if first is None:
            raise BadInput(source.name, Phrase("is empty: the first line must name the columns"))
        if first.problem:
            raise BadInput(place(first.line), first.problem)
        names = _without_end([value or "" for value in first.values])
        self.columns = checked_columns(names, first.line, source.name, options.address_column)

    def rows(self) -> Iterator[Row]:
        """Raises BadInput where the file cannot be read on; a row that is wrong by itself says so in its problem."""
        records = self._records()
        next(records, None)
        width = len(self.columns)
        for row in records:
            yield row if len(row.values) == width or row.problem else self._fitted(row)

    def _fitted(self, row: Row) -> Row:
        """Without empty cells behind the last column, as Excel for Mac writes them."""
        values, width = list(row.values), len(self.columns)
        while len(values) > width and not values[-1]:
            values.pop()
        if len(values) == width:
            return row._replace(values=tuple(values))
        problem = width_problem(len(values), width)
        others = [name for each, name in DELIMITERS.items() if each != self.delimiter and each in (values[0] or "")]
        if len(values) == 1 and others:
            problem = Phrase(
                "{problem}: it is divided by {found}, the header by {expected}",
                problem=problem,
                found=others[0],
                expected=DELIMITERS.get(self.delimiter, quoted(self.delimiter)),
            )
        return row._replace(problem=problem)

    def _records(self) -> Iterator[Row]:
        """All rows that are not blank, the header too."""
        guard = RowGuard(_ROW_BLOCKS)
        with self._source.text(codec_of(self.encoding), guard) as text:
            lines = _Lines(text)
            reader = csv.reader(lines, delimiter=self.delimiter, skipinitialspace=True, strict=True)
            if self._has_sep:
                next(reader)
            while True:
                line = reader.line_num + 1
                guard.blocks_left = _ROW_BLOCKS
                lines.taken.clear()
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except UnicodeDecodeError:
                    # It was valid when the encoding was found.
                    raise self._source.changed() from None
                except EndlessRowError:
                    raise _never_closed(line) from None
                except csv.Error as error:
                    yield _unreadable(line, str(error), lines)
                    continue
                content = "".join(cells)
                if content and not content.isspace():
                    row = self._row(line, cells, content, lines)
                    if row.problem or any(row.values):
                        yield row

    def _row(self, line: int, cells: list[str], content: str, lines: "_Lines") -> Row:
        if len(content) > CELL_CHARACTERS:
            for at, cell in enumerate(cells):
                if problem := cell_problem(cell):
                    return Row(line, tuple(cells), problem, self._name(at))
        values = tuple([trimmed(cell) for cell in cells] if _is_odd(content) else [cell.strip() for cell in cells])
        if values != tuple(cells) and any('"' in taken for taken in lines.taken):
            return self._quoted_row(line, cells, lines.text)
        if '"' not in content and "E+" not in content:
            return Row(line, values)
        values = tuple(map(_shown, values))
        rounded = tuple([(at, _ROUNDED_NUMBER) for at, value in enumerate(values) if _is_rounded(value)])
        return Row(line, values, unusable=rounded)

    def _quoted_row(self, line: int, cells: list[str], text: str) -> Row:
        """Blanks within quotes are meant; a quote behind a blank that is no space is not seen as one."""
        quoted = _are_quoted(text, self.delimiter)
        values = tuple([_shown(cell if whole else trimmed(cell)) for cell, whole in zip(cells, quoted, strict=True)])
        for at, (value, whole) in enumerate(zip(values, quoted, strict=True)):
            if not whole and value.startswith('"'):
                problem = Phrase("has a blank before its quote: begin the cell with the quote")
                return Row(line, values, problem, self._name(at))
        return Row(line, values)

    def _name(self, at: int) -> str | None:
        return self.columns[at] if at < len(self.columns) else None


_ROUNDED_NUMBER = Phrase(
    "looks like a number that a spreadsheet has rounded: format its column as text, and fill it in again"
)


class _Lines:
    """The lines of a text; `taken` are those that were read since it was emptied."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.taken: list[str] = []

    @property
    def text(self) -> str:
        """What was taken, without the line end behind it."""
        return "".join(self.taken).rstrip("\r\n")

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self.taken.append(line)
        return line


def _is_odd(content: str) -> bool:
    """Whether there may be blanks that Python does not take for one."""
    return not content.isascii() or "\x1a" in content


def _are_quoted(text: str, delimiter: str) -> list[bool]:
    """Which cells of a row are in quotes. csv has read it, so it is built as it must be."""
    found, at = [], 0
    while True:
        at += len(text[at:]) - len(text[at:].lstrip(" "))
        found.append(text[at : at + 1] == '"')
        if found[-1]:
            at = _behind_quotes(text, at + 1)
        at = text.find(delimiter, at) + 1
        if not at:
            return found


def _behind_quotes(text: str, at: int) -> int:
    end = text.find('"', at)
    while text[end + 1 : end + 2] == '"':
        end = text.find('"', end + 2)
    return end + 1


def _shown(cell: str) -> str:
    """What Excel shows for a text that was written as a formula: `="007"`."""
    if cell.startswith('="') and (match := _FORMULA_OF_TEXT.fullmatch(cell)):
        return trimmed(match[1].replace('""', '"'))
    return cell


def _is_rounded(value: str) -> bool:
    return "E+" in value and _ROUNDED.fullmatch(value) is not None


def _unreadable(line: int, problem: str, lines: _Lines) -> Row:
    if problem.startswith(_NEVER_CLOSED):
        raise _never_closed(line)
    return Row(line, (), _QUOTE_INSIDE, text=lines.text)


def _never_closed(line: int) -> BadInput:
    problem = Phrase("a quote is never closed, or a cell has more than {most:,} characters", most=CELL_CHARACTERS)
    return BadInput(place(line), problem)


def _head(source: Source, encoding: str) -> str:
    """The first block as text. A character that is cut at its end is lost."""
    head = source.head()
    TextGuard(source.name, encoding).see(head)
    return head.decode(codec_of(encoding), "replace")


def _delimiter_of(head: str, options: ReadingOptions) -> tuple[bool, str]:
    """Whether the first line names it, as Excel writes it, and which it is.

    Else the one that makes a column of addresses; the one that makes most columns if several do.
    """
    if named := _names_delimiter(head):
        return True, named
    names = {delimiter: header_of(head, delimiter) for delimiter in DELIMITERS}
    wanted = folded(options.address_column) if options.address_column else None

    def fitness(delimiter: str) -> tuple[bool, int]:
        found = names[delimiter]
        return bool(address_kinds(found)) or any(folded(name) == wanted for name in found), len(found)

    return False, max(DELIMITERS, key=fitness)


def _names_delimiter(head: str) -> str | None:
    found = _SEP.fullmatch(head[:16].splitlines()[0]) if head else None
    return found[1] if found else None


def header_of(head: str, delimiter: str) -> list[str]:
    """The first row that is not blank; empty when it cannot be read."""
    lines = io.StringIO(head.removeprefix("\ufeff"), newline="")
    if _names_delimiter(head):
        lines.readline()
    try:
        for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True):
            if not is_blank(row):
                return [trimmed(name) for name in row]
    except csv.Error:
        pass
    return []


def _without_end(names: Sequence[str]) -> list[str]:
    """Without the empty ones at the end."""
    width = max((at for at, name in enumerate(names, start=1) if trimmed(name)), default=0)
    return list(names[:width])
