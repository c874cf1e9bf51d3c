"""Why a notification was maybe sent: a word for each way, whose text is `why.` and that word."""

from ledger.record import Record

__all__ = ["WAYS", "way_of"]

#: By the beginning or end of what the attempt says, as workers and verbs write it.
_BY_WORDS = {
    "the worker was lost": "worker",
    "its record was damaged": "damaged",
    "timed out": "timed_out",
    ": cut": "cut",
}
WAYS = (*_BY_WORDS.values(), "answer", "other")


def way_of(record: Record) -> str:
    """Of its last attempt."""
    if record.last is None:
        return "other"
    said = record.last.msg or ""
    found = next((way for words, way in _BY_WORDS.items() if said.startswith(words) or said.endswith(words)), None)
    return found or ("answer" if record.last.http_status is not None else "other")
