"""Rows of the first visible sheet of an XLSX workbook, with the text that a person sees in its cells.

The rows are streamed, but the workbook's table of texts is held: memory grows with the number of different texts.
"""

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO
from xml.etree.ElementTree import ParseError

from ledger.errors import BadInput
from ledger.messages.column_names import folded
from ledger.phrases import Phrase, phrase_in
from producers.announcements.recipients.bounds import CELL_CHARACTERS, TooMuch, cell_problem
from producers.announcements.recipients.header import checked_columns
from producers.announcements.recipients.reading_options import HiddenRows, ReadingOptions, Sheet
from producers.announcements.recipients.row import Row, is_blank, width_problem
from producers.announcements.recipients.source import Source
from producers.announcements.recipients.xlsx_merged import Covered
from producers.announcements.recipients.xlsx_parts import MIB, Parts
from producers.announcements.recipients.xlsx_sheet import Around, SheetRow, around, may_have_more, rows_of
from producers.announcements.recipients.xlsx_workbook import Workbook

__all__ = ["XlsxRows"]

#: Of the sheet, unpacked: all that the parts may have together.
_SHEET_BYTES = 1024 * MIB
#: Characters that all cells show, for each byte of the file, and what any file may show: each cell can refer to one
#: long text, so a few kilobytes would be gigabytes in Redis.
_SHOWN_PER_BYTE, _SHOWN_CHARACTERS = 100, 8 * MIB
_BROKEN = (zipfile.BadZipFile, ParseError, KeyError, ValueError, TypeError, IndexError, AttributeError, EOFError)
_BROKEN_TOO = (NotImplementedError, OSError, RuntimeError, OverflowError, zlib.error)


class XlsxRows:
    """Raises BadInput when it is built from what is no workbook, has no header that names a receiver, or hides rows."""

    delimiter = None
    encoding = None

    def __init__(self, source: Source, options: ReadingOptions) -> None:
        if options.encoding is not None:
            raise BadInput("encoding", Phrase("goes with CSV and JSONL: a workbook says its own"))
        self._source = source
        self._skips_hidden = options.hidden is HiddenRows.SKIP
        for _ in source.blocks():  # the hash
            pass
        with self._opened() as parts:
            self._workbook = Workbook.of(parts)
            with self._sheet(parts) as part:
                has_more = may_have_more(part)
            with self._sheet(parts) as part:
                self._around = around(part) if has_more else Around([], 0, 0)
        if self._around.hidden_rows and options.hidden is None:
            raise self._hides_rows()
        self.sheet = Sheet(self._workbook.name, self._workbook.others, self._around.hidden_rows)
        self._times_at: int | None = None
        header = next(self._records(), None)
        if header is None:
            raise BadInput(source.name, Phrase("is empty: the first line must name the columns"))
        self._header_line = header.line
        self.columns = checked_columns(_without_end(header.texts), header.line, source.name, options.address_column)
        names = [folded(name) for name in self.columns]
        self._times_at = names.index("send_at") if "send_at" in names else None

    def rows(self) -> Iterator[Row]:
        covered = Covered(self._around.merged)
        shown, most = 0, max(_SHOWN_CHARACTERS, _SHOWN_PER_BYTE * self._source.size_bytes)
        for row in self._records():
            if row.line <= self._header_line:
                continue
            characters = sum(map(len, row.texts))
            shown += characters
            if shown > most:
                problem = Phrase("shows more than {most:,} characters in all: save it as CSV UTF-8", most=most)
                raise BadInput(self._source.name, problem)
            if characters > CELL_CHARACTERS and (long := self._too_long(row)):
                yield long
            else:
                yield self._row(row, covered.at(row.line))
        for _ in self._source.blocks():  # the hash, again: a zip file is not read from its start to its end
            pass

    def _too_long(self, row: SheetRow) -> Row | None:
        for column, text in zip(self.columns, row.texts, strict=False):
            if problem := cell_problem(text):
                return Row(row.line, self._values(row), problem, column)
        return None

    def _row(self, row: SheetRow, covered: Mapping[int, Phrase]) -> Row:
        width = len(self.columns)
        if len(row.texts) > width:
            found = max(len(_without_end(row.texts)), 1 + max(row.problems, default=-1))
            if found > width:
                return Row(row.line, self._values(row), width_problem(found, width))
        if not covered and not row.problems:
            return Row(row.line, self._values(row))
        unusable = {**covered, **row.problems}
        return Row(
            row.line, self._values(row), unusable=tuple((at, unusable[at]) for at in sorted(unusable) if at < width)
        )

    def _values(self, row: SheetRow) -> tuple[str, ...]:
        missing = len(self.columns) - len(row.texts)
        return (*row.texts, *[""] * missing) if missing >= 0 else tuple(row.texts[:missing])

    def _records(self) -> Iterator[SheetRow]:
        """All rows that are not blank, the header too, with the numbers that Excel shows beside them."""
        self._source.verify_unchanged()
        with self._opened() as parts, self._sheet(parts) as part:
            for row in rows_of(part, self._workbook.cells, self._times_at):
                if row.is_hidden and self._skips_hidden:
                    continue
                if row.problems or not is_blank(row.texts):
                    yield row

    def _sheet(self, parts: Parts) -> IO[bytes]:
        return parts.open(self._workbook.sheet, Phrase("a sheet"), _SHEET_BYTES)

    @contextmanager
    def _opened(self) -> Iterator[Parts]:
        """What is wrong with the file, within it, becomes BadInput."""
        problem: Phrase
        with self._source.random_access() as file:
            try:
                with Parts(file) as parts:
                    yield parts
            except TooMuch as error:
                problem = phrase_in(error)
            except zipfile.BadZipFile:
                problem = Phrase("is not an XLSX workbook: in Excel, save it as .xlsx or as CSV UTF-8")
            except (*_BROKEN, *_BROKEN_TOO) as error:
                problem = Phrase(
                    "is not a readable XLSX workbook ({error}): open it in Excel, and save it as .xlsx or as CSV UTF-8",
                    error=type(error).__name__,
                )
            else:
                return
        raise BadInput(self._source.name, problem)

    def _hides_rows(self) -> BadInput:
        around = self._around
        return BadInput(
            "hidden",
            Phrase(
                "{file} has {n:,} row that Excel hides (line {line}), by a filter or by hand: say skip to leave it out,"
                " or include to send to it too (--hidden skip, --hidden include)"
                " | {file} has {n:,} rows that Excel hides (the first is line {line}), by a filter or by hand: say skip"
                " to leave them out, or include to send to them too (--hidden skip, --hidden include)",
                file=self._source.name,
                n=around.hidden_rows,
                line=around.first_hidden,
            ),
        )


def _without_end(texts: list[str]) -> list[str]:
    """Without the blank ones at the end."""
    last = max((at for at, text in enumerate(texts) if text.strip()), default=-1)
    return texts[: last + 1]
