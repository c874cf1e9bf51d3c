"""Search in the rows of an announcement. Without an index of receivers, it reads a limited range, and says which."""

from dataclasses import dataclass
from itertools import islice

from ledger.announcement import Announcement, RowRecord
from ledger.connection import text
from ledger.ids import row_number
from ledger.ledger import Ledger
from ledger.states import INDEXED, State

__all__ = ["FoundRows", "found_rows"]

#: Rows on a page, and rows to read for one.
PAGE, READ = 50, 5000
#: Rows per round trip.
PORTION = 500


@dataclass(frozen=True, slots=True)
class FoundRows:
    """`first` to `last`, from 1, is the searched range of rows, or of index entries."""

    rows: tuple[RowRecord, ...]
    first: int
    last: int
    of: int
    next: int | None  #: where to continue; None at the end


def found_rows(
    ledger: Ledger, announcement: Announcement, *, state: State | None, receiver: str, start: int | None
) -> FoundRows:
    """Rows in this state and of this receiver, if given, from number `start` on."""
    if state in INDEXED and state is not None:
        return _of_index(ledger, announcement, state, receiver, start or 0)
    begins = _first_number(ledger, announcement, state) if start is None else start
    numbers = range(begins, min(begins + READ, announcement.total))
    rows, read = [], begins
    for portion in range(numbers.start, numbers.stop, PORTION):
        some = range(portion, min(portion + PORTION, numbers.stop))
        for row in ledger.announcements.some_rows(announcement.id, some):
            read = row.number + 1
            if _fits(row, state, receiver):
                rows.append(row)
            if len(rows) == PAGE:
                return FoundRows(tuple(rows), begins + 1, read, announcement.total, _more(read, announcement.total))
    return FoundRows(tuple(rows), begins + 1, read, announcement.total, _more(read, announcement.total))


def _of_index(ledger: Ledger, announcement: Announcement, state: State, receiver: str, start: int) -> FoundRows:
    index = ledger.keys.row_index(announcement.id, state)
    total = ledger.redis.zcard(index)
    ids = [text(id) for id in ledger.redis.zrange(index, start, start + READ - 1)]
    rows, read = [], start
    for portion in range(0, len(ids), PORTION):
        numbers = [row_number(id) for id in islice(ids, portion, portion + PORTION)]
        for row in ledger.announcements.some_rows(announcement.id, numbers):
            read += 1
            if _fits(row, state, receiver):
                rows.append(row)
            if len(rows) == PAGE:
                return FoundRows(tuple(rows), start + 1, read, total, _more(read, total))
    return FoundRows(tuple(rows), start + 1, read, total, _more(read, total))


def _first_number(ledger: Ledger, announcement: Announcement, state: State | None) -> int:
    """Rows are released in order: those that wait for their first turn start at `next`."""
    if state not in (State.QUEUED, State.SCHEDULED):
        return 0
    first = int(ledger.redis.hget(ledger.keys.lane(announcement.id), "next") or 0)
    # Returning rows are before it.
    return first if announcement.counts[state] == announcement.total - first else 0


def _fits(row: RowRecord, state: State | None, receiver: str) -> bool:
    return state in (None, row.progress.state) and (not receiver or row.row.receiver_id == receiver)


def _more(read: int, total: int) -> int | None:
    return read if read < total else None
