"""The invariants of an idempotency key. What it stands for may have expired."""

from collections.abc import Iterator

from ledger.inspection.invariants import Finding, Invariant
from ledger.inspection.standing import KeyStanding
from ledger.phrases import Phrase

__all__ = ["judge_key"]


def judge_key(it: KeyStanding) -> Iterator[Finding]:
    if it.id is None:
        yield Finding(Invariant.KEY_HAS_RECORD, it.name, Phrase("does not name an id and a content"))
    elif not it.expires:
        yield Finding(Invariant.KEY_HAS_RECORD, it.name, Phrase("never expires"))
    elif it.desk_of_record not in (None, it.desk):
        found = Phrase("is of {desk}, and {id} of {other}", desk=it.desk, id=it.id, other=it.desk_of_record)
        yield Finding(Invariant.KEY_HAS_RECORD, it.name, found)
