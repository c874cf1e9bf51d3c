"""A list of addresses in a file: one on a line, or in the columns of a recipients file."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ledger.addresses import address_text
from ledger.errors import BadInput
from ledger.phrases import Phrase
from producers.announcements.recipients import Recipients
from producers.announcements.recipients.header import AddressKind, address_kinds
from producers.announcements.recipients.source import BLOCK_BYTES, Source

__all__ = ["read_addresses"]

#: Between the names of a header; quotes do not matter.
_DIVIDERS = str.maketrans({";": ",", "\t": ",", '"': None})
#: What a workbook begins with.
_ZIP = b"PK"


def read_addresses(path: Path) -> list[str]:
    """Each as `--to` takes it; `-` is stdin.

    A workbook, and a file whose first line names a column of addresses, is read as recipients are, and all addresses
    of a row count; of any other each line is one, or several with commas between them. Raises BadInput.
    """
    with closing(Source.spooled() if str(path) == "-" else Source.opened(path)) as source:
        head = source.head()
        if head.startswith(_ZIP) or address_kinds(_first_cells(head)):
            with Recipients.of(source) as recipients:
                return list(_of_columns(recipients))
        if source.size_bytes > BLOCK_BYTES:
            raise BadInput(source.name, Phrase("is longer than 1 MiB: this is not a list of addresses"))
        try:
            lines = head.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise BadInput(source.name, Phrase("is not UTF-8: save it as UTF-8, with one address on a line")) from None
    return [address.strip() for line in lines for address in line.split(",") if address.strip()]


def _first_cells(head: bytes) -> list[str]:
    line = next(iter(head.decode("utf-8-sig", "replace").splitlines()), "")
    return line.translate(_DIVIDERS).split(",")


def _of_columns(recipients: Recipients) -> Iterator[str]:
    kinds = address_kinds(recipients.columns)
    for row in recipients.rows():
        if row.problem:
            raise BadInput(f"{recipients.name}, line {row.line}", row.problem)
        for at, kind in kinds.items():
            if cell := (row.values[at] or "").strip():
                yield address_text({_field_of(kind): cell})


def _field_of(kind: AddressKind) -> str:
    return kind if kind in ("email", "mobile") else "receiver_id"
