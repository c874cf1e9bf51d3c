"""Why a notification was maybe sent: a word for each way, whose text is `why.` and that word."""

from ledger.endings import Ending
from ledger.record import Record

__all__ = ["WAYS", "way_of"]

_OF_ENDINGS = {
    Ending.WORKER_LOST: "worker",
    Ending.DAMAGED: "damaged",
    Ending.TIMED_OUT: "timed_out",
    Ending.CUT: "cut",
}
WAYS = (*_OF_ENDINGS.values(), "answer", "other")


def way_of(record: Record) -> str:
    """Of its last attempt."""
    if record.last is None:
        return "other"
    if record.last.ending in _OF_ENDINGS:
        return _OF_ENDINGS[record.last.ending]
    return "other" if record.last.http_status is None else "answer"
