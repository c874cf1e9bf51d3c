"""Search in the rows of an announcement. Without an index of receivers, it reads a limited range, and says which."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    return _searched(ledger, announcement, numbers, state, receiver, begins, announcement.total)


def _of_index(ledger: Ledger, announcement: Announcement, state: State, receiver: str, start: int) -> FoundRows:
    index = ledger.keys.row_index(announcement.id, state)
    ids = ledger.redis.zrange(index, start, start + READ - 1)
    numbers = [row_number(text(id)) for id in ids]
    return _searched(ledger, announcement, numbers, state, receiver, start, ledger.redis.zcard(index))


def _searched(
    ledger: Ledger,
    announcement: Announcement,
    numbers: Sequence[int],
    state: State | None,
    receiver: str,
    start: int,
    total: int,
) -> FoundRows:
    """Reads the rows of these numbers until a page is full. `start` is the place of the first one among `total`."""
    rows: list[RowRecord] = []
    read = start
    for first in range(0, len(numbers), PORTION):
        for row in ledger.announcements.some_rows(announcement.id, numbers[first : first + PORTION]):
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
