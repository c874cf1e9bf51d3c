"""Search in the rows of an announcement. Without an index of their values, it reads a limited range, and says which."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.announcement import Announcement, RowRecord
from ledger.connection import text
from ledger.errors import NotAllowed
from ledger.full_search import Sought, rows_with
from ledger.ids import row_number
from ledger.ledger import Ledger
from ledger.states import INDEXED, State

__all__ = ["FoundRows", "found_rows"]

#: Rows on a page of the console.
PAGE = 50
#: Rows to read for a page: all of them, or those that may have a text, of which few are parsed.
READ, READ_FOR_TEXT = 5000, 20_000
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

    @property
    def is_full(self) -> bool:
        """Whether it ended because the page was full."""
        return len(self.rows) == PAGE


def found_rows(
    ledger: Ledger,
    announcement: Announcement,
    *,
    state: State | None,
    receiver: str = "",
    sought: Sought | None = None,
    start: int | None = None,
    limit: int = PAGE,
) -> FoundRows:
    """Rows in this state, of this receiver, and with this text in one of their values, if given; from `start` on.

    Raises NotAllowed for a draft, whose rows have no states.
    """
    if announcement.draft:
        raise NotAllowed(announcement.id, "find rows of", announcement.state)
    search = _RowSearch(ledger.with_record(announcement.id), announcement, state, receiver, sought, limit)
    if state in INDEXED and state is not None:
        return search.of_index(state, start or 0)
    begins = search.first_number() if start is None else start
    return search.among(range(begins, min(begins + search.most, announcement.total)), begins, announcement.total)


@dataclass(frozen=True, slots=True)
class _RowSearch:
    ledger: Ledger
    announcement: Announcement
    state: State | None
    receiver: str
    sought: Sought | None
    limit: int

    @property
    def most(self) -> int:
        return READ_FOR_TEXT if self.sought else READ

    def of_index(self, state: State, start: int) -> FoundRows:
        index = self.ledger.keys.row_index(self.announcement.id, state)
        ids = self.ledger.redis.zrange(index, start, start + self.most - 1)
        return self.among([row_number(text(id)) for id in ids], start, self.ledger.redis.zcard(index))

    def among(self, numbers: Sequence[int], start: int, total: int) -> FoundRows:
        """Reads the rows of these numbers until a page is full. `start` is the place of the first one among `total`."""
        rows: list[RowRecord] = []
        for first in range(0, len(numbers), PORTION):
            portion = numbers[first : first + PORTION]
            for row in self._read(portion):
                if self._fits(row):
                    rows.append(row)
                if len(rows) == self.limit:
                    read = start + first + portion.index(row.number) + 1
                    return FoundRows(tuple(rows), start + 1, read, total, _more(read, total))
        read = start + len(numbers)
        return FoundRows(tuple(rows), start + 1, read, total, _more(read, total))

    def _read(self, numbers: Sequence[int]) -> Iterable[RowRecord]:
        if self.sought:
            return rows_with(self.ledger, self.announcement.id, numbers, self.sought)
        return self.ledger.announcements.some_rows(self.announcement.id, numbers)

    def first_number(self) -> int:
        """Rows are released in order: those that wait for their first turn start at `next`."""
        if self.state not in (State.QUEUED, State.SCHEDULED):
            return 0
        first = int(self.ledger.redis.hget(self.ledger.keys.lane(self.announcement.id), "next") or 0)
        # Returning rows are before it.
        return first if self.announcement.counts[self.state] == self.announcement.total - first else 0

    def _fits(self, row: RowRecord) -> bool:
        is_meant = not self.receiver or row.row.receiver_id == self.receiver
        return is_meant and self.state in (None, row.progress.state)


def _more(read: int, total: int) -> int | None:
    return read if read < total else None
