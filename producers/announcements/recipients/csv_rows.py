"""Rows of a CSV file: commas, semicolons or tabs; quotes, and line breaks within them."""

import codecs
import csv
import io
from collections.abc import Iterator

from ledger.errors import BadInput
from ledger.phrases import Phrase
from producers.announcements.recipients.bounds import CELL_CHARACTERS, cell_problem
from producers.announcements.recipients.encoding import CODECS, UTF_16, Encoding, encoding_of
from producers.announcements.recipients.row import (
    RECEIVER_COLUMNS,
    Row,
    check_receiver,
    checked_columns,
    is_blank,
    place,
    width_problem,
)
from producers.announcements.recipients.source import EndlessRowError, RowGuard, Source, TextGuard

__all__ = ["CsvRows"]

_QUOTE_INSIDE = Phrase('has a quote inside a cell: put the cell in quotes, and write each quote in it twice ("")')
_DELIMITERS = (",", ";", "\t")
#: What Python's csv says where a cell was opened and never closed; its other complaints are about one row.
_NEVER_CLOSED = ("field larger than field limit", "unexpected end of data")


#: Blocks of the file that one row may take in behind that in which it begins: an open quote takes in line after line.
_ROW_BLOCKS = 1


class CsvRows:
    """Raises BadInput when it is built from a file without a header that names a receiver."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.columns: tuple[str, ...] = ()
        self.delimiter: str = _delimiter_of(source)
        self.encoding: Encoding = encoding_of(source)
        self.sheet = None
        header = next(self._records(), None)
        if header is None:
            raise BadInput(source.name, Phrase("is empty: the first line must name the columns"))
        if header.problem:
            raise BadInput(place(header.line), header.problem)
        names = [(name or "").removeprefix("\ufeff") for name in header.values]
        self.columns = checked_columns(names, header.line, source.name)

    def rows(self) -> Iterator[Row]:
        """Raises BadInput where the file cannot be read on; a row that is wrong by itself says so in its problem."""
        records = self._records()
        next(records, None)
        width = len(self.columns)
        for row in records:
            if len(row.values) != width and row.problem is None:
                yield row._replace(problem=width_problem(len(row.values), width))
            else:
                yield row

    def _records(self) -> Iterator[Row]:
        """All rows that are not blank, the header too."""
        guard = RowGuard(_ROW_BLOCKS)
        with self._source.text(CODECS[self.encoding], guard) as text:
            reader = csv.reader(text, delimiter=self.delimiter, strict=True)
            while True:
                line = reader.line_num + 1
                guard.blocks_left = _ROW_BLOCKS
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
                    yield _unreadable(line, str(error))
                    continue
                content = "".join(cells)
                if len(content) > CELL_CHARACTERS:
                    yield self._long(line, tuple(cells))
                elif content.strip():
                    yield Row(line, tuple(cells))

    def _long(self, line: int, cells: tuple[str, ...]) -> Row:
        for at, cell in enumerate(cells):
            if problem := cell_problem(cell):
                return Row(line, cells, problem, self.columns[at] if at < len(self.columns) else None)
        return Row(line, cells)


def _unreadable(line: int, problem: str) -> Row:
    if problem.startswith(_NEVER_CLOSED):
        raise _never_closed(line)
    return Row(line, (), _QUOTE_INSIDE)


def _never_closed(line: int) -> BadInput:
    problem = Phrase("a quote is never closed, or a cell has more than {most:,} characters", most=CELL_CHARACTERS)
    return BadInput(place(line), problem)


def _delimiter_of(source: Source) -> str:
    """The one that makes a receiver's column of the header; the one that makes most columns if several do.

    It looks at the first block only, so that a large file without a header is refused before all of it is read.
    """
    head = source.head().removeprefix(codecs.BOM_UTF8)
    TextGuard(source.name).see(head if not head.startswith(UTF_16) else b"")
    # Every byte is a character in Latin-1, and in UTF-8 and GB18030 no part of a character is a delimiter.
    names = {delimiter: _names(head.decode("latin-1"), delimiter) for delimiter in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda each: (bool(set(RECEIVER_COLUMNS) & set(names[each])), len(names[each])))
    if names[best] and not head.startswith(UTF_16):
        check_receiver([_readable(name) for name in names[best]], source.name)
    return best


def _names(head: str, delimiter: str) -> list[str]:
    try:
        rows = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
        return [name.strip() for name in next((row for row in rows if not is_blank(row)), [])]
    except csv.Error:
        return []


def _readable(name: str) -> str:
    data = name.encode("latin-1")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("gb18030", "replace")
