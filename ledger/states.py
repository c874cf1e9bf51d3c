"""The states of a notification and of an announcement, the moves between them, and the outcomes of one attempt.

`TRANSITIONS` is the only place that says which moves are allowed: the Lua verbs get their copy
from here when they are loaded (`ledger.store`), and `docs/lifecycle.md` is tested against it.
"""

from enum import StrEnum
from typing import Literal

__all__ = [
    "DRAFTED",
    "FINAL",
    "INDEXED",
    "MOVING",
    "OF_ROWS",
    "TRANSITIONS",
    "AnnouncementState",
    "Outcome",
    "PausedBy",
    "Resolution",
    "Retried",
    "State",
    "SteeringVerb",
]


class State(StrEnum):
    """The state of a notification: exactly one at any moment."""

    SCHEDULED = "scheduled"  #: accepted, and its time has not come
    QUEUED = "queued"  #: waiting for its turn in its lane
    SENDING = "sending"  #: one worker holds it, under a lease
    DEFERRED = "deferred"  #: could not be sent yet; due again later
    UNKNOWN = "unknown"  #: maybe sent; rests until its policy or an operator resolves it
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    JOINED = "joined"  #: sent in another message, together with other events

    @property
    def is_final(self) -> bool:
        """Whether it ended here. What is unknown rests, and has not ended."""
        return self in FINAL


FINAL = frozenset({State.DELIVERED, State.FAILED, State.EXPIRED, State.CANCELLED, State.JOINED})
#: Still to be sent.
MOVING = frozenset(State) - FINAL - {State.UNKNOWN}

#: Those that a row of an announcement can be in: it never joins another message.
OF_ROWS: tuple[State, ...] = tuple(state for state in State if state is not State.JOINED)

#: States that people search for have an index; the others are only counted.
INDEXED = frozenset({State.FAILED, State.UNKNOWN})

TRANSITIONS: dict[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.QUEUED, State.EXPIRED, State.CANCELLED}),
    # back to scheduled: a row with a time of its own, found when its turn comes
    # failed without a call: its address leads to nobody
    State.QUEUED: frozenset({State.SENDING, State.SCHEDULED, State.FAILED, State.EXPIRED, State.CANCELLED}),
    # back to queued: handed back before any call, or resent by policy after a lost lease
    State.SENDING: frozenset({State.DELIVERED, State.DEFERRED, State.FAILED, State.UNKNOWN, State.QUEUED}),
    State.DEFERRED: frozenset({State.QUEUED, State.EXPIRED, State.CANCELLED}),
    State.UNKNOWN: frozenset({State.DELIVERED, State.FAILED, State.QUEUED, State.EXPIRED, State.CANCELLED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.DELIVERED: frozenset(),
    State.EXPIRED: frozenset(),
    State.CANCELLED: frozenset(),
    # An event joins when it is accepted, or never.
    State.JOINED: frozenset(),
}


class Outcome(StrEnum):
    """The outcome of one attempt, that is one API call."""

    DELIVERED = "delivered"
    REFUSED = "refused"  #: permanent: the same call would be refused again
    TRANSIENT = "transient"  #: not delivered; worth another try
    THROTTLED = "throttled"  #: over the quota; nothing was sent
    TICKET_OPEN = "ticket_open"  #: `chat` is closed while the receiver has an open ticket
    UNKNOWN = "unknown"  #: the call may have been delivered; Feishu cannot say


class Retried(StrEnum):
    """The states from which a notification can be retried."""

    FAILED = "failed"
    UNKNOWN = "unknown"


class Resolution(StrEnum):
    """A person's decision about a maybe-sent notification."""

    DELIVERED = "delivered"
    FAILED = "failed"
    RESEND = "resend"


class AnnouncementState(StrEnum):
    """`loading` is not accepted yet, and shown to nobody but who loads it. What the ledger keeps of one that is
    `scheduled` says `running`, and that its rows are scheduled; what it keeps of a draft says `loading`, and beside
    that the draft's state (`announcement_of_fields`)."""

    LOADING = "loading"
    DRAFT = "draft"  #: its rows are loaded, and nothing of it is accepted
    AWAITING_APPROVAL = "awaiting_approval"  #: a draft that somebody else is asked to approve
    APPROVED = "approved"  #: a draft that may be started
    SCHEDULED = "scheduled"  #: its time has not come, and no row was released
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"


#: Before the start: nothing of it is accepted, and it may be edited.
DRAFTED = frozenset({AnnouncementState.DRAFT, AnnouncementState.AWAITING_APPROVAL, AnnouncementState.APPROVED})


class PausedBy(StrEnum):
    """Why an announcement is paused. The first reason stays."""

    OPERATOR = "operator"
    FIRST_N = "first_n"  #: its first rows have come to rest
    STOP_AT = "stop_at"  #: a larger share of its rows failed than it may


#: What people do to an announcement as a whole.
SteeringVerb = Literal["pause", "resume", "cancel"]
