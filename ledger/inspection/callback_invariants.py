"""The invariants of callbacks and of their queues."""

from collections.abc import Iterator

from ledger.callbacks import KEPT_MS
from ledger.inspection.invariants import Finding, Invariant
from ledger.inspection.standing import CallbackStanding, QueueStanding
from ledger.phrases import Phrase

__all__ = ["judge_callback", "judge_queue"]


def judge_queue(it: QueueStanding, now_ms: int) -> Iterator[Finding]:
    """A queue of callbacks, of one owner."""
    if it.first_ms is None:
        return
    if it.look_ms is None:
        found = Phrase("has callbacks, and is not among the owners")
        yield Finding(Invariant.CALLBACK_HAS_OWNER, it.owner, found)
    elif it.look_ms > max(it.first_ms, now_ms):
        found = Phrase("is looked at later than its first callback is due")
        yield Finding(Invariant.CALLBACK_HAS_OWNER, it.owner, found)


def judge_callback(it: CallbackStanding, now_ms: int) -> Iterator[Finding]:
    """Its content and its place in a queue: it has both, or neither."""
    if it.has_content and not it.is_queued:
        yield Finding(Invariant.CALLBACK_HAS_OWNER, it.name, Phrase("is in no queue, so that nobody posts it"))
    if it.is_queued and not it.has_content and it.at_ms > now_ms - KEPT_MS:
        yield Finding(Invariant.CALLBACK_HAS_CONTENT, it.name, Phrase("is queued, and its content is gone"))
