"""The invariants of an announcement: what its fields say against each other, and against the sets of its desk."""

from collections.abc import Iterator

from ledger.inspection.invariants import Finding, Invariant
from ledger.inspection.lane_invariants import judge_due, miscounted
from ledger.inspection.standing import AnnouncementStanding
from ledger.phrases import Phrase
from ledger.states import INDEXED, AnnouncementState, State

__all__ = ["judge_announcement"]


def judge_announcement(it: AnnouncementStanding, now_ms: int) -> Iterator[Finding]:
    if it.is_damaged:
        yield Finding(Invariant.READABLE, it.id, Phrase("its fields cannot be read"))
        return
    if it.is_absent:
        if not it.rows_expire:
            yield Finding(Invariant.KEPT, it.id, Phrase("has rows that never expire, and no record"))
        return
    if not it.is_listed:
        found = Phrase("is {state}, and not in `announcements`", state=it.state)
        yield Finding(Invariant.ANNOUNCEMENT_LISTED, it.id, found)
    yield from _judge_counts(it)
    yield from _judge_end(it)
    yield from _judge_turn(it, now_ms)
    yield from _judge_first_rows(it)
    yield from judge_due(it.id, it.first_due_ms, it.look_ms)


def _judge_counts(it: AnnouncementStanding) -> Iterator[Finding]:
    """Against its rows; and those whose notifications stand in a set, of which the server knows the size."""
    total = sum(it.counts.values())
    if total != it.total:
        found = Phrase(
            "has {n:,} row, and counts that sum to {total:,} | has {n:,} rows, and counts that sum to {total:,}",
            n=it.total,
            total=total,
        )
        yield Finding(Invariant.COUNTS_SUM, it.id, found)
    waiting = it.in_due + (it.resting if it.rest is State.SCHEDULED else 0)
    counted = it.counts[State.SCHEDULED] + it.counts[State.DEFERRED]
    if counted != waiting:
        yield miscounted(it.id, Phrase("scheduled and deferred"), counted, waiting)
    for index in sorted(INDEXED):
        if it.counts[index] != it.in_indexes[index]:
            yield miscounted(it.id, index, it.counts[index], it.in_indexes[index])


def _judge_end(it: AnnouncementStanding) -> Iterator[Finding]:
    unfinished = it.left + it.counts[State.UNKNOWN]
    if unfinished and it.expires:
        found = Phrase(
            "has {n:,} row not final, and its record expires | has {n:,} rows not final, and its record expires",
            n=unfinished,
        )
        yield Finding(Invariant.KEPT, it.id, found)
    if unfinished and it.total and it.rows_expire:
        found = Phrase(
            "has {n:,} row not final, and its rows expire | has {n:,} rows not final, and its rows expire", n=unfinished
        )
        yield Finding(Invariant.KEPT, it.id, found)
    if not unfinished and not it.expires:
        yield Finding(Invariant.KEPT, it.id, Phrase("has no row left, and its record never expires"))
    if not unfinished and it.total and not it.rows_expire:
        yield Finding(Invariant.KEPT, it.id, Phrase("has no row left, and its rows never expire"))
    if it.state is not AnnouncementState.CANCELLED and (it.state is AnnouncementState.FINISHED) == bool(it.left):
        found = Phrase("is {state}, with {n:,} row left | is {state}, with {n:,} rows left", state=it.state, n=it.left)
        yield Finding(Invariant.FINISHED, it.id, found)


def _judge_turn(it: AnnouncementStanding, now_ms: int) -> Iterator[Finding]:
    has_rows = it.in_lane > 0 or it.has_fresh_rows
    runs = it.state is AnnouncementState.RUNNING
    if it.has_turn and not runs:
        yield Finding(Invariant.HAS_TURN, it.id, Phrase("is {state}, and has a turn", state=it.state))
    is_looked_at = it.look_ms is not None and it.look_ms <= max(it.opens_ms, now_ms)
    if runs and has_rows and not it.has_turn and not is_looked_at:
        found = Phrase("has rows to release, and neither a turn nor a time when it opens")
        yield Finding(Invariant.HAS_TURN, it.id, found)
    if it.rest is State.SCHEDULED and it.resting > 0 and not is_looked_at:
        yield Finding(Invariant.HAS_TURN, it.id, Phrase("waits for its start, and nobody looks at it then"))


def _judge_first_rows(it: AnnouncementStanding) -> Iterator[Finding]:
    if it.first is not None and it.next_row > it.first:
        found = Phrase("has released {released:,} rows, of {first:,} that may be", released=it.next_row, first=it.first)
        yield Finding(Invariant.FIRST_ROWS, it.id, found)
    # With a turn it is looked at by the pacer yet: its first rows may have been cancelled one by one.
    if it.state is AnnouncementState.RUNNING and it.first_rows_rest and not it.has_turn:
        found = Phrase("is running, and its first {first:,} rows are at rest", first=it.first)
        yield Finding(Invariant.FIRST_ROWS, it.id, found)
