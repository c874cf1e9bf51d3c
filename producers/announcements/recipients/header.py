"""The header of a recipients file: the names of its columns, and which of them says to whom a row goes."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from ledger.errors import BadInput
from ledger.messages.column_names import folded, listed, no_column, quoted, trimmed
from ledger.phrases import Phrase
from producers.announcements.recipients.bounds import MOST_COLUMNS
from producers.announcements.recipients.row import place

__all__ = ["ADDRESS_COLUMNS", "AddressKind", "address_kinds", "check_addressed", "checked_columns"]

AddressKind = Literal["receiver_id", "open_id", "union_id", "user_id", "email", "mobile"]
#: By what people call them, folded. A row's first one of these kinds says to whom it goes, in this order.
ADDRESS_COLUMNS: Mapping[str, AddressKind] = {
    "receiver_id": "receiver_id",
    "open_id": "open_id",
    "union_id": "union_id",
    "user_id": "user_id",
    **dict.fromkeys(("email", "e-mail", "mail", "邮箱", "电子邮箱"), "email"),
    **dict.fromkeys(("mobile", "phone", "手机", "手机号", "手机号码"), "mobile"),
}
#: What stands in a column of addresses, and in no name of one.
_PERSON = re.compile(r"(?:ou|on)_\S+|[^@\s]+@[^@\s]+\.[^@\s]+|\+?[0-9][0-9 -]{6,20}")


def checked_columns(names: Sequence[str], line: int, file: str, address_column: str | None = None) -> tuple[str, ...]:
    """The names without blanks around them. Raises BadInput for a name that is empty or doubled; for no address."""
    columns = tuple(trimmed(name) for name in names)
    if len(columns) > MOST_COLUMNS:
        problem = Phrase("has {n:,} columns: at most {most:,} are allowed", n=len(columns), most=MOST_COLUMNS)
        raise BadInput(place(line), problem)
    check_addressed(columns, file, address_column)
    for number, name in enumerate(columns, start=1):
        if not name:
            raise BadInput(place(line), Phrase("column {number} has no name", number=number))
    _refuse_doubled(columns, line)
    return columns


def check_addressed(columns: Sequence[str], file: str, address_column: str | None) -> None:
    """Raises BadInput when no column says to whom."""
    if address_column is not None:
        if folded(address_column) not in map(folded, columns):
            raise BadInput("address_column", no_column(address_column, columns))
        return
    if address_kinds(columns):
        return
    if any(_PERSON.fullmatch(name) for name in columns):
        raise BadInput(
            file,
            Phrase(
                "has no header: its first line is {columns}. Put a line above it that names the columns, such as "
                "receiver_id,name",
                columns=listed(columns),
            ),
        )
    raise BadInput(
        file,
        Phrase("has no column receiver_id (nor email or mobile): its columns are {columns}", columns=listed(columns)),
    )


def address_kinds(columns: Sequence[str]) -> dict[int, AddressKind]:
    """Where columns of addresses stand, and what is in them, by their names."""
    kinds = ((at, ADDRESS_COLUMNS.get(folded(name))) for at, name in enumerate(columns))
    return {at: kind for at, kind in kinds if kind}


def _refuse_doubled(columns: Sequence[str], line: int) -> None:
    first: dict[str, str] = {}
    for name in columns:
        other = first.get(folded(name))
        if other == name:
            problem = Phrase("appears {n} times: each name must be unique", n=columns.count(name))
            raise BadInput(place(line, name), problem)
        if other is not None:
            problem = Phrase("is the same name as {other}: each name must be unique", other=quoted(other))
            raise BadInput(place(line, name), problem)
        first[folded(name)] = name
