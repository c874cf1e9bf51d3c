"""What the console needs of the side that asks, which it does not import: whoever mounts it hands these in."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, Protocol

from starlette.requests import Request

from ledger.announcement import Announcement
from ledger.api_keys import ApiKey
from ledger.messages.content import Message

__all__ = ["Callers", "Exports", "Proposal", "Proposals", "RowError", "Sample", "Uploaded"]


class RowError(NamedTuple):
    """What must be mended in a row of a file."""

    line: int
    column: str | None
    problem: str


class Sample(NamedTuple):
    """What the receiver of the row at `line` would get."""

    line: int
    message: Message


class Uploaded(NamedTuple):
    """A file of a form."""

    name: str
    file: BinaryIO


@dataclass(frozen=True, slots=True)
class Proposal:
    """An announcement as it would be, for the person who decides. Nothing in its repr tells the message."""

    token: str | None  #: for `accept`; None when nothing can be accepted as it is
    name: str
    desk: str
    source: str  #: how the file was read
    rows: int
    accepted: int
    invalid: int
    findings: tuple[RowError, ...]  #: the first ones
    finding_count: int
    duplicates: tuple[tuple[int, int], ...]  #: the first ones: a line, and the line that has its receiver
    duplicate_count: int
    are_duplicates_dropped: bool
    calls: int  #: at least
    running_beside: int
    seconds: float | None  #: until it is finished; None without a quota, or beyond what is planned ahead
    finishes_ms: int | None
    is_too_late: bool  #: rows expire before their turn comes
    same_content: Announcement | None  #: went to the same people lately
    samples: tuple[Sample, ...] = field(repr=False)


class Proposals(Protocol):
    """New announcements."""

    def propose(self, recipients: Uploaded, message: Uploaded | None, fields: Mapping[str, str], by: str) -> Proposal:
        """Checks everything, and keeps what can be accepted for a day, by the same person. `fields` are those of the
        form, by name.

        Raises BadInput.
        """
        ...

    def accept(self, token: str, by: str, sees: Callable[[str], bool]) -> str:
        """Accepts what was proposed, durably, and gives its id. Again, it gives the same id.

        Raises NotFound when nothing of this person waits under this token, or it is of a desk that they do not see.
        """
        ...


class Callers(Protocol):
    """Who calls, and how much, as the HTTP API beside the console counts it."""

    def is_local(self, request: Request) -> bool:
        """Whether somebody at this very machine asks."""
        ...

    def wait_seconds(self, key: ApiKey) -> float:
        """Counts one call of the key. 0 when its rate allows it, else how long to wait."""
        ...

    def have_room(self, request: Request, key: str) -> bool:
        """Whether the key may have one more request under way. It is given back when the request ends."""
        ...


class Exports(Protocol):
    """The results of an announcement, as a file."""

    def pieces(self, id: str, written_as: str) -> Iterator[bytes]:
        """`written_as` is csv or jsonl. Raises NotFound before the first piece."""
        ...
