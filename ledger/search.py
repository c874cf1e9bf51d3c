"""Searching events, page by page and newest first, with a cursor that new events do not move.

There is no index by receiver or code: it would cost each notification more than the few searches are worth. A page
reads a bounded number of records, so it may have few matches, or none, and a cursor to continue.
"""

import base64
import binascii
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from heapq import merge
from typing import Any, Self

from ledger.connection import text
from ledger.errors import BadInput
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.record import Record
from ledger.redis_keys import key_digest
from ledger.states import INDEXED, State

__all__ = ["Cursor", "Page", "Search", "newest_events"]

#: Most records to read for one page.
MOST_READ = 2000
#: Ids and records per round trip.
PORTION = 200
#: Of a time in ms, until the year 5138.
_TIME_DIGITS = 14


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last event that was read: the next page starts after it."""

    at_ms: int  #: its place in the index
    id: str

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(f"{self.at_ms} {self.id}".encode()).decode().rstrip("=")

    @classmethod
    def of(cls, written: str) -> Self:
        """Raises BadInput for an invalid cursor."""
        try:
            padded = written.encode() + b"=" * (-len(written) % 4)
            at_ms, id = base64.b64decode(padded, altchars=b"-_", validate=True).decode().split(" ")
            if at_ms.isdecimal() and len(at_ms) <= _TIME_DIGITS:
                return cls(int(at_ms), id)
        except (ValueError, binascii.Error):
            pass
        raise BadInput("cursor", Phrase("is not a cursor from a page"))


@dataclass(frozen=True, slots=True)
class Page:
    """Matches, and the cursor to continue: None at the end."""

    records: tuple[Record, ...]
    next: Cursor | None
    looked_at: int  #: events, for these matches


@dataclass(frozen=True, slots=True)
class Search:
    """A selection of events. None matches everything."""

    state: State | None = None
    desks: frozenset[str] | None = None
    receiver_id: str | None = None
    key: str | None = None
    code: int | None = None  #: of the last attempt

    def page(self, ledger: Ledger, limit: int, after: Cursor | None = None) -> Page:
        """At most `limit` matches. A key leads directly to its events, at most one per desk."""
        if self.key is not None:
            return self._page_of_key(ledger)
        found: list[Record] = []
        looked_at, last = 0, after
        for cursor, record in newest_events(ledger, self.state, after, self.desks):
            if len(found) == limit or looked_at == MOST_READ:
                return Page(tuple(found), last, looked_at)
            looked_at, last = looked_at + 1, cursor
            if record and self._means(record):
                found.append(record)
        return Page(tuple(found), None, looked_at)

    def _page_of_key(self, ledger: Ledger) -> Page:
        digest = key_digest(self.key or "")
        desks = sorted(self.desks if self.desks is not None else ledger.settings.all_desks)
        records: list[Record] = []
        for server, places in ledger.by_server(desks):
            uses: Any = server.redis.mget([server.keys.key(desks[place], digest) for place in places])
            records += server.get_known([text(use).split(" ")[0] for use in uses if use])
        found = tuple(record for record in records if self._means(record))
        return Page(found, None, len(records))

    def _means(self, record: Record) -> bool:
        notification = record.notification
        return (
            self.state in (None, record.progress.state)
            and (self.desks is None or notification.desk in self.desks)
            and self.receiver_id in (None, notification.receiver_id)
            and self.key in (None, notification.key)
            and (self.code is None or bool(record.last and record.last.code == self.code))
        )


def newest_events(
    ledger: Ledger, state: State | None, after: Cursor | None, desks: Collection[str] | None = None
) -> Iterator[tuple[Cursor, Record | None]]:
    """Events with their positions, newest first; None for an expired record. Of the servers that have these desks."""
    each = [_newest_of(server, state, after) for server in ledger.servers_of(desks)]
    return each[0] if len(each) == 1 else merge(*each, key=lambda found: (found[0].at_ms, found[0].id), reverse=True)


def _newest_of(ledger: Ledger, state: State | None, after: Cursor | None) -> Iterator[tuple[Cursor, Record | None]]:
    index = ledger.keys.index(state) if state in INDEXED else ledger.keys.events
    looked_at = after
    while places := _places(ledger, index, _rank_behind(ledger, index, looked_at) if looked_at else 0):
        cursors = [Cursor(int(at_ms), text(id)) for id, at_ms in places]
        known = {record.id: record for record in ledger.get_known([cursor.id for cursor in cursors])}
        for cursor in cursors:
            if not after or (cursor.at_ms, cursor.id) < (after.at_ms, after.id):
                yield cursor, known.get(cursor.id)
                after = cursor
        looked_at = cursors[-1]  # and not its rank: events come and go while the portions are read


def _places(ledger: Ledger, index: str, start: int) -> list[tuple[bytes, float]]:
    found: Any = ledger.redis.zrevrange(index, start, start + PORTION - 1, withscores=True)
    return list(found)


def _rank_behind(ledger: Ledger, index: str, after: Cursor) -> int:
    """The rank of the next event. If the event has left the index, this may be an event that was already read."""
    pipe = ledger.redis.pipeline(transaction=False)
    pipe.zrevrank(index, after.id)
    pipe.zscore(index, after.id)
    pipe.zcount(index, f"({after.at_ms}", "+inf")
    rank, at_ms, later = pipe.execute()
    return int(rank + 1 if rank is not None and at_ms == after.at_ms else later)
