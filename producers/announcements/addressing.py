"""To whom a row of a recipients file goes, and how: its receiver, and what it may say differently from the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple, TypeVar

from pydantic import Field, with_config
from typing_extensions import TypedDict

from feishu.contact import Resolved, Unresolved
from ledger.addresses import Contact
from ledger.delivery_options import ReceiveType, UserIdType
from ledger.errors import BadInput
from ledger.messages.column_names import folded, quoted
from ledger.phrases import Phrase
from ledger.receiver_ids import receiver_id_problem
from ledger.times import MACHINE, NoSuchTime, Zone, moment
from producers.announcements.recipients import Row, place
from producers.announcements.recipients.header import AddressKind, address_kinds

__all__ = [
    "CHOICES",
    "Address",
    "Addressing",
    "Options",
    "RowError",
    "RowErrorJson",
    "variables_of",
    "zone_without_times",
]

#: The columns that say how, folded; with that of the ids they are those that are no variables of the template.
CHOICES = ("receive_type", "user_id_type", "send_at")
_NO_VARIABLES = frozenset({"receiver_id", *CHOICES})
#: A row's first one of these says to whom it goes.
_ORDER: tuple[AddressKind, ...] = ("receiver_id", "open_id", "union_id", "user_id", "email", "mobile")
_ID_TYPES = {each.value: each for each in UserIdType}
#: What an input method, or a page that an address was copied from, makes of ASCII: full width, and marks unseen.
_PLAIN = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys(
    (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF)
)
#: A time further back is a slip, most often of the year.
_LONGEST_AGO = timedelta(days=1)

EnumT = TypeVar("EnumT", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Options:
    """What holds for every row that does not say otherwise. Durations in `send_at` count from `now`."""

    receive_type: ReceiveType = ReceiveType.CHAT
    user_id_type: UserIdType = UserIdType.OPEN_ID
    allow_duplicates: bool = False
    address_column: str | None = None  #: the header of the one column that says to whom
    expires_at: datetime | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    zone: Zone = MACHINE  #: of a `send_at` without an offset
    is_zone_for_rows: bool = False  #: it was named, and no other time needs it


@with_config(title="RowError")
class RowErrorJson(TypedDict):
    """What is wrong with one cell, or with one row."""

    line: Annotated[
        int, Field(description="Where the row starts, as an editor or Excel counts; JSON rows count from 1.")
    ]
    column: Annotated[str | None, Field(description="The column that it is about; null for the whole row.")]
    problem: Annotated[str, Field(description="What was expected.")]


class RowError(NamedTuple):
    """What is wrong with a row."""

    line: int
    column: str | None
    problem: Phrase

    def __str__(self) -> str:
        return f"{place(self.line, self.column)}: {self.problem}"

    @property
    def told(self) -> Phrase:
        return Phrase("{field}: {problem}", field=place(self.line, self.column), problem=self.problem)

    def as_json(self) -> RowErrorJson:
        return {"line": self.line, "column": self.column, "problem": self.problem}

    def as_bad_input(self) -> BadInput:
        return BadInput(place(self.line, self.column), self.problem)


class Address(NamedTuple):
    """To whom a row goes. `send_at_ms` is since the epoch, `by` what named the receiver."""

    receiver_id: str
    receive_type: ReceiveType
    user_id_type: UserIdType
    send_at_ms: int | None = None
    by: AddressKind = "receiver_id"


class _Named(NamedTuple):
    """A cell that names a receiver. `kind` says what is in it."""

    at: int
    kind: AddressKind
    text: str


class _WrongError(Exception):
    def __init__(self, at: int, problem: Phrase) -> None:
        super().__init__(problem)
        self.at = at
        self.problem = problem


def variables_of(columns: Sequence[str]) -> list[tuple[int, str]]:
    """The columns that are variables of the template, and where they stand."""
    return [(at, name) for at, name in enumerate(columns) if folded(name) not in _NO_VARIABLES]


def zone_without_times() -> Phrase:
    return Phrase("goes with between, at, expires or a column send_at: for example 09:00-18:00 in Asia/Shanghai")


class Addressing:
    """How the rows of one file are addressed: where its columns stand, and the options."""

    def __init__(self, columns: Sequence[str], options: Options) -> None:
        self.options = options
        self._columns = columns
        by_name = {folded(name): at for at, name in enumerate(columns)}
        self._choices = {name: by_name[name] for name in CHOICES if name in by_name}
        if options.is_zone_for_rows and "send_at" not in self._choices:
            raise BadInput("timezone", zone_without_times())
        kinds = address_kinds(columns)
        self._places: list[tuple[int, AddressKind | None]] = sorted(
            kinds.items(), key=lambda each: _ORDER.index(each[1])
        )
        if options.address_column is not None:
            at = by_name[folded(options.address_column)]
            self._places = [(at, kinds.get(at))]
        self.has_contacts = any(kind in (None, "email", "mobile") for _, kind in self._places)
        self.has_ids = any(kind not in ("email", "mobile") for _, kind in self._places)
        self._only_id_at = self._places[0][0] if not self._choices and not self.has_contacts else -1
        if len(self._places) > 1 or self._places[0][1] != "receiver_id":
            self._only_id_at = -1
        self._id_type = options.user_id_type
        self._plain = (options.receive_type, options.user_id_type)

    @property
    def used(self) -> set[int]:
        """Where the columns stand that may say to whom a row goes, and how."""
        return {*self._choices.values(), *(at for at, _ in self._places)}

    def needed(self, row: Row) -> set[int]:
        """Where the cells stand that say to whom the row goes, and how."""
        unusable = {at for at, _ in row.unusable}
        first = next((at for at, _ in self._places if at in unusable or _cell(row, at)), None)
        return {*self._choices.values(), *([] if first is None else [first])}

    def contact(self, row: Row) -> Contact | None:
        """Whom to ask Feishu about; None when the row has an id, or nothing that could be asked."""
        if row.problem:
            return None
        try:
            named = self._named(row)
        except _WrongError:
            return None
        return _contact(named) if named else None

    def address(self, row: Row, resolved: Mapping[Contact, Resolved]) -> Address | RowError:
        """The address of a row that has no problem as such."""
        try:
            if self._only_id_at >= 0:
                receiver_id = _cell(row, self._only_id_at)
                return Address(self._checked_id(receiver_id, self._only_id_at, self._id_type), *self._plain)
            return self._full_address(row, resolved)
        except _WrongError as wrong:
            return RowError(row.line, self._columns[wrong.at], wrong.problem)

    def known(self, row: Row, receiver_id: str) -> Address:
        """The address of a row that was found to be right, and its receiver, before. Raises BadInput otherwise."""
        if self._only_id_at >= 0:
            return Address(receiver_id, *self._plain)
        try:
            named = self._named(row)
            return self._with_choices(row, receiver_id, self._user_id_type(row, named), "receiver_id")
        except _WrongError as wrong:
            raise BadInput(place(row.line, self._columns[wrong.at]), wrong.problem) from None

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
        named = self._named(row)
        if named is None:
            raise self._empty()
        id_type = self._user_id_type(row, named)
        if named.kind not in ("email", "mobile"):
            return self._with_choices(row, self._checked_id(named.text, named.at, id_type), id_type, named.kind)
        receiver_id = self._resolved(named, id_type, resolved)
        return self._with_choices(row, self._checked_id(receiver_id, named.at, id_type), id_type, named.kind)

    def _resolved(self, named: _Named, id_type: UserIdType, resolved: Mapping[Contact, Resolved]) -> str:
        if id_type is not self.options.user_id_type:
            raise _WrongError(
                self._choices["user_id_type"],
                Phrase(
                    "must be empty or {type}: the {kind} leads to that", type=self.options.user_id_type, kind=named.kind
                ),
            )
        contact = _contact(named)
        if contact is None and named.kind == "email":
            raise _WrongError(named.at, Phrase("is not an email address"))
        if contact is None:
            raise _WrongError(
                named.at, Phrase("is not a mobile number: use digits, with +country code outside mainland China")
            )
        found = resolved.get(contact, Unresolved(Phrase("leads to nobody")))
        if isinstance(found, Unresolved):
            raise _WrongError(named.at, found.problem)
        return found

    def _with_choices(self, row: Row, receiver_id: str, id_type: UserIdType, by: AddressKind) -> Address:
        receive_type = self._choice(row, "receive_type", self.options.receive_type)
        return Address(receiver_id, receive_type, id_type, self._send_at_ms(row), by)

    def _named(self, row: Row) -> _Named | None:
        """The first cell that names a receiver. Raises when another of its kind names somebody else."""
        first: _Named | None = None
        for at, kind in self._places:
            if first and kind != first.kind:
                break
            if text := _cell(row, at):
                found = _Named(at, kind or self._kind_of(text), text)
                if first and text != first.text:
                    other = quoted(self._columns[first.at])
                    problem = Phrase("differs from {other}: name the column to use with --address-column", other=other)
                    raise _WrongError(at, problem)
                first = first or found
        return first

    def _kind_of(self, text: str) -> AddressKind:
        """What stands in a column whose name does not say so."""
        if "@" in text:
            return "email"
        is_number = text[0] == "+" or (self._id_type is not UserIdType.USER_ID and text[0].isdigit())
        return "mobile" if is_number else "receiver_id"

    def _checked_id(self, receiver_id: str, at: int, id_type: UserIdType) -> str:
        if not receiver_id:
            raise self._empty()
        if problem := receiver_id_problem(receiver_id, id_type):
            raise _WrongError(at, problem)
        return receiver_id

    def _empty(self) -> _WrongError:
        first, *others = [at for at, _ in self._places]
        if not others:
            return _WrongError(first, Phrase("is empty"))
        names = ", ".join(self._columns[at] for at in others)
        return _WrongError(first, Phrase("is empty (as well as {names})", names=names))

    def _user_id_type(self, row: Row, named: _Named | None) -> UserIdType:
        if named and named.kind in _ID_TYPES:
            return _ID_TYPES[named.kind]
        return self._choice(row, "user_id_type", self.options.user_id_type)

    def _send_at_ms(self, row: Row) -> int | None:
        at = self._choices.get("send_at", -1)
        text = _cell(row, at) if at >= 0 else ""
        if not text:
            return None
        try:
            time = moment(text, self.options.now, self.options.zone)
            send_at_ms = round(time.timestamp() * 1000)
        except NoSuchTime as error:
            problem = error.args[0]
        except (ValueError, OverflowError):
            problem = Phrase("is not a valid time: use 2026-11-30T09:00+08:00, or 90s, 15m, 1h, 2d from now")
        else:
            if time < self.options.now - _LONGEST_AGO:
                raise _WrongError(at, Phrase("is more than a day ago: check the year, or leave it empty for now"))
            if self.options.expires_at and time >= self.options.expires_at:
                raise _WrongError(at, Phrase("is not before the end (expires), so the row could never be sent"))
            return send_at_ms
        raise _WrongError(at, problem)

    def _choice(self, row: Row, column: str, default: EnumT) -> EnumT:
        at = self._choices.get(column, -1)
        text = _cell(row, at) if at >= 0 else ""
        if not text:
            return default
        try:
            return type(default)(text)
        except ValueError:
            pass
        choices = ", ".join(type(default))
        raise _WrongError(
            at, Phrase("must be one of {choices}, or empty for {default}", choices=choices, default=default)
        )


def _contact(named: _Named) -> Contact | None:
    match named.kind:
        case "email" | "mobile" as kind:
            return Contact.read(kind, named.text)
    return None


def _cell(row: Row, at: int) -> str:
    text = (row.values[at] or "").strip()
    return text if text.isascii() else text.translate(_PLAIN).strip()
