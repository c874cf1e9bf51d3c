"""What stands where in the ledger: of one notification, announcement, desk, callback or key, all at the same moment.

`ledger.inspection.reading` reads it, the modules `ledger.inspection.…_invariants` judge it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.ids import is_row
from ledger.phrases import Phrase
from ledger.states import MOVING, AnnouncementState, State

__all__ = [
    "AnnouncementStanding",
    "CallbackStanding",
    "DeskStanding",
    "DraftStanding",
    "KeyStanding",
    "QuartersStanding",
    "QueueStanding",
    "Standing",
]


@dataclass(frozen=True, slots=True)
class Standing:
    """A notification. `state` is None without a record."""

    id: str
    lane: str
    state: State | None
    is_damaged: bool
    is_ahead: bool  #: a row that was never released, and never touched on its own
    lease_ms: float | None
    due_ms: float | None
    lacks_receiver: bool  #: its e-mail address or mobile number has not led to anybody yet
    unresolved_ms: float | None  #: from when on Feishu may be asked about that
    indexes: frozenset[State]
    expires: bool
    is_listed: bool
    times_in_lane: int | None  #: None when nobody looked
    into: str | None = None  #: of a joined event: its message
    gathers: bool = False  #: events join it
    joined: int | None = None  #: the count that it keeps of them; None if that is missing
    joined_expires: bool = False  #: the record of what joined it

    @property
    def places(self) -> int:
        """Those from which it goes on; its lane only if somebody looked."""
        scores = (self.lease_ms, self.due_ms, self.unresolved_ms)
        return sum(score is not None for score in scores) + self.is_ahead + (self.times_in_lane or 0)

    @property
    def is_row(self) -> bool:
        return is_row(self.id)


@dataclass(frozen=True, slots=True)
class AnnouncementStanding:
    """An announcement that was accepted; or, `is_absent`, what is left of one."""

    id: str
    is_absent: bool = False
    is_damaged: bool = False
    state: AnnouncementState = AnnouncementState.RUNNING
    total: int = 0
    next_row: int = 0  #: the first that was never released
    resting: int = 0  #: rows that were never released
    rest: State = State.QUEUED  #: their state
    opens_ms: float = 0
    first: int | None = None  #: rows that may be released before it is resumed
    counts: Mapping[State, int] = field(default_factory=dict)
    expires: bool = False
    rows_expire: bool = False
    is_listed: bool = False
    in_lane: int = 0
    in_due: int = 0
    in_indexes: Mapping[State, int] = field(default_factory=dict)
    has_turn: bool = False
    first_due_ms: float | None = None
    look_ms: float | None = None  #: when its desk looks at its due ones

    @property
    def left(self) -> int:
        """Rows to send."""
        return sum(self.counts[state] for state in MOVING)

    @property
    def has_fresh_rows(self) -> bool:
        """Whether rows that were never released may be."""
        ends = self.total if self.first is None else min(self.first, self.total)
        return self.rest is State.QUEUED and self.resting > 0 and self.next_row < ends

    @property
    def first_rows_rest(self) -> bool:
        """Whether all that is left are rows behind its first ones."""
        waits = self.rest in (State.QUEUED, State.SCHEDULED) and self.left == self.resting > 0
        return self.first is not None and self.next_row >= self.first and waits


@dataclass(frozen=True, slots=True)
class DraftStanding:
    """A draft: an announcement of which nothing is accepted."""

    id: str
    state: str
    rows: int  #: according to its record
    rows_there: int
    is_approved: bool  #: its record names an approver
    expires: bool
    rows_expire: bool
    is_listed: bool
    is_listed_of_author: bool
    is_accepted: bool  #: some of it: it is counted, has a turn or is among the announcements


@dataclass(frozen=True, slots=True)
class DeskStanding:
    """A desk, and its lane of events."""

    name: str
    waiting: tuple[Phrase, ...]  #: what waits, in words
    look_ms: float | None
    first_look_ms: float | None  #: when the first of its lanes is due
    slots: tuple[float, ...]
    counts: Mapping[State, int]
    events_due: int
    first_event_due_ms: float | None
    event_look_ms: float | None
    unresolved: int
    unresolved_look_ms: float | None

    @property
    def event_lane(self) -> str:
        return f"e_{self.name}"


@dataclass(frozen=True, slots=True)
class QuartersStanding:
    """What the charts of a desk keep, by the number of the quarter."""

    desk: str
    values: Mapping[str, bytes]
    expires: bool


@dataclass(frozen=True, slots=True)
class QueueStanding:
    """The callbacks of one owner."""

    owner: str
    first_ms: float | None
    look_ms: float | None


@dataclass(frozen=True, slots=True)
class CallbackStanding:
    """One callback."""

    name: str
    at_ms: int
    has_content: bool
    is_queued: bool


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """An idempotency key: `id` is None if it is not of that form."""

    name: str
    desk: str
    id: str | None
    expires: bool
    desk_of_record: str | None
