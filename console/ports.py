"""The console's interfaces to the producers, which it does not import: the web application implements them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, Protocol

from starlette.requests import Request

from ledger.announcement import Announcement
from ledger.api_keys import ApiKey
from ledger.messages.content import Message

__all__ = ["Callers", "Column", "Exports", "Proposal", "Proposals", "ProposedTimes", "RowError", "Sample", "Uploaded"]


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


class Proposals(Protocol):
    """New announcements."""

    def propose(self, recipients: Uploaded, message: Uploaded | None, fields: Mapping[str, str], by: str) -> Proposal:
        """Checks everything, and keeps a valid proposal for a day, for the same person. `fields` are the form's, by
        name.

        Raises BadInput.
        """
        ...

    def accept(self, token: str, by: str, sees: Callable[[str], bool], key: ApiKey | None) -> str:
        """Accepts a proposal durably, within the limits of a key, and returns its id. A repeat returns the same id.

        Raises NotFound if this person has no proposal under this token, or does not see its desk.
        """
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
