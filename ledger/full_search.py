"""Finding events and rows by what people know: a name, an e-mail address, any value of a row; an id, a key.

Nothing is indexed: a page reads a bounded number of events and rows, newest announcements first, and says how far it
looked. Rows are compared as they are stored, and only those that may match are parsed.
"""

import base64
import binascii
import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import dropwhile
from typing import Annotated, Any, Self

import orjson
from pydantic import Field
from typing_extensions import TypedDict

from ledger.announcement import RowRecord
from ledger.connection import text
from ledger.errors import BadInput, NotFound
from ledger.ids import is_announcement, is_notification
from ledger.ledger import Ledger
from ledger.messages.column_names import trimmed
from ledger.phrases import Phrase
from ledger.record import Record
from ledger.search import Cursor, Search, newest_events
from ledger.states import State

__all__ = ["Finding", "Found", "Place", "Reach", "Sought", "rows_with"]

#: Events and rows that are read for a page, and the time after which it ends anyway, seconds.
MOST_EVENTS, MOST_ROWS, MOST_SECONDS = 2_000, 20_000, 3.0
#: Rows that are read in one round trip.
PORTION = 500
#: Announcements that are looked at, the newest.
MOST_ANNOUNCEMENTS = 2_000
#: Of what is looked for. A single character would find nearly everybody.
LEAST_CHARACTERS, MOST_CHARACTERS = 2, 200

_ESCAPED = re.compile(r'[\x00-\x1f"/\\]+')


@dataclass(frozen=True)
class Sought:
    """A text that is looked for, whatever its case and width."""

    text: str
    among_people: bool = True  #: False: only in what is visible without the right to see people

    @classmethod
    def of(cls, written: str, *, among_people: bool = True) -> Self:
        """Raises BadInput for a text that is too short or too long."""
        sought = trimmed(_plain(written))
        if not LEAST_CHARACTERS <= len(sought) <= MOST_CHARACTERS:
            problem = Phrase("must have {least} to {most} characters", least=LEAST_CHARACTERS, most=MOST_CHARACTERS)
            raise BadInput("find", problem)
        return cls(sought, among_people)

    @cached_property
    def stored(self) -> str:
        """The longest part of it that JSON does not escape: what has it stored has this."""
        return max(_ESCAPED.split(self.text), key=len)

    def is_in(self, *values: str | None) -> bool:
        return any(self.text in _plain(value) for value in values if value)

    def means(self, record: Record) -> bool:
        """Whether it stands in the receiver, by id or address, the key or the id of a message of an event."""
        asked = record.notification
        contact = asked.email or asked.mobile
        seen = (asked.email, asked.mobile, asked.key) if self.among_people else () if contact else (asked.key,)
        return self.is_in(asked.receiver_id, *seen, *_message_ids(record))

    def means_row(self, row: RowRecord) -> bool:
        """Whether it stands in the receiver, any value, or the id of a message of a row."""
        return self.is_in(row.row.receiver_id, *(row.row.values if self.among_people else ()), *_message_ids(row))


@dataclass(frozen=True, slots=True)
class Place:
    """How far a search has come: the next page starts here."""

    event: Cursor | None = None  #: the last event that was read
    announcement: str = ""  #: whose rows come next
    row: int = 0
    events_read: int = 0
    rows_read: int = 0
    events_done: bool = False
    rows_done: bool = False

    def __str__(self) -> str:
        parts = [str(self.event or ""), self.announcement, self.row, self.events_read, self.rows_read]
        written = orjson.dumps([*parts, self.events_done, self.rows_done])
        return base64.urlsafe_b64encode(written).decode().rstrip("=")

    @classmethod
    def of(cls, written: str) -> Self:
        """Raises BadInput for an invalid place."""
        try:
            padded = written.encode() + b"=" * (-len(written) % 4)
            match orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True)):
                case [str(event), str(announcement), int(row), int(events), int(rows), bool(ended), bool(rows_ended)]:
                    if (not announcement or is_announcement(announcement)) and min(row, events, rows) >= 0:
                        last = Cursor.of(event) if event else None
                        return cls(last, announcement, row, events, rows, ended, rows_ended)
        except (ValueError, binascii.Error):
            pass
        raise BadInput("cursor", Phrase("is not a cursor from a page"))


class Reach(TypedDict):
    """How far a search has looked, in all pages so far."""

    rows: Annotated[int, Field(description="Rows of announcements that were looked at.")]
    of_rows: Annotated[int, Field(description="All rows that can be looked at.")]
    events: Annotated[int, Field(description="Events that were looked at.")]
    of_events: Annotated[int, Field(description="All events.")]


@dataclass(frozen=True, slots=True)
class Found:
    """Matches, how far was looked in all pages so far, and where to go on: None at the end."""

    records: tuple[Record, ...]
    next: Place | None
    place: Place
    events: int  #: on record
    rows: int  #: in the announcements that were looked at, or will be

    def reach(self) -> Reach:
        place = self.place
        return Reach(rows=place.rows_read, of_rows=self.rows, events=place.events_read, of_events=self.events)


@dataclass(slots=True)
class Finding:
    """One page of a search among what a viewer may see."""

    ledger: Ledger
    sought: Sought
    desks: frozenset[str] | None = None
    state: State | None = None
    limit: int = 50
    _found: dict[str, Record] = field(default_factory=dict)
    _ends_at: float = 0.0

    def page(self, after: Place | None = None) -> Found:
        """Raises redis-py's errors."""
        self._ends_at = time.monotonic() + MOST_SECONDS
        place = after or Place()
        if after is None:
            self._named()
        totals = self._totals()
        place = self._rows(self._events(place), totals)
        is_over = place.events_done and place.rows_done
        events = sum(int(each.redis.zcard(each.keys.events)) for each in self.ledger.servers_of(self.desks))
        found = tuple(self._found.values())
        return Found(found, None if is_over else place, place, max(events, place.events_read), sum(totals.values()))

    @property
    def _is_full(self) -> bool:
        return len(self._found) >= self.limit or time.monotonic() >= self._ends_at

    def _take(self, record: Record) -> None:
        is_seen = self.desks is None or record.notification.desk in self.desks
        if is_seen and self.state in (None, record.progress.state):
            self._found[record.id] = record

    def _named(self) -> None:
        """What an id or a key leads to directly."""
        named = self.sought.text
        for record in self.ledger.get_known([named]) if is_notification(named) else ():
            self._take(record)
        for record in Search(key=named, desks=self.desks).page(self.ledger, self.limit).records:
            self._take(record)

    # -- events

    def _events(self, place: Place) -> Place:
        read, last = 0, place.event
        if place.events_done:
            return place
        for cursor, record in newest_events(self.ledger, self.state, place.event, self.desks):
            if read == MOST_EVENTS or self._is_full:
                return replace(place, event=last, events_read=place.events_read + read)
            read, last = read + 1, cursor
            if record and self.sought.means(record):
                self._take(record)
        return replace(place, event=last, events_read=place.events_read + read, events_done=True)

    # -- rows

    def _totals(self) -> dict[str, int]:
        """The rows of each announcement that may be seen, newest first."""
        lanes = [lane for server in self.ledger.servers_of(self.desks) for lane in _lanes(server)]
        if len(self.ledger.servers) > 1:
            lanes = sorted(lanes, reverse=True)
        return {
            id: int(total) for id, (desk, total) in lanes
            if desk is not None and (self.desks is None or text(desk) in self.desks)
        }  # fmt: skip

    def _rows(self, place: Place, totals: dict[str, int]) -> Place:
        if place.rows_done:
            return place
        begins, left = place, MOST_ROWS
        for id in _from(place.announcement, totals):
            first = begins.row if id == begins.announcement else 0
            for start in range(first, totals[id], PORTION):
                if left <= 0 or self._is_full:
                    return replace(place, announcement=id, row=start)
                stop = min(start + PORTION, totals[id])
                ended = self._take_rows(id, range(start, stop))
                left -= ended - start
                place = replace(place, rows_read=place.rows_read + ended - start)
                if ended < stop:
                    return replace(place, announcement=id, row=ended)
        return replace(place, rows_done=True)

    def _take_rows(self, id: str, numbers: range) -> int:
        """Returns the number of the row that comes next, when the page is full before the end."""
        try:
            rows = list(rows_with(self.ledger, id, numbers, self.sought))
            if rows:
                of = self.ledger.announcements.get(id)
        except NotFound:  # it expired meanwhile
            return numbers.stop
        for row in rows:
            if len(self._found) >= self.limit:
                return row.number
            self._take(row.record(of))
        return numbers.stop


def _lanes(ledger: Ledger) -> Iterator[tuple[str, Any]]:
    """Desk and total of the newest announcements of one server."""
    ids = ledger.announcements.ids(MOST_ANNOUNCEMENTS)
    pipe = ledger.redis.pipeline(transaction=False)
    for id in ids:
        pipe.hmget(ledger.keys.lane(id), "desk", "total")
    return zip(ids, pipe.execute(), strict=True)


def _from(announcement: str, totals: dict[str, int]) -> Iterator[str]:
    """This announcement and the older ones; its record may have gone since, and ids sort by time."""
    if not announcement or announcement in totals:
        return dropwhile(lambda id: announcement not in ("", id), totals)
    return (id for id in totals if id < announcement)


def rows_with(ledger: Ledger, id: str, numbers: Sequence[int], sought: Sought) -> Iterator[RowRecord]:
    """Those of these rows that have the text, in one round trip, or two if there are any. Raises NotFound."""
    ledger = ledger.with_record(id)
    stored: Any = ledger.redis.hmget(ledger.keys.rows(id), [part for n in numbers for part in (n, f"{n}+")])
    pairs = zip(numbers, stored[::2], stored[1::2], strict=True)
    likely = [n for n, *parts in pairs if any(sought.stored in _plain(text(part)) for part in parts if part)]
    return (row for row in ledger.announcements.some_rows(id, likely) if sought.means_row(row))


def _message_ids(record: Record | RowRecord) -> list[str | None]:
    return [attempt.message_id for attempt in record.progress.attempts]


def _plain(written: str) -> str:
    return (written if written.isascii() else unicodedata.normalize("NFKC", written)).casefold()
