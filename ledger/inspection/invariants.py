"""The invariants of the ledger, each by its name: what is true after every verb, and so at any moment.

The judges, in the modules `…_invariants`, look at one reading of the ledger and return what is broken.
`ledger.inspection.inspection` walks over the whole ledger; `docs/lifecycle.md` has the table.
"""

from dataclasses import dataclass
from enum import StrEnum

from ledger.phrases import Phrase

__all__ = ["Finding", "Invariant"]

_KEEP = Phrase("keep this output and a copy of the append-only files, and report it")


def _and_also(do: Phrase) -> Phrase:
    return Phrase("{before}; {part}", before=_KEEP, part=do)


_AGAIN = _and_also(Phrase("`deskbell cancel ID` ends it, so that it can be sent again"))


class Invariant(StrEnum):
    """The names; `means` and `do` are for people."""

    means: str
    do: Phrase

    def __new__(cls, name: str, means: str, do: Phrase = _KEEP) -> "Invariant":
        member = str.__new__(cls, name)
        member._value_, member.means, member.do = name, means, do
        return member

    READABLE = (
        "readable",
        "each record can be read",
        Phrase("inspect it with `deskbell show ID`, and check disk and memory of the server"),
    )
    QUEUED_IN_LANE = (
        "queued-in-lane",
        "what is `queued` is in its lane, unresolved, released under a lease, or a row that was never released",
        _AGAIN,
    )
    SENDING_HAS_LEASE = (
        "sending-has-lease",
        "what is `sending` has a lease",
        _and_also(Phrase("it may have been sent, and nothing takes it back")),
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
        _and_also(Phrase("`deskbell pause ID` and `deskbell resume ID` give a running one its turn")),
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
        _and_also(Phrase("`deskbell resume --desk DESK` has the pacer look at once")),
    )
    UNRESOLVED_LOOKED_AT = (
        "unresolved-looked-at",
        "a desk with unresolved events is in `unresolved`",
        _and_also(Phrase("`deskbell resume --desk DESK` has a worker look at once")),
    )
    SLOTS_IN_ORDER = ("slots-in-order", "a desk's slots are in order, latest first")
    CALLBACK_HAS_OWNER = (
        "callback-has-owner",
        "a queue of callbacks is among the owners, no later than its first post; each callback is in a queue",
    )
    CALLBACK_HAS_CONTENT = ("callback-has-content", "what is in a queue of callbacks has its content")
    QUARTERS = (
        "quarters",
        "what the charts of a desk keep of each quarter is counts, of seven days at most, and expires",
    )
    KEY_HAS_RECORD = ("key-has-record", "a key names one id and content, expires, and no record of another desk has it")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is broken."""

    invariant: Invariant
    id: str  #: of a notification, an announcement or a callback, or the name of a desk, an owner or a key
    found: Phrase

    def as_json(self) -> dict[str, str]:
        return {"invariant": self.invariant, "id": self.id, "found": self.found, "do": self.invariant.do}
