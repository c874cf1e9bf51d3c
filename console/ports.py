"""What the console needs of the side that asks, which it does not import: whoever mounts it hands these in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, Protocol

from ledger.announcement import Announcement
from ledger.content import Message

__all__ = ["Exports", "Finding", "Proposal", "Proposals", "Sample", "Uploaded"]


class Finding(NamedTuple):
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
    findings: tuple[Finding, ...]  #: the first ones
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

    def propose(self, recipients: Uploaded, message: Uploaded | None, fields: Mapping[str, str]) -> Proposal:
        """Checks everything, and keeps what can be accepted for a day. `fields` are those of the form, by name.

        Raises BadInput.
        """
        ...

    def accept(self, token: str, by: str) -> str:
        """Accepts what was proposed, durably, and gives its id. Again, it gives the same id.

        Raises NotFound when nothing waits under this token.
        """
        ...


class Exports(Protocol):
    """The results of an announcement, as a file."""

    def pieces(self, id: str, written_as: str) -> Iterator[bytes]:
        """`written_as` is csv or jsonl. Raises NotFound before the first piece."""
        ...
