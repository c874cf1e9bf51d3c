"""The invariants of events that join one message, and of that message."""

from collections.abc import Iterator

from ledger.inspection.invariants import Finding, Invariant
from ledger.inspection.standing import Standing
from ledger.states import State

__all__ = ["judge_joined"]


def judge_joined(it: Standing) -> Iterator[Finding]:
    if (it.into is not None) != (it.state is State.JOINED):
        names = "names no message" if it.into is None else "names a message"
        yield Finding(Invariant.JOINED, it.id, f"is {it.state}, and {names}")
    if it.gathers and not it.joined:
        yield Finding(Invariant.JOINED, it.id, "takes events, but has none")
    elif it.gathers and it.joined_expires != it.expires:
        which = ("what joined it", "its record") if it.joined_expires else ("its record", "what joined it")
        yield Finding(Invariant.JOINED, it.id, f"{which[0]} expires, and {which[1]} does not")
