"""The console's interfaces to the producers, which it does not import: the web application implements them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from starlette.requests import Request

from console.editing_port import Editing, Uploaded
from ledger.announcement import Announcement
from ledger.api_key import ApiKey
from ledger.draft import Person
from ledger.messages.content import Message

__all__ = [
    "Asked",
    "AudienceFound",
    "Callers",
    "Column",
    "Contacts",
    "Department",
    "DraftForm",
    "DraftSummary",
    "DraftTimes",
    "Drafting",
    "Exports",
    "Findings",
    "FoundPerson",
    "Group",
    "HookFacts",
    "Hooks",
    "LeftOut",
    "Ports",
    "RowError",
    "Sample",
    "Tried",
    "TriedMessage",
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


class DraftTimes(NamedTuple):
    """When it is sent if it starts now, as far as that can be foretold."""

    starts_ms: int | None  #: None beyond the forecast
    is_at_once: bool
    finishes_ms: int | None  #: None without a quota, or beyond the forecast
    seconds: float | None  #: until then
    expires_ms: int | None
    is_too_late: bool  #: rows expire before their turn comes
    between: str | None  #: sending hours
    zone: str  #: in which its times were said


class Asked(NamedTuple):
    """What somebody asks for: a file, or addresses; departments, groups, everyone; less the exclusions."""

    fields: Mapping[str, str]  #: by name, without empty ones
    form: Mapping[str, str]  #: the fields as they were filled in, for whoever edits it
    recipients: Uploaded | None = None
    message: Uploaded | None = None
    exclude: Uploaded | None = None
    lists: Mapping[str, Sequence[str]] = {}  #: addresses, departments, groups, exclude
    keeps_file: bool = False  #: of an edit: the rows that came from a file stay
    keeps_exclude: bool = False  #: of an edit: the file with exclusions stays, unless there is another


class DraftForm(NamedTuple):
    """The form as it was filled in. What cannot be shown in a field stays unless it is replaced."""

    fields: Mapping[str, str]
    lists: Mapping[str, Sequence[str]]
    recipients: str | None  #: the name of the file that rows came from
    message: str | None  #: the type of a message that no field shows
    exclude: str | None  #: the name of the file with exclusions


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


class FoundPerson(NamedTuple):
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
    nobody: tuple[str, ...]  #: the first exclusions that match nobody
    nobody_count: int
    people: tuple[Mapping[str, str], ...] = field(repr=False)  #: three, with what the message says of them


@dataclass(frozen=True, slots=True)
class Findings:
    """What the check of an announcement has found. Its repr has no message."""

    source: str  #: how the file was read
    addressed: tuple[tuple[str, int], ...]  #: what named receivers, and how many of those that are accepted
    columns: tuple[Column, ...]
    sheet_remarks: tuple[str, ...]  #: what differs from what Excel shows
    rows: int
    invalid: int
    findings: tuple[RowError, ...]  #: the first ones
    finding_count: int
    duplicates: tuple[tuple[int, int], ...]  #: the first ones: a line, and the earlier line with its receiver
    duplicate_count: int
    are_duplicates_dropped: bool
    due: tuple[tuple[int, int], ...]  #: times of single rows, Unix ms, and how many rows are due then or later
    samples: tuple[Sample, ...] = field(repr=False)
    audience: AudienceFound | None


@dataclass(frozen=True, slots=True)
class DraftSummary:
    """What will be sent, and when, if it starts now."""

    found: Findings
    accepted: int  #: rows; each is a call, at least
    running_beside: int
    times: DraftTimes
    stops: tuple[str, ...]  #: when it will pause by itself
    same_content: Announcement | None  #: recently went to the same people


class Drafting(Protocol):
    """Drafts: announcements that are seen, tested and approved before anything of them is accepted.

    Each raises NotFound for what is not there, and NotAllowed in another state.
    """

    def keep(self, asked: Asked, by: Person) -> str | DraftSummary:
        """Checks everything, and returns the id of the new draft; or what was found if it cannot be sent like this.

        Raises BadInput.
        """
        ...

    def edit(self, draft: Announcement, version: int, asked: Asked, by: Person) -> DraftSummary | None:
        """As `keep`, but replaces the content of the draft. Raises Changed if it no longer has this version."""
        ...

    def summary(self, draft: Announcement) -> DraftSummary: ...

    def filled_form(self, draft: Announcement) -> DraftForm: ...

    def submit(self, id: str, by: Person) -> None: ...

    def approve(self, id: str, fingerprint: str, by: Person) -> None:
        """Raises Changed if the fingerprint no longer matches, NotPermitted for an author or editor of the draft."""
        ...

    def reject(self, id: str, why: str, by: Person) -> None: ...

    def discard(self, id: str, by: Person) -> None: ...

    def start(self, draft: Announcement, version: int, by: Person, key: ApiKey | None, reason: str | None) -> None:
        """Accepts it durably, within the limits of a key; with a reason also without the approval that it needs.

        Raises Changed, NotPermitted, BadInput.
        """
        ...

    def test(self, id: str, to: str, row: str, by: Person, key: ApiKey | None) -> str:
        """Sends one message of it to this address, within the limits of a key, and returns its id.

        `row`: first, longest, emptiest, or a number from 1. Raises BadInput.
        """
        ...

    def again(self, id: str, by: Person, *, rest_only: bool) -> str:
        """Makes a draft of an announcement's own rows, or of those that were not delivered, and returns its id."""
        ...

    def correct(self, id: str, by: Person) -> str:
        """Stops an announcement for good, makes a draft of the rows that were not sent, and returns its id."""
        ...


class Contacts(Protocol):
    """What the app of a desk may see of a company. Its questions raise BadInput when Feishu does not answer them."""

    def departments(self, desk: str, below: str | None) -> Sequence[Department]:
        """Direct ones; for None the highest."""
        ...

    def groups(self, desk: str) -> Sequence[Group]: ...

    def people(self, desk: str, name: str) -> Sequence[FoundPerson]:
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


class HookFacts(NamedTuple):
    """A hook of the hooks file."""

    name: str
    use: str | None  #: the ready-made hook it is made from
    asks_for: str  #: a key, a token, or whose signature
    path: str


@dataclass(frozen=True, slots=True)
class TriedMessage:
    """A message that a payload would become, and who would get it. Its repr has none of it."""

    receivers: tuple[str, ...] = field(repr=False)
    desk: str
    key: str | None = field(repr=False)
    message: Message = field(repr=False)


class Tried(NamedTuple):
    """What a hook would make of a payload."""

    messages: tuple[TriedMessage, ...]  #: the first ones
    total: int  #: of all messages
    skipped: int
    reason: str | None


class Hooks(Protocol):
    """The hooks of the web process."""

    def facts(self) -> Sequence[HookFacts]: ...

    def try_payload(self, name: str, payload: str, headers: str, by: str) -> Tried:
        """Sends nothing. `headers` has one on each line. Raises NotFound, or BadInput as the hook itself would."""
        ...


#: The results of an announcement, as a file: its id; csv or jsonl; whether with what the contacts tell of people.
#: Raises NotFound before the first piece.
Exports = Callable[[str, str, bool], Iterator[bytes]]


@dataclass(frozen=True, kw_only=True)
class Ports:
    """What the web application brings to the console."""

    drafting: Drafting
    editing: Editing
    contacts: Contacts
    exports: Exports
    callers: Callers
    hooks: Hooks
