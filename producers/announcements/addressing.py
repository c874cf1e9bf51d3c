"""To whom a row of a recipients file goes, and how: its receiver, and what it may say differently from the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, NamedTuple, TypeVar

from pydantic import Field, with_config
from typing_extensions import TypedDict

from feishu.contact import Contact, Resolved, Unresolved
from ledger.delivery_options import ReceiveType, UserIdType
from ledger.errors import BadInput
from ledger.phrases import Phrase
from ledger.receiver_ids import receiver_id_problem
from ledger.times import moment
from producers.announcements.recipients import Row, place
from producers.announcements.recipients.row import RECEIVER_COLUMNS

__all__ = ["NO_VARIABLES", "Address", "Addressing", "Options", "RowError", "RowErrorJson"]

#: The columns that say to whom and how. Every other one is a variable of the template.
NO_VARIABLES = frozenset({"receiver_id", "receive_type", "user_id_type", "send_at"})

EnumT = TypeVar("EnumT", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Options:
    """What holds for every row that does not say otherwise. Durations in `send_at` count from `now`."""

    receive_type: ReceiveType = ReceiveType.CHAT
    user_id_type: UserIdType = UserIdType.OPEN_ID
    allow_duplicates: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


@with_config(title="RowError")
class RowErrorJson(TypedDict):
    """What is wrong with one cell, or with one row."""

    line: Annotated[
        int, Field(description="Where the row starts, as an editor or Excel counts; JSON rows count from 1.")
    ]
    column: str | None
    problem: str


class RowError(NamedTuple):
    """What is wrong with a row."""

    line: int
    column: str | None
    problem: str

    def __str__(self) -> str:
        return f"{place(self.line, self.column)}: {self.problem}"

    def as_json(self) -> RowErrorJson:
        return {"line": self.line, "column": self.column, "problem": self.problem}

    def as_bad_input(self) -> BadInput:
        return BadInput(place(self.line, self.column), self.problem)


class Address(NamedTuple):
    """To whom a row goes. `send_at_ms` is since the epoch."""

    receiver_id: str
    receive_type: ReceiveType
    user_id_type: UserIdType
    send_at_ms: int | None = None


class _WrongError(Exception):
    def __init__(self, column: str, problem: str) -> None:
        super().__init__(problem)
        self.column = column
        self.problem = problem


class Addressing:
    """How the rows of one file are addressed: where its columns stand, and the options."""

    def __init__(self, columns: Sequence[str], options: Options) -> None:
        self.options = options
        self._at = {name: columns.index(name) for name in (*NO_VARIABLES, "email", "mobile") if name in columns}
        self._receiver_at = self._at.get("receiver_id")
        self.has_contacts = bool({"email", "mobile"} & self._at.keys())
        self._is_plain = self._at.keys() == {"receiver_id"}
        self._plain = Address("", options.receive_type, options.user_id_type)

    def needed(self, row: Row) -> set[int]:
        """Where the cells stand that say to whom the row goes, and how."""
        filled = {at for at, _ in row.unusable} | {at for at in self._at.values() if row.values[at]}
        first = next((name for name in RECEIVER_COLUMNS if self._at.get(name) in filled), None)
        return {at for name, at in self._at.items() if name == first or name not in RECEIVER_COLUMNS}

    def contact(self, row: Row) -> Contact | None:
        """Whom to ask Feishu about; None when the row has a receiver_id, or nothing that could be asked."""
        if row.problem or self._cell(row, "receiver_id"):
            return None
        if email := self._cell(row, "email"):
            return Contact.read("email", email)
        return Contact.read("mobile", self._cell(row, "mobile"))

    def address(self, row: Row, resolved: Mapping[Contact, Resolved]) -> Address | RowError:
        """The address of a row that has no problem as such."""
        try:
            if self._is_plain:
                receiver_id = self._checked_id(row.values[self._receiver_at or 0] or "", self.options.user_id_type)
                return self._plain._replace(receiver_id=receiver_id)
            return self._full_address(row, resolved)
        except _WrongError as wrong:
            return RowError(row.line, wrong.column, wrong.problem)

    def known(self, row: Row, receiver_id: str) -> Address:
        """The address of a row that was found to be right, and its receiver, before. Raises BadInput otherwise."""
        if self._is_plain:
            return self._plain._replace(receiver_id=receiver_id)
        try:
            return self._with_choices(row, receiver_id, self._user_id_type(row))
        except _WrongError as wrong:
            raise BadInput(place(row.line, wrong.column), wrong.problem) from None

    def extras(self, address: Address) -> dict[str, str | int]:
        """What the address says differently from the options."""
        extras: dict[str, str | int] = {}
        if address.receive_type is not self.options.receive_type:
            extras["receive_type"] = address.receive_type.value
        if address.user_id_type is not self.options.user_id_type:
            extras["user_id_type"] = address.user_id_type.value
        if address.send_at_ms is not None:
            extras["send_at_ms"] = address.send_at_ms
        return extras

    def _full_address(self, row: Row, resolved: Mapping[Contact, Resolved]) -> Address:
        contact = self.contact(row)
        id_type = self._user_id_type(row)
        if contact is None:
            self._refuse_wrong_contact(row)
            return self._with_choices(row, self._checked_id(self._cell(row, "receiver_id"), id_type), id_type)
        if id_type is not self.options.user_id_type:
            raise _WrongError(
                "user_id_type",
                Phrase(
                    "must be empty or {type}: the {kind} leads to that",
                    type=self.options.user_id_type,
                    kind=contact.kind,
                ),
            )
        found = resolved.get(contact, Unresolved(Phrase("leads to nobody")))
        if isinstance(found, Unresolved):
            raise _WrongError(contact.kind, found.problem)
        return self._with_choices(row, self._checked_id(found, id_type), id_type)

    def _with_choices(self, row: Row, receiver_id: str, id_type: UserIdType) -> Address:
        receive_type = _choice("receive_type", self._cell(row, "receive_type"), self.options.receive_type)
        return Address(receiver_id, receive_type, id_type, self._send_at_ms(self._cell(row, "send_at")))

    def _refuse_wrong_contact(self, row: Row) -> None:
        if self._cell(row, "receiver_id"):
            return
        if self._cell(row, "email"):
            raise _WrongError("email", Phrase("is not an email address"))
        if self._cell(row, "mobile"):
            raise _WrongError(
                "mobile", Phrase("is not a mobile number: use digits, with +country code outside mainland China")
            )

    def _checked_id(self, receiver_id: str, id_type: UserIdType) -> str:
        receiver_id = receiver_id.strip()
        if not receiver_id:
            raise self._empty()
        if problem := receiver_id_problem(receiver_id, id_type):
            raise _WrongError("receiver_id", problem)
        return receiver_id

    def _empty(self) -> _WrongError:
        first, *others = [name for name in ("receiver_id", "email", "mobile") if name in self._at]
        if not others:
            return _WrongError(first, Phrase("is empty"))
        return _WrongError(first, Phrase("is empty (as well as {names})", names=", ".join(others)))

    def _user_id_type(self, row: Row) -> UserIdType:
        return _choice("user_id_type", self._cell(row, "user_id_type"), self.options.user_id_type)

    def _send_at_ms(self, text: str) -> int | None:
        if not text:
            return None
        try:
            return round(moment(text, self.options.now).timestamp() * 1000)
        except (ValueError, OverflowError):
            pass
        raise _WrongError(
            "send_at", Phrase("is not a valid time: use 2026-11-30T09:00+08:00, or 90s, 15m, 1h, 2d from now")
        )

    def _cell(self, row: Row, column: str) -> str:
        at = self._at.get(column)
        return "" if at is None else (row.values[at] or "").strip()


def _choice(column: str, text: str, default: EnumT) -> EnumT:
    if not text:
        return default
    try:
        return type(default)(text)
    except ValueError:
        pass
    raise _WrongError(
        column,
        Phrase("must be one of {choices}, or empty for {default}", choices=", ".join(type(default)), default=default),
    )
