"""The invariants of a desk: whether the pacer looks at it, and at its lane of events."""

from collections.abc import Iterator

from ledger.inspection.invariants import Finding, Invariant
from ledger.inspection.lane_invariants import judge_due, miscounted
from ledger.inspection.standing import DeskStanding
from ledger.phrases import Phrase, listed
from ledger.states import State

__all__ = ["judge_desk"]


def judge_desk(it: DeskStanding) -> Iterator[Finding]:
    yield from judge_due(it.event_lane, it.first_event_due_ms, it.event_look_ms)
    counted = it.counts[State.SCHEDULED] + it.counts[State.DEFERRED]
    # Those that have no receiver yet wait elsewhere for their times.
    if not 0 <= counted - it.events_due <= it.unresolved:
        yield miscounted(it.event_lane, Phrase("scheduled and deferred"), counted, it.events_due)
    yield from _judge_look(it)
    if it.unresolved and it.unresolved_look_ms is None:
        found = Phrase(
            "has {n:,} unresolved event, and is not in `unresolved`"
            " | has {n:,} unresolved events, and is not in `unresolved`",
            n=it.unresolved,
        )
        yield Finding(Invariant.UNRESOLVED_LOOKED_AT, it.name, found)
    if list(it.slots) != sorted(it.slots, reverse=True):
        yield Finding(Invariant.SLOTS_IN_ORDER, it.name, Phrase("has slots that are not in order"))


def _judge_look(it: DeskStanding) -> Iterator[Finding]:
    if it.waiting and it.look_ms is None:
        found = Phrase("has {waiting}, and is not in `desks`", waiting=listed(it.waiting))
        yield Finding(Invariant.DESK_LOOKED_AT, it.name, found)
    elif it.look_ms is not None and it.first_look_ms is not None and it.look_ms > it.first_look_ms:
        found = Phrase(
            "has a lane due at {due:.0f}, and is looked at {look:.0f}", due=it.first_look_ms, look=it.look_ms
        )
        yield Finding(Invariant.DESK_LOOKED_AT, it.name, found)
