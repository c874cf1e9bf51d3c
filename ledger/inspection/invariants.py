"""The invariants of the ledger, each by its name: what is true after every verb, and so at any moment.

The judges look at one reading of the ledger and return what is broken. `ledger.inspection.inspection` walks over the
whole ledger; `docs/lifecycle.md` has the table.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ledger.callbacks import KEPT_MS
from ledger.inspection.standing import (
    AnnouncementStanding,
    CallbackStanding,
    DeskStanding,
    KeyStanding,
    QueueStanding,
    Standing,
)
from ledger.states import FINAL, INDEXED, MOVING, OF_ROWS, AnnouncementState, State

__all__ = [
    "Finding",
    "Invariant",
    "judge_announcement",
    "judge_callback",
    "judge_counts",
    "judge_desk",
    "judge_key",
    "judge_notification",
    "judge_queue",
]

_KEEP = "keep this output and a copy of the append-only files, and report it"
_AGAIN = f"{_KEEP}; `deskbell cancel ID` ends it, so that it can be sent again"


class Invariant(StrEnum):
    """The names; `means` and `do` are for people."""

    means: str
    do: str

    def __new__(cls, name: str, means: str, do: str = _KEEP) -> "Invariant":
        member = str.__new__(cls, name)
        member._value_, member.means, member.do = name, means, do
        return member

    READABLE = (
        "readable",
        "each record can be read",
        "inspect it with `deskbell show ID`, and check disk and memory of the server",
    )
    QUEUED_IN_LANE = (
        "queued-in-lane",
        "what is `queued` is in its lane, unresolved, released under a lease, or a row that was never released",
        _AGAIN,
    )
    SENDING_HAS_LEASE = (
        "sending-has-lease",
        "what is `sending` has a lease",
        f"{_KEEP}: it may have been sent, and nothing takes it back",
    )
    WAITING_HAS_TIME = (
        "waiting-has-time",
        "what is `scheduled` or `deferred` is among its lane's due ones, or its desk's unresolved ones",
        _AGAIN,
    )
    UNRESOLVED_WAITS = (
        "unresolved-waits",
        "what waits without a receiver is among its desk's unresolved ones, and nothing else is",
        _AGAIN,
    )
    ONE_PLACE = (
        "one-place",
        "what is not at rest is in one place alone: lane, due ones, unresolved ones, leases, or rows not released",
    )
    LEASE_HAS_HOLDER = (
        "lease-has-holder",
        "a lease is for what is `queued` or `sending`, or was cancelled since its release",
    )
    TIME_HAS_WAITER = ("time-has-waiter", "what is among the due ones is `scheduled` or `deferred`")
    INDEXED = ("indexed", "the sets `failed` and `unknown` hold what is in that state, and nothing else")
    EVENT_LISTED = ("event-listed", "each event is in `events`")
    ANNOUNCEMENT_LISTED = ("announcement-listed", "each accepted announcement is in `announcements`")
    KEPT = ("kept", "what is final expires, and nothing else does")
    JOINED = (
        "joined",
        "what is `joined` names its message; a message that takes events has what they left, for as long as its record",
    )
    COUNTS_ARE_STATES = ("counts-are-states", "the counts of a lane are those of its notifications' states")
    COUNTS_SUM = ("counts-sum", "an announcement's counts sum to its rows")
    ROWS_PRESENT = ("rows-present", "each row of an announcement is there, and what was not released has no progress")
    FINISHED = ("finished", "an announcement is finished exactly when no row of it is left to send")
    HAS_TURN = (
        "has-turn",
        "a running announcement with rows to release has a turn, or a time when it opens; no other has a turn",
        f"{_KEEP}; `deskbell pause ID` and `deskbell resume ID` give a running one its turn",
    )
    FIRST_ROWS = (
        "first-rows",
        "an announcement with first rows releases no others until it is resumed, and is paused when they are at rest",
    )
    DRAFT_WHOLE = ("draft-whole", "a draft has its rows, is listed, expires, and nothing of it is accepted")
    DRAFT_APPROVED = ("draft-approved", "a draft is `approved` exactly when it says by whom")
    LANE_DUE = (
        "lane-due",
        "a lane with due ones is in its desk's `due`, no later than the first of them",
    )
    DESK_LOOKED_AT = (
        "desk-looked-at",
        "a desk for which anything waits is in `desks`, no later than its first due lane",
        f"{_KEEP}; `deskbell resume --desk DESK` has the pacer look at once",
    )
    UNRESOLVED_LOOKED_AT = (
        "unresolved-looked-at",
        "a desk with unresolved events is in `unresolved`",
        f"{_KEEP}; `deskbell resume --desk DESK` has a worker look at once",
    )
    SLOTS_IN_ORDER = ("slots-in-order", "a desk's slots are in order, latest first")
    CALLBACK_HAS_OWNER = (
        "callback-has-owner",
        "a queue of callbacks is among the owners, no later than its first post; each callback is in a queue",
    )
    CALLBACK_HAS_CONTENT = ("callback-has-content", "what is in a queue of callbacks has its content")
    KEY_HAS_RECORD = ("key-has-record", "a key names one id and content, expires, and no record of another desk has it")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is broken."""

    invariant: Invariant
    id: str  #: of a notification, an announcement or a callback, or the name of a desk, an owner or a key
    found: str

    def as_json(self) -> dict[str, str]:
        return {"invariant": self.invariant, "id": self.id, "found": self.found, "do": self.invariant.do}


#: Not at rest: something must still happen to it.
_WAITING = frozenset({State.SCHEDULED, State.DEFERRED})
#: A cancelled one keeps the lease of its release until that is claimed or swept.
_LEASED = frozenset({State.QUEUED, State.SENDING, State.CANCELLED})
_WITHOUT_RECEIVER = frozenset({State.QUEUED, State.SCHEDULED})


def judge_notification(it: Standing, now_ms: int) -> Iterator[Finding]:
    """Its record against the places that it stands in."""
    if it.is_damaged:
        yield Finding(Invariant.READABLE, it.id, "its progress cannot be read")
        return
    if it.state is None:
        # What has ended, the next sweep takes away.
        if it.lease_ms is not None and it.lease_ms > now_ms:
            yield Finding(Invariant.LEASE_HAS_HOLDER, it.id, "a lease without a record")
        if it.due_ms is not None:
            yield Finding(Invariant.TIME_HAS_WAITER, it.id, "a due time without a record")
        if it.unresolved_ms is not None:
            yield Finding(Invariant.UNRESOLVED_WAITS, it.id, "is among the unresolved ones, without a record")
        return
    yield from _judge_places(it, it.state)
    yield from _judge_indexes(it, it.state)
    if it.is_row:
        return
    if not it.is_listed:
        yield Finding(Invariant.EVENT_LISTED, it.id, f"is {it.state}, and not in `events`")
    if it.expires != (it.state in FINAL):
        yield Finding(Invariant.KEPT, it.id, f"is {it.state}, and its record {_expires(it.expires)}")


def _judge_places(it: Standing, state: State) -> Iterator[Finding]:
    if state is State.SENDING and it.lease_ms is None:
        yield Finding(Invariant.SENDING_HAS_LEASE, it.id, "is sending, without a lease")
    if state in _WAITING and it.due_ms is None and it.unresolved_ms is None and not it.is_ahead:
        yield Finding(Invariant.WAITING_HAS_TIME, it.id, f"is {state}, and not among the due ones of {it.lane}")
    if it.lease_ms is not None and state not in _LEASED:
        yield Finding(Invariant.LEASE_HAS_HOLDER, it.id, f"is {state}, and has a lease")
    if it.due_ms is not None and state not in _WAITING:
        yield Finding(Invariant.TIME_HAS_WAITER, it.id, f"is {state}, and among the due ones of {it.lane}")
    yield from _judge_receiver(it, state)
    if state in MOVING and it.places > 1:
        yield Finding(Invariant.ONE_PLACE, it.id, f"is {state}, and in {it.places} places")
    if state is State.QUEUED and it.times_in_lane is not None and not it.places:
        yield Finding(Invariant.QUEUED_IN_LANE, it.id, f"is queued, and nowhere in {it.lane}")


def _judge_receiver(it: Standing, state: State) -> Iterator[Finding]:
    if it.lacks_receiver and state in _WITHOUT_RECEIVER and it.unresolved_ms is None:
        yield Finding(Invariant.UNRESOLVED_WAITS, it.id, f"is {state} without a receiver, and nobody asks for that")
    # A cancelled one stays until the next look, if an older version cancelled it.
    may_stay = state is State.CANCELLED or (it.lacks_receiver and state in _WITHOUT_RECEIVER)
    if it.unresolved_ms is not None and not may_stay:
        yield Finding(Invariant.UNRESOLVED_WAITS, it.id, f"is {state}, and among the unresolved ones")


def _judge_indexes(it: Standing, state: State) -> Iterator[Finding]:
    for index in sorted(INDEXED):
        if (index in it.indexes) != (state is index):
            there = "in" if index in it.indexes else "not in"
            yield Finding(Invariant.INDEXED, it.id, f"is {state}, and {there} the set `{index}`")


def _expires(does: bool) -> str:
    return "expires" if does else "never expires"


def judge_announcement(it: AnnouncementStanding, now_ms: int) -> Iterator[Finding]:
    """What its fields say against each other, and against the sets of its desk."""
    if it.is_damaged:
        yield Finding(Invariant.READABLE, it.id, "its fields cannot be read")
        return
    if it.is_absent:
        if not it.rows_expire:
            yield Finding(Invariant.KEPT, it.id, "has rows that never expire, and no record")
        return
    if not it.is_listed:
        yield Finding(Invariant.ANNOUNCEMENT_LISTED, it.id, f"is {it.state}, and not in `announcements`")
    total = sum(it.counts.values())
    if total != it.total:
        yield Finding(Invariant.COUNTS_SUM, it.id, f"has {_rows(it.total)}, and counts that sum to {total}")
    yield from _judge_sets(it)
    rests = not it.left and not it.counts[State.UNKNOWN]
    if it.expires != rests or (it.total and it.rows_expire != rests):
        found = f"has {_rows(it.left + it.counts[State.UNKNOWN])} not final, and"
        yield Finding(Invariant.KEPT, it.id, f"{found} {_expires(it.expires)}; its rows: {_expires(it.rows_expire)}")
    if it.state is not AnnouncementState.CANCELLED and (it.state is AnnouncementState.FINISHED) == bool(it.left):
        yield Finding(Invariant.FINISHED, it.id, f"is {it.state}, with {_rows(it.left)} left")
    yield from _judge_turn(it, now_ms)
    yield from _judge_first_rows(it)
    yield from _judge_due(it.id, it.first_due_ms, it.look_ms)


def _judge_sets(it: AnnouncementStanding) -> Iterator[Finding]:
    """Counts whose notifications stand in a set, of which the server knows the size."""
    waiting = it.in_due + (it.resting if it.rest is State.SCHEDULED else 0)
    for what, counted, there in (
        ("scheduled and deferred", it.counts[State.SCHEDULED] + it.counts[State.DEFERRED], waiting),
        *((index, it.counts[index], it.in_indexes[index]) for index in sorted(INDEXED)),
    ):
        if counted != there:
            yield Finding(Invariant.COUNTS_ARE_STATES, it.id, f"counts {counted} as {what}, and has {there}")


def _judge_turn(it: AnnouncementStanding, now_ms: int) -> Iterator[Finding]:
    has_rows = it.in_lane > 0 or it.has_fresh_rows
    runs = it.state is AnnouncementState.RUNNING
    if it.has_turn and not runs:
        yield Finding(Invariant.HAS_TURN, it.id, f"is {it.state}, and has a turn")
    is_looked_at = it.look_ms is not None and it.look_ms <= max(it.opens_ms, now_ms)
    if runs and has_rows and not it.has_turn and not is_looked_at:
        yield Finding(Invariant.HAS_TURN, it.id, "has rows to release, and neither a turn nor a time when it opens")
    if it.rest is State.SCHEDULED and it.resting > 0 and not is_looked_at:
        yield Finding(Invariant.HAS_TURN, it.id, "waits for its start, and nobody looks at it then")


def _judge_first_rows(it: AnnouncementStanding) -> Iterator[Finding]:
    if it.first is not None and it.next_row > it.first:
        found = f"has released {it.next_row} rows, of {it.first} that may be"
        yield Finding(Invariant.FIRST_ROWS, it.id, found)
    # With a turn it is looked at by the pacer yet: its first rows may have been cancelled one by one.
    if it.state is AnnouncementState.RUNNING and it.first_rows_rest and not it.has_turn:
        yield Finding(Invariant.FIRST_ROWS, it.id, f"is running, and its first {it.first} rows are at rest")


def _judge_due(lane: str, first_due_ms: float | None, look_ms: float | None) -> Iterator[Finding]:
    if first_due_ms is not None and (look_ms is None or look_ms > first_due_ms):
        looked_at = "is not in the `due` of its desk" if look_ms is None else f"is looked at {look_ms:.0f}"
        yield Finding(Invariant.LANE_DUE, lane, f"has something due at {first_due_ms:.0f}, and {looked_at}")


def judge_desk(it: DeskStanding) -> Iterator[Finding]:
    """Whether the pacer looks at it, and at its lane of events."""
    yield from _judge_due(it.event_lane, it.first_event_due_ms, it.event_look_ms)
    counted = it.counts[State.SCHEDULED] + it.counts[State.DEFERRED]
    # Those that have no receiver yet wait elsewhere for their times.
    if not 0 <= counted - it.events_due <= it.unresolved:
        found = f"counts {counted} as scheduled and deferred, and has {it.events_due}"
        yield Finding(Invariant.COUNTS_ARE_STATES, it.event_lane, found)
    if it.waiting and it.look_ms is None:
        yield Finding(Invariant.DESK_LOOKED_AT, it.name, f"has {' and '.join(it.waiting)}, and is not in `desks`")
    elif it.look_ms is not None and it.first_look_ms is not None and it.look_ms > it.first_look_ms:
        found = f"has a lane due at {it.first_look_ms:.0f}, and is looked at {it.look_ms:.0f}"
        yield Finding(Invariant.DESK_LOOKED_AT, it.name, found)
    if it.unresolved and it.unresolved_look_ms is None:
        found = f"has {it.unresolved} unresolved events, and is not in `unresolved`"
        yield Finding(Invariant.UNRESOLVED_LOOKED_AT, it.name, found)
    if list(it.slots) != sorted(it.slots, reverse=True):
        yield Finding(Invariant.SLOTS_IN_ORDER, it.name, "has slots that are not in order")


def judge_counts(lane: str, counted: Mapping[State, int], found: Mapping[State, int]) -> Iterator[Finding]:
    """The counts of a lane against its notifications. Of events, final ones are counted when their records are gone."""
    states = OF_ROWS if lane.startswith("a_") else (state for state in State if state not in FINAL)
    for state in states:
        if counted[state] != found[state]:
            said = f"counts {counted[state]} as {state}, and has {found[state]}"
            yield Finding(Invariant.COUNTS_ARE_STATES, lane, said)


def judge_queue(it: QueueStanding, now_ms: int) -> Iterator[Finding]:
    """A queue of callbacks, of one owner."""
    if it.first_ms is None:
        return
    if it.look_ms is None:
        yield Finding(Invariant.CALLBACK_HAS_OWNER, it.owner, "has callbacks, and is not among the owners")
    elif it.look_ms > max(it.first_ms, now_ms):
        yield Finding(Invariant.CALLBACK_HAS_OWNER, it.owner, "is looked at later than its first callback is due")


def judge_callback(it: CallbackStanding, now_ms: int) -> Iterator[Finding]:
    """Its content and its place in a queue: it has both, or neither."""
    if it.has_content and not it.is_queued:
        yield Finding(Invariant.CALLBACK_HAS_OWNER, it.name, "is in no queue, so that nobody posts it")
    if it.is_queued and not it.has_content and it.at_ms > now_ms - KEPT_MS:
        yield Finding(Invariant.CALLBACK_HAS_CONTENT, it.name, "is queued, and its content is gone")


def judge_key(it: KeyStanding) -> Iterator[Finding]:
    """An idempotency key. What it stands for may have expired."""
    if it.id is None:
        yield Finding(Invariant.KEY_HAS_RECORD, it.name, "does not name an id and a content")
    elif not it.expires:
        yield Finding(Invariant.KEY_HAS_RECORD, it.name, "never expires")
    elif it.desk_of_record not in (None, it.desk):
        yield Finding(Invariant.KEY_HAS_RECORD, it.name, f"is of {it.desk}, and {it.id} of {it.desk_of_record}")


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n} rows"
