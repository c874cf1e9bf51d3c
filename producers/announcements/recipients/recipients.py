"""A recipient file, in any format."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from ledger.errors import BadInput
from ledger.phrases import Phrase
from producers.announcements.recipients.bounds import MOST_CELLS, MOST_ROWS
from producers.announcements.recipients.csv_rows import DELIMITERS, CsvRows, header_of
from producers.announcements.recipients.file_kinds import Format, format_of, suffix_of
from producers.announcements.recipients.header import address_kinds
from producers.announcements.recipients.reading_options import ReadingOptions, Sheet
from producers.announcements.recipients.row import Row
from producers.announcements.recipients.source import Source

if TYPE_CHECKING:
    from producers.announcements.recipients.jsonl_rows import JsonlRows
    from producers.announcements.recipients.xlsx_rows import XlsxRows

__all__ = ["AS_IT_IS", "Recipients"]

#: Nothing is said about how to read it.
AS_IT_IS = ReadingOptions()


class Recipients:
    """The rows of a file, read from disk anew by each call of `rows`. Close it, or use it in a `with`."""

    #: The first and the last line of addresses that were typed besides the file, once its rows were read.
    typed_lines: tuple[int, int] | None = None
    #: What the summary calls them where they are not a file.
    told_as: Phrase | None = None
    #: The columns that hold what the contacts tell of people.
    people: tuple[str, ...] = ()
    #: The column receiver_id names everybody, whatever a file named them by.
    is_resolved = False
    #: The same of people of an audience, who follow the file and the typed addresses.
    people_lines: tuple[int, int] | None = None

    def __init__(self, source: Source, options: ReadingOptions = AS_IT_IS) -> None:
        """Raises BadInput if the file is empty, names no receiver, or is not in a supported format."""
        self._source = source
        self.name = source.name
        self.format: Format = _format_of(source)
        self._rows = _rows_of(source, self.format, options)
        self.columns = self._rows.columns
        self.encoding: str | None = self._rows.encoding  #: None for a workbook
        self.delimiter: str | None = self._rows.delimiter  #: of a CSV file
        self.sheet: Sheet | None = self._rows.sheet  #: of a workbook
        self.is_of_rows = source.is_of_rows
        self.sha256 = source.sha256 or ""  #: of the file's bytes, hexadecimal; every pass over the rows verifies it

    @classmethod
    def open(cls, path: Path | str, stdin: BinaryIO | None = None, *, options: ReadingOptions = AS_IT_IS) -> Self:
        """`-` is stdin, kept on disk until closed, since it is read twice. Raises BadInput."""
        return cls.of(Source.spooled(stdin) if str(path) == "-" else Source.opened(Path(path)), options)

    @classmethod
    def of(cls, source: Source, options: ReadingOptions = AS_IT_IS) -> Self:
        """Closes the source with itself, and when it cannot be read. Raises BadInput."""
        try:
            return cls(source, options)
        except BaseException:
            source.close()
            raise

    def rows(self) -> Iterator[Row]:
        """The rows from the first. A row that is wrong by itself says so in its `problem`.

        Raises:
            BadInput: where the file cannot be read on; after the last row, when the content has changed since it was
                opened; when there is no row at all.
        """
        count = 0
        most = min(MOST_ROWS, MOST_CELLS // len(self.columns))
        for count, row in enumerate(self._rows.rows(), start=1):
            if count > most:
                raise self._too_long(most)
            yield row
        if not count:
            raise BadInput(self.name, Phrase("has a header but no rows"))

    def lacking(self, row: Row, name: str) -> Phrase:  # noqa: ARG002  rows of other origin know more
        """What is wrong with a row that has no value for a variable that the message needs."""
        return Phrase("has no value, but the message needs one")

    def _too_long(self, most: int) -> BadInput:
        if most == MOST_ROWS:
            return BadInput(self.name, Phrase("has more than {most:,} rows: split it into several files", most=most))
        return BadInput(
            self.name,
            Phrase(
                "has more than {most:,} rows with {columns:,} columns: leave out unused columns",
                most=most,
                columns=len(self.columns),
            ),
        )

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _format_of(source: Source) -> Format:
    """By the content, whatever the file is called. Raises BadInput."""
    found = format_of(source.name, source.head(), source.tail())
    if found or suffix_of(source.name) != "jsonl":
        return found or "csv"
    first = source.head(4096).decode("utf-8", "replace")
    return "csv" if any(address_kinds(header_of(first, delimiter)) for delimiter in DELIMITERS) else "jsonl"


def _rows_of(source: Source, written_in: Format, options: ReadingOptions) -> "CsvRows | JsonlRows | XlsxRows":
    match written_in:
        case "csv":
            return CsvRows(source, options)
        case "jsonl":
            # Imported here, as the next: most files are CSV, and the process that reads uploads starts faster without.
            from producers.announcements.recipients.jsonl_rows import JsonlRows

            return JsonlRows(source, options)
        case "xlsx":
            from producers.announcements.recipients.xlsx_rows import XlsxRows

            return XlsxRows(source, options)
