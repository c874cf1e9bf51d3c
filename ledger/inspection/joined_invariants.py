"""The invariants of events that join one message, and of that message."""

from collections.abc import Iterator

from ledger.inspection.invariants import Finding, Invariant
from ledger.inspection.standing import Standing
from ledger.phrases import Phrase
from ledger.states import State

__all__ = ["judge_joined"]


def judge_joined(it: Standing) -> Iterator[Finding]:
    if it.state is State.JOINED and it.into is None:
        yield Finding(Invariant.JOINED, it.id, Phrase("is {state}, and names no message", state=it.state))
    if it.state is not State.JOINED and it.into is not None:
        yield Finding(Invariant.JOINED, it.id, Phrase("is {state}, and names a message", state=it.state))
    if it.gathers and not it.joined:
        yield Finding(Invariant.JOINED, it.id, Phrase("takes events, but has none"))
    elif it.gathers and it.joined_expires and not it.expires:
        yield Finding(Invariant.JOINED, it.id, Phrase("what joined it expires, and its record does not"))
    elif it.gathers and it.expires and not it.joined_expires:
        yield Finding(Invariant.JOINED, it.id, Phrase("its record expires, and what joined it does not"))
