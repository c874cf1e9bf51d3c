"""The console's interfaces to the producers, which it does not import: the web application implements them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, Protocol

from starlette.requests import Request

from ledger.announcement import Announcement
from ledger.api_keys import ApiKey
from ledger.messages.content import Message

__all__ = [
    "Asked",
    "AudienceFound",
    "Callers",
    "Column",
    "Contacts",
    "Department",
    "Exports",
    "Group",
    "LeftOut",
    "Person",
    "Proposal",
    "Proposals",
    "ProposedTimes",
    "RowError",
    "Sample",
    "Uploaded",
]


class RowError(NamedTuple):
    """An error in a row of a file."""

    line: int
    column: str | None
    problem: str


class Column(NamedTuple):
    """A column of a file: whether it is used, and how many rows have no value in it."""

    name: str
    used: bool
    empty: int


class Sample(NamedTuple):
    """The message for the receiver of the row at `line`."""

    line: int
    message: Message


class Uploaded(NamedTuple):
    """An uploaded file of a form."""

    name: str
    file: BinaryIO


class ProposedTimes(NamedTuple):
    """When it is sent, as far as that can be foretold."""

    starts_ms: int | None  #: None beyond the forecast
    is_at_once: bool
    finishes_ms: int | None  #: None without a quota, or beyond the forecast
    seconds: float | None  #: until then
    expires_ms: int | None
    is_too_late: bool  #: rows expire before their turn comes
    between: str | None  #: sending hours


class Asked(NamedTuple):
    """What somebody asks for: a file, or addresses; departments, groups, everyone; less the exclusions."""

    fields: Mapping[str, str]  #: by name, without empty ones
    recipients: Uploaded | None = None
    message: Uploaded | None = None
    exclude: Uploaded | None = None
    lists: Mapping[str, Sequence[str]] = {}  #: addresses, departments, groups, exclude


class Department(NamedTuple):
    """Names and member counts (which include those below) are missing without their scopes."""

    id: str
    name: str | None
    members: int | None


class Group(NamedTuple):
    """A user group: its own members, people and departments."""

    id: str
    name: str | None
    people: int | None
    departments: int | None


class Person(NamedTuple):
    """Somebody whom a walk has found. `department` is empty where it was not asked for."""

    id: str
    name: str
    department: str


class LeftOut(NamedTuple):
    """How many are left out for a reason, and the first of them."""

    reason: str
    number: int
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AudienceFound:
    """Who was found of an audience, and who is left out of them and why."""

    found: int
    left_out: tuple[LeftOut, ...]
    not_visible: tuple[str, ...]  #: what the app may not see
    is_refused: bool  #: for that
    status_known: bool  #: False: nobody could be left out for it
    range_known: bool  #: False: people who are named one by one in the app's range may be missing
    not_told: tuple[tuple[str, str], ...]  #: fields that nobody has, and their scopes
    nobody: tuple[str, ...]  #: the first exclusions that lead to nobody
    nobody_count: int
    people: tuple[Mapping[str, str], ...] = field(repr=False)  #: three, with what the message says of them


@dataclass(frozen=True, slots=True)
class Proposal:
    """The preview of an announcement, to be confirmed. Its repr has no message."""

    token: str | None  #: for `accept`; None if it cannot be accepted
    name: str
    desk: str
    source: str  #: how the file was read
    addressed: tuple[tuple[str, int], ...]  #: what named receivers, and how many of those that are accepted
    columns: tuple[Column, ...]
    sheet_remarks: tuple[str, ...]  #: what differs from what Excel shows
    rows: int
    accepted: int
    invalid: int
    findings: tuple[RowError, ...]  #: the first ones
    finding_count: int
    duplicates: tuple[tuple[int, int], ...]  #: the first ones: a line, and the earlier line with its receiver
    duplicate_count: int
    are_duplicates_dropped: bool
    calls: int  #: at least
    running_beside: int
    times: ProposedTimes
    stops: tuple[str, ...]  #: when it will pause by itself
    same_content: Announcement | None  #: recently went to the same people
    samples: tuple[Sample, ...] = field(repr=False)
    audience: AudienceFound | None = None


class Proposals(Protocol):
    """New announcements."""

    def propose(self, asked: Asked, by: str) -> Proposal:
        """Checks everything, and keeps a valid proposal for a day, for the same person. Raises BadInput."""
        ...

    def accept(self, token: str, by: str, sees: Callable[[str], bool], key: ApiKey | None) -> str:
        """Accepts a proposal durably, within the limits of a key, and returns its id. A repeat returns the same id.

        Raises NotFound if this person has no proposal under this token, or does not see its desk.
        """
        ...


class Contacts(Protocol):
    """What the app of a desk may see of a company. Its questions raise BadInput when Feishu does not answer them."""

    def departments(self, desk: str, below: str | None) -> Sequence[Department]:
        """Direct ones; for None the highest."""
        ...

    def groups(self, desk: str) -> Sequence[Group]: ...

    def people(self, desk: str, name: str) -> Sequence[Person]:
        """Some of those whom walks have found within DESKBELL_PEOPLE_FOR, with this in their names. Asks nothing."""
        ...

    def names(self, desk: str, people: Sequence[str] = ()) -> Mapping[str, str]:
        """By ids, of what was asked for just now, and of these people as far as walks have found them. Asks nothing."""
        ...


class Callers(Protocol):
    """Callers and their rates, shared with the HTTP API."""

    def is_local(self, request: Request) -> bool:
        """Whether the request comes from this machine."""
        ...

    def wait_seconds(self, key: ApiKey) -> float:
        """Counts one call of the key. Returns the seconds to wait, 0 within its rate."""
        ...

    def have_room(self, request: Request, key: str) -> bool:
        """Whether the key may have one more concurrent request. Released when the request ends."""
        ...


#: The results of an announcement, as a file: its id; csv or jsonl; whether with what the contacts tell of people.
#: Raises NotFound before the first piece.
Exports = Callable[[str, str, bool], Iterator[bytes]]
