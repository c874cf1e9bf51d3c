"""Rows of a CSV file: commas, semicolons or tabs; quotes, and line breaks within them."""

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice, tee

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
#: What Excel saves for a formula that failed, in every language, and for a date or number wider than its column.
_FORMULA_ERROR = re.compile(
    r"#(?:N/A|NAME\?|(?:NULL|DIV/0|VALUE|REF|NUM|SPILL|CALC|FIELD|BLOCKED|CONNECT|BUSY|UNKNOWN|PYTHON)!)"
)
_NARROW = re.compile(r"#{3,}")
#: What Python's csv says where a cell was opened and never closed; its other complaints are about one row.
_NEVER_CLOSED = ("field larger than field limit", "unexpected end of data")
#: Lines that are kept behind the one that is read.
_KEPT_LINES = 1_000
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
            read, again = tee(text)
            lines = _Lines(again)
            reader = csv.reader(read, delimiter=self.delimiter, skipinitialspace=True, strict=True)
            if self._has_sep:
                next(reader)
            while True:
                line = reader.line_num + 1
                guard.blocks_left = _ROW_BLOCKS
                if line > lines.kept_until:
                    lines.drop(line)
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
                    yield _unreadable(line, str(error), lines.text(line, reader.line_num))
                    continue
                if _is_plain("".join(cells)) and list(map(str.strip, cells)) == cells:
                    yield Row(line, tuple(cells))
                elif row := self._row(line, reader.line_num, cells, lines):
                    yield row

    def _row(self, line: int, last_line: int, cells: list[str], lines: "_Lines") -> Row | None:
        """None for a blank one."""
        content = "".join(cells)
        if not content or content.isspace():
            return None
        stripped = [trimmed(cell) for cell in cells] if _is_odd(content) else [cell.strip() for cell in cells]
        if len(content) > CELL_CHARACTERS and (row := self._long(line, cells)):
            return row
        if stripped != cells and '"' in (text := lines.text(line, last_line)):
            return self._quoted_row(line, cells, text)
        if '"' in content or "E+" in content or "#" in content:
            return _odd_row(line, stripped)
        return Row(line, tuple(stripped)) if any(stripped) else None

    def _long(self, line: int, cells: list[str]) -> Row | None:
        for at, cell in enumerate(cells):
            if problem := cell_problem(cell):
                return Row(line, tuple(cells), problem, self._name(at))
        return None

    def _quoted_row(self, line: int, cells: list[str], text: str) -> Row:
        """Blanks within quotes are meant; a quote behind a blank that is no space is not seen as one."""
        quoted = _are_quoted(text, self.delimiter)
        values = [cell if whole else trimmed(cell) for cell, whole in zip(cells, quoted, strict=True)]
        for at, (value, whole) in enumerate(zip(values, quoted, strict=True)):
            if not whole and value.startswith('"'):
                problem = Phrase("has a blank before its quote: begin the cell with the quote")
                return Row(line, tuple(values), problem, self._name(at))
        return _odd_row(line, values)

    def _name(self, at: int) -> str | None:
        return self.columns[at] if at < len(self.columns) else None


_ROUNDED_NUMBER = Phrase(
    "looks like a number that a spreadsheet has rounded: format its column as text, and fill it in again"
)
_TOO_NARROW = Phrase(
    "holds only # signs, as Excel saves a column that is too narrow: widen it, and save the file again"
)


class _Lines:
    """The same lines once more, for the text of a row that csv has read. They are dropped by the thousand: a look at
    each line would take a tenth of all reading."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._dropped = 0
        self.kept_until = _KEPT_LINES

    def drop(self, before: int) -> None:
        deque(islice(self._lines, before - 1 - self._dropped), maxlen=0)
        self._dropped = before - 1
        self.kept_until = self._dropped + _KEPT_LINES

    def text(self, first: int, last: int) -> str:
        """Of these lines, without the line end behind them."""
        self.drop(first)
        self._dropped = last
        return "".join(islice(self._lines, last - first + 1)).rstrip("\r\n")


def _odd_row(line: int, cells: list[str]) -> Row:
    """One with quotes in its cells, or with what may be a number that Excel has rounded or an error of its formulas."""
    values = tuple(map(_shown, cells))
    problems = [(at, _problem_of(value)) for at, value in enumerate(values)]
    return Row(line, values, unusable=tuple([(at, problem) for at, problem in problems if problem]))


def _is_plain(content: str) -> bool:
    """Whether its cells are shown as they are, but for blanks around them: so are most rows of most files, of which
    there may be a million."""
    return (
        content.isascii()
        and 0 < len(content) <= CELL_CHARACTERS
        and not ('"' in content or "E+" in content or "#" in content or "\x1a" in content or content.isspace())
    )


def _is_odd(content: str) -> bool:
    """Whether there may be blanks that Python does not take for one."""
    return not content.isascii() or "\x1a" in content


def _are_quoted(text: str, delimiter: str) -> list[bool]:
    """Which cells of a row are in quotes. csv has read it, so it is built as it must be."""
    found, at = [], 0
    while True:
        while text[at : at + 1] == " ":
            at += 1
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


def _problem_of(value: str) -> Phrase | None:
    """Why this is not what somebody filled in, but what Excel saved in its place."""
    if "E+" in value and _ROUNDED.fullmatch(value):
        return _ROUNDED_NUMBER
    if not value.startswith("#"):
        return None
    if _FORMULA_ERROR.fullmatch(value):
        return Phrase("contains the formula error {error}", error=value)
    return _TOO_NARROW if _NARROW.fullmatch(value) else None


def _unreadable(line: int, problem: str, text: str) -> Row:
    if problem.startswith(_NEVER_CLOSED):
        raise _never_closed(line)
    return Row(line, (), _QUOTE_INSIDE, text=text)


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
