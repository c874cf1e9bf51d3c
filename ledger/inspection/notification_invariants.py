"""The invariants of one notification: its record against the places that it stands in."""

from collections.abc import Iterator

from ledger.inspection.invariants import Finding, Invariant
from ledger.inspection.standing import Standing
from ledger.phrases import Phrase
from ledger.states import FINAL, INDEXED, MOVING, State

__all__ = ["judge_notification"]

#: Not at rest: something must still happen to it.
_WAITING = frozenset({State.SCHEDULED, State.DEFERRED})
#: A cancelled one keeps the lease of its release until that is claimed or swept.
_LEASED = frozenset({State.QUEUED, State.SENDING, State.CANCELLED})
_WITHOUT_RECEIVER = frozenset({State.QUEUED, State.SCHEDULED})


def judge_notification(it: Standing, now_ms: int) -> Iterator[Finding]:
    if it.is_damaged:
        yield Finding(Invariant.READABLE, it.id, Phrase("its progress cannot be read"))
        return
    if it.state is None:
        yield from _judge_remains(it, now_ms)
        return
    yield from _judge_places(it, it.state)
    yield from _judge_receiver(it, it.state)
    yield from _judge_indexes(it, it.state)
    if it.is_row:
        return
    if not it.is_listed:
        yield Finding(Invariant.EVENT_LISTED, it.id, Phrase("is {state}, and not in `events`", state=it.state))
    if it.expires and it.state not in FINAL:
        yield Finding(Invariant.KEPT, it.id, Phrase("is {state}, and its record expires", state=it.state))
    if not it.expires and it.state in FINAL:
        yield Finding(Invariant.KEPT, it.id, Phrase("is {state}, and its record never expires", state=it.state))


def _judge_remains(it: Standing, now_ms: int) -> Iterator[Finding]:
    """Of one without a record."""
    # What has ended, the next sweep takes away.
    if it.lease_ms is not None and it.lease_ms > now_ms:
        yield Finding(Invariant.LEASE_HAS_HOLDER, it.id, Phrase("a lease without a record"))
    if it.due_ms is not None:
        yield Finding(Invariant.TIME_HAS_WAITER, it.id, Phrase("a due time without a record"))
    if it.unresolved_ms is not None:
        found = Phrase("is among the unresolved ones, without a record")
        yield Finding(Invariant.UNRESOLVED_WAITS, it.id, found)


def _judge_places(it: Standing, state: State) -> Iterator[Finding]:
    if state is State.SENDING and it.lease_ms is None:
        yield Finding(Invariant.SENDING_HAS_LEASE, it.id, Phrase("is sending, without a lease"))
    if state in _WAITING and it.due_ms is None and it.unresolved_ms is None and not it.is_ahead:
        found = Phrase("is {state}, and not among the due ones of {lane}", state=state, lane=it.lane)
        yield Finding(Invariant.WAITING_HAS_TIME, it.id, found)
    if it.lease_ms is not None and state not in _LEASED:
        yield Finding(Invariant.LEASE_HAS_HOLDER, it.id, Phrase("is {state}, and has a lease", state=state))
    if it.due_ms is not None and state not in _WAITING:
        found = Phrase("is {state}, and among the due ones of {lane}", state=state, lane=it.lane)
        yield Finding(Invariant.TIME_HAS_WAITER, it.id, found)
    if state in MOVING and it.places > 1:
        found = Phrase("is {state}, and in {places} places", state=state, places=it.places)
        yield Finding(Invariant.ONE_PLACE, it.id, found)
    if state is State.QUEUED and it.times_in_lane is not None and not it.places:
        yield Finding(Invariant.QUEUED_IN_LANE, it.id, Phrase("is queued, and nowhere in {lane}", lane=it.lane))


def _judge_receiver(it: Standing, state: State) -> Iterator[Finding]:
    if it.lacks_receiver and state in _WITHOUT_RECEIVER and it.unresolved_ms is None:
        found = Phrase("is {state} without a receiver, and nobody asks for that", state=state)
        yield Finding(Invariant.UNRESOLVED_WAITS, it.id, found)
    # A cancelled one stays until the next look, if an older version cancelled it.
    may_stay = state is State.CANCELLED or (it.lacks_receiver and state in _WITHOUT_RECEIVER)
    if it.unresolved_ms is not None and not may_stay:
        found = Phrase("is {state}, and among the unresolved ones", state=state)
        yield Finding(Invariant.UNRESOLVED_WAITS, it.id, found)


def _judge_indexes(it: Standing, state: State) -> Iterator[Finding]:
    for index in sorted(INDEXED):
        if index in it.indexes and state is not index:
            yield Finding(
                Invariant.INDEXED, it.id, Phrase("is {state}, and in the set `{set}`", state=state, set=index)
            )
        if index not in it.indexes and state is index:
            found = Phrase("is {state}, and not in the set `{set}`", state=state, set=index)
            yield Finding(Invariant.INDEXED, it.id, found)
