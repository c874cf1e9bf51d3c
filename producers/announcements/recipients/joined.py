"""The rows of a file, and behind them addresses that somebody typed: one list of recipients."""

import hashlib
from collections.abc import Iterator, Sequence

import orjson

from ledger.addresses import address_fields
from ledger.errors import BadInput
from ledger.messages.column_names import folded, quoted
from ledger.phrases import Phrase
from producers.announcements.recipients.header import address_kinds
from producers.announcements.recipients.recipients import Recipients
from producers.announcements.recipients.row import Row

__all__ = ["JoinedRecipients"]


class JoinedRecipients(Recipients):
    """As `Recipients`. A typed address stands in the file's column of its kind, or in a column that is added for it.

    Its line is counted on from the file's last one.
    """

    def __init__(self, file: Recipients, addresses: Sequence[str], address_column: str | None = None) -> None:
        """Closes the file with itself. Raises BadInput for an address that the column of this name cannot hold."""
        self._file, self.name, self.format, self.is_of_rows = file, file.name, file.format, file.is_of_rows
        self.encoding, self.delimiter, self.sheet = file.encoding, file.delimiter, file.sheet
        self.people, self.told_as = file.people, file.told_as
        self._address_column = address_column
        self.columns = file.columns
        self._typed = [self._placed(address) for address in addresses]
        self.sha256 = hashlib.sha256(orjson.dumps([file.sha256, [*addresses]])).hexdigest()

    def rows(self) -> Iterator[Row]:
        added, line = len(self.columns) - len(self._file.columns), 0
        for row in self._file.rows():
            line = row.line
            yield row._replace(values=(*row.values, *[None] * added)) if row.values else row
        self.typed_lines = (line + 1, line + len(self._typed))
        for number, (at, text) in enumerate(self._typed, start=line + 1):
            yield Row(number, tuple(text if place == at else None for place in range(len(self.columns))))

    def close(self) -> None:
        self._file.close()

    def _placed(self, address: str) -> tuple[int, str]:
        """Where it stands among the columns."""
        [(field, text)] = address_fields(address).items()
        if self._address_column is not None:
            return self._named_column(field), text
        if field not in address_kinds(self.columns).values():
            self.columns = (*self.columns, field)
        return next(at for at, kind in address_kinds(self.columns).items() if kind == field), text

    def _named_column(self, field: str) -> int:
        at = [folded(name) for name in self.columns].index(folded(self._address_column or ""))
        if address_kinds(self.columns).get(at, field) != field:
            column = quoted(self.columns[at])
            raise BadInput("addresses", Phrase("must be of the same kind as those in {column}", column=column))
        return at
