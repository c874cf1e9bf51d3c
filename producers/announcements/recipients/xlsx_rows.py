"""Rows of the first sheet of an XLSX workbook, with the text that a person sees in its cells.

The rows are streamed, but the workbook's table of texts is held: memory grows with the number of different texts.
"""

import datetime
import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError

from openpyxl.worksheet._reader import WorkSheetParser

from ledger.errors import BadInput
from ledger.phrases import Phrase
from producers.announcements.recipients.bounds import MOST_COLUMNS, MOST_ROWS, TooMuch, cell_problem
from producers.announcements.recipients.header import checked_columns
from producers.announcements.recipients.reading_options import ReadingOptions, Sheet
from producers.announcements.recipients.row import Row, width_problem
from producers.announcements.recipients.source import Source
from producers.announcements.recipients.xlsx_parts import MIB, Parts
from producers.announcements.recipients.xlsx_workbook import Workbook
from producers.announcements.recipients.xlsx_xml import NAMESPACE, repeated

__all__ = ["XlsxRows"]

#: Of the sheet, unpacked: all that the parts may have together.
_SHEET_BYTES = 1024 * MIB
#: Characters that all cells show, for each byte of the file, and what any file may show: each cell can refer to one
#: long text, so a few kilobytes would be gigabytes in Redis.
_SHOWN_PER_BYTE, _SHOWN_CHARACTERS = 100, 8 * MIB
#: Digits that Excel keeps and shows of a number.
_DIGITS = 15
_PLAIN_FORMAT = re.compile(r"(#,##)?(0+)(?:\.(0+))?(%)?")
_BROKEN = (zipfile.BadZipFile, ParseError, KeyError, ValueError, TypeError, IndexError, AttributeError, EOFError)
_BROKEN_TOO = (NotImplementedError, OSError, RuntimeError, OverflowError, zlib.error)

# It tells of dates before 1900, which the row's problem tells better.
warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\..*")


class _Cell(NamedTuple):
    text: str
    is_error: bool


_BLANK = _Cell("", False)


class XlsxRows:
    """Raises BadInput when it is built from what is no workbook, or has no header that names a receiver."""

    delimiter = None
    encoding = None

    def __init__(self, source: Source, options: ReadingOptions) -> None:
        if options.encoding is not None:
            raise BadInput("encoding", Phrase("goes with CSV and JSONL: a workbook says its own"))
        self._source = source
        self._options = options
        self._workbook: Workbook | None = None
        self.sheet: Sheet | None = None
        for _ in source.blocks():  # the hash
            pass
        line, header = next(self._records(), (1, []))
        if not header:
            raise BadInput(source.name, Phrase("is empty: the first line must name the columns"))
        self.columns = checked_columns([cell.text for cell in header], line, source.name, options.address_column)

    def rows(self) -> Iterator[Row]:
        records = self._records()
        next(records, None)
        shown, most = 0, max(_SHOWN_CHARACTERS, _SHOWN_PER_BYTE * self._source.size_bytes)
        for line, cells in records:
            shown += sum([len(cell.text) for cell in cells])
            if shown > most:
                problem = Phrase("shows more than {most:,} characters in all: save it as CSV UTF-8", most=most)
                raise BadInput(self._source.name, problem)
            yield self._row(line, cells)
        for _ in self._source.blocks():  # the hash, again: a zip file is not read from its start to its end
            pass

    def _row(self, line: int, cells: list[_Cell]) -> Row:
        width, found = len(self.columns), len(cells)
        values = tuple([cell.text for cell in cells] + [""] * (width - found))
        if found > width:
            return Row(line, values, width_problem(found, width))
        for column, cell in zip(self.columns, cells, strict=False):
            if cell.is_error:
                return Row(line, values, Phrase("contains the formula error {error}", error=cell.text), column)
            if problem := cell_problem(cell.text):
                return Row(line, values, problem, column)
        return Row(line, values)

    def _records(self) -> Iterator[tuple[int, list[_Cell]]]:
        """All rows that are not blank, the header too, with the numbers that Excel shows beside them."""
        self._source.verify_unchanged()
        with self._source.random_access() as file:
            try:
                with Parts(file) as parts:
                    # The second pass reads the texts of the first: their table takes as long as the rows.
                    self._workbook = self._workbook or Workbook.of(parts)
                    yield from _rows_of(parts, self._workbook)
            except TooMuch as error:
                problem = error.args[0]
            except zipfile.BadZipFile:
                problem = Phrase("is not an XLSX workbook: in Excel, save it as .xlsx or as CSV UTF-8")
            except (*_BROKEN, *_BROKEN_TOO) as error:
                problem = Phrase("is not a readable XLSX workbook ({error})", error=type(error).__name__)
            else:
                return
        raise BadInput(self._source.name, problem)


def _rows_of(parts: Parts, workbook: Workbook) -> Iterator[tuple[int, list[_Cell]]]:
    read = _Sheet(workbook).read
    with parts.open(workbook.sheet, Phrase("a sheet"), _SHEET_BYTES) as part:
        for row in repeated(part, f"{NAMESPACE}row", Phrase("a row"), until=f"{NAMESPACE}sheetData"):
            line, cells = read(row)
            if cells:
                yield line, cells


class _Sheet:
    """The rows of one pass. openpyxl reads the single cell; which rows and columns there may be is judged here."""

    def __init__(self, workbook: Workbook) -> None:
        self._formats = workbook.formats
        self._line = 0
        self._parser = WorkSheetParser(
            io.BytesIO(),  # it would read the rows from there, and hold them all
            workbook.texts,
            data_only=True,
            epoch=workbook.epoch,
            date_formats=workbook.dates,
            timedelta_formats=workbook.durations,
        )

    def read(self, row: Element) -> tuple[int, list[_Cell]]:
        """Its number, and its cells without the empty ones at its end. Raises TooMuch, and ValueError."""
        line = int(row.get("r", self._line + 1))
        if line > MOST_ROWS:
            raise TooMuch(Phrase("has a row {n:,}; at most {most:,} are read: split the sheet", n=line, most=MOST_ROWS))
        if line <= self._line:
            raise ValueError("rows out of order")
        self._line = self._parser.row_counter = line
        self._parser.col_counter = 0
        return line, self._placed([self._parser.parse_cell(cell) for cell in row if cell.tag == f"{NAMESPACE}c"])

    def _placed(self, found: Sequence[dict[str, Any]]) -> list[_Cell]:
        last = max((cell["column"] for cell in found), default=0)
        if last > MOST_COLUMNS:
            raise TooMuch(
                Phrase(
                    "has a row of {n:,} columns; at most {most:,} are read: delete the rest", n=last, most=MOST_COLUMNS
                )
            )
        cells = [_BLANK] * last
        for cell in found:
            cells[cell["column"] - 1] = self._cell(cell)
        while cells and not cells[-1].text.strip():
            cells.pop()
        return cells

    def _cell(self, cell: dict[str, Any]) -> _Cell:
        value, style = cell["value"], cell["style_id"]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _Cell(_number(value, self._formats[style] if style < len(self._formats) else ""), False)
        return _Cell(_shown(value), value is not None and cell["data_type"] == "e")


def _shown(value: Any) -> str:
    """The value as text: dates in ISO form, whatever their format, so that `send_at` can be read from them."""
    match value:
        case None:
            return ""
        case str() as text:
            return text.encode("utf-8", "replace").decode()
        case bool() as truth:
            return "TRUE" if truth else "FALSE"
        case datetime.datetime() as time:
            return _date_and_time(time)
    return str(value)


def _date_and_time(time: datetime.datetime) -> str:
    if time.time() == datetime.time():
        return time.date().isoformat()
    return time.isoformat(" ", "seconds" if time.second else "minutes")


def _number(number: float, number_format: str) -> str:
    """Follows the formats 0, 000, 0.00, #,##0.00 and 0%; everything else as Excel's General shows it in a wide cell."""
    match = _PLAIN_FORMAT.fullmatch(number_format or "")
    if match is None:
        return str(int(number)) if float(number).is_integer() and abs(number) < 1e21 else format(number, f".{_DIGITS}g")
    grouped, zeros, decimals, percent = match.groups()
    width = len(zeros) + (len(decimals) + 1 if decimals else 0)
    text = format(number * (100 if percent else 1), f"0{width}{',' if grouped else ''}.{len(decimals or '')}f")
    return text + (percent or "")
