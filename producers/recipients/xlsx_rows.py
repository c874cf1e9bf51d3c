"""Rows of the first sheet of an XLSX workbook, with the text that a person sees in its cells.

openpyxl streams the rows, but holds the workbook's table of texts: memory grows with the number of different texts.
"""

import datetime
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from ledger.errors import BadInput
from producers.recipients.row import Row, checked_columns, is_blank
from producers.recipients.source import Source

__all__ = ["XlsxRows"]

#: Of Excel's own: rows beyond it are none, whatever the file says.
_MOST_ROWS = 1_048_576
_MOST_COLUMNS = 16_384
#: A part of the workbook that unpacks to more, and to more than a hundred times its size, was made to do harm.
_UNPACKED_BYTES = 64 * 1024 * 1024
_RATIO = 100
#: The texts are held in memory.
_TEXTS_BYTES = 256 * 1024 * 1024
#: Digits that Excel keeps and shows of a number.
_DIGITS = 15
_PLAIN_FORMAT = re.compile(r"(#,##)?(0+)(?:\.(0+))?(%)?")
_BROKEN = (zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, TypeError, IndexError)
_BROKEN_TOO = (AttributeError, EOFError, NotImplementedError, OSError, RuntimeError, OverflowError, zlib.error)

# It tells of validation rules and styles that it leaves out, which matter to nobody here.
warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\..*")


class XlsxRows:
    """Raises BadInput when it is built from what is no workbook, or has no header that names a receiver."""

    delimiter = None
    encoding = None

    def __init__(self, source: Source) -> None:
        self._source = source
        for _ in source.blocks():  # the hash
            pass
        self._refuse_bombs()
        line, header = next(self._records(), (1, []))
        if not header:
            raise BadInput(source.name, "is empty: the first row must name the columns, such as receiver_id and name")
        self._width = len(_trimmed([_shown(cell) for cell in header]))
        names = [_shown(cell) for cell in header[: self._width]]
        self.columns = checked_columns(names, line, source.name)

    def rows(self) -> Iterator[Row]:
        records = self._records()
        next(records, None)
        for line, cells in records:
            yield self._row(line, cells)
        for _ in self._source.blocks():  # the hash, again: a zip file is not read from its start to its end
            pass

    def _row(self, line: int, cells: list[Any]) -> Row:
        texts = [_shown(cell) for cell in cells]
        beyond = _trimmed(texts)[self._width :]
        values = tuple((texts + [""] * self._width)[: self._width])
        if beyond:
            width = self._width
            return Row(
                line, (*values, *beyond), f"has {width + len(beyond)} cells, but the header names {width} columns"
            )
        for column, cell, text in zip(self.columns, cells, values, strict=False):
            if cell.value is not None and cell.data_type == "e":
                return Row(line, values, f"holds the error {text} of a formula", column)
        return Row(line, values)

    def _records(self) -> Iterator[tuple[int, list[Any]]]:
        """All rows that are not blank, the header too, with the numbers that Excel shows beside them."""
        self._source.verify_unchanged()
        with self._source.random_access() as file:
            try:
                yield from _cells(file)
            except (*_BROKEN, *_BROKEN_TOO) as error:
                problem = f"is no XLSX workbook that can be read ({type(error).__name__})"
            else:
                return
        raise BadInput(self._source.name, problem)

    def _refuse_bombs(self) -> None:
        try:
            with self._source.random_access() as file, zipfile.ZipFile(file) as archive:
                parts = archive.infolist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            problem = "is no XLSX workbook: in Excel, save it as .xlsx or as CSV UTF-8"
        else:
            problem = next(filter(None, map(_bomb, parts)), "")
        if problem:
            raise BadInput(self._source.name, problem)


def _bomb(part: zipfile.ZipInfo) -> str | None:
    is_large = part.file_size > _UNPACKED_BYTES and part.file_size > _RATIO * part.compress_size
    if is_large or ("sharedStrings" in part.filename and part.file_size > _TEXTS_BYTES):
        return f"unpacks to {part.file_size // 1024**2:,} MiB: save it as CSV UTF-8"
    return None


def _cells(file: Any) -> Iterator[tuple[int, list[Any]]]:
    workbook = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    try:
        sheet: Any = workbook.worksheets[0]
        sheet.reset_dimensions()  # some programs write a range that is too small
        for line, cells in enumerate(sheet.iter_rows(min_row=1, max_row=_MOST_ROWS), start=1):
            if not is_blank([_shown(cell) for cell in cells[:_MOST_COLUMNS]]):
                yield line, list(cells[:_MOST_COLUMNS])
    finally:
        workbook.close()


def _trimmed(texts: list[str]) -> list[str]:
    """Without the empty cells at the end, which spreadsheets keep for their looks."""
    while texts and not texts[-1].strip():
        texts = texts[:-1]
    return texts


def _shown(cell: Any) -> str:
    """The cell as text: dates in ISO form, whatever their format, so that `send_at` can be read from them."""
    match cell.value:
        case None:
            return ""
        case str() as text:
            return text.encode("utf-8", "replace").decode()
        case bool() as truth:
            return "TRUE" if truth else "FALSE"
        case int() | float() as number:
            return _number(number, cell.number_format)
        case datetime.datetime() as time:
            return _date_and_time(time)
    return str(cell.value)


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
