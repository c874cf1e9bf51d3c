"""The invariants of a lane, whether of a desk's events or of an announcement: its counts, and when it is looked at."""

from collections.abc import Iterator, Mapping

from ledger.inspection.invariants import Finding, Invariant
from ledger.phrases import Phrase
from ledger.states import FINAL, OF_ROWS, State

__all__ = ["judge_counts", "judge_due", "miscounted"]


def judge_due(lane: str, first_due_ms: float | None, look_ms: float | None) -> Iterator[Finding]:
    if first_due_ms is None:
        return
    if look_ms is None:
        found = Phrase("has something due at {due:.0f}, and is not in the `due` of its desk", due=first_due_ms)
        yield Finding(Invariant.LANE_DUE, lane, found)
    elif look_ms > first_due_ms:
        found = Phrase("has something due at {due:.0f}, and is looked at {look:.0f}", due=first_due_ms, look=look_ms)
        yield Finding(Invariant.LANE_DUE, lane, found)


def judge_counts(lane: str, counted: Mapping[State, int], found: Mapping[State, int]) -> Iterator[Finding]:
    """The counts of a lane against its notifications. Of events, final ones are counted when their records are gone."""
    states = OF_ROWS if lane.startswith("a_") else (state for state in State if state not in FINAL)
    for state in states:
        if counted[state] != found[state]:
            yield miscounted(lane, state, counted[state], found[state])


def miscounted(lane: str, what: str, counted: int, there: int) -> Finding:
    """`what`: a state, or several."""
    found = Phrase("counts {counted:,} as {state}, and has {there:,}", counted=counted, state=what, there=there)
    return Finding(Invariant.COUNTS_ARE_STATES, lane, found)
