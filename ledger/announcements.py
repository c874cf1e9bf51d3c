"""The announcements of the ledger: accepting, asking, steering, reading rows."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, cast

from ledger.announcement import Announcement, Row, RowRecord
from ledger.announcement_reading import announcement_of_fields
from ledger.audit_log import record_action
from ledger.connection import text
from ledger.damage import NOBODY, Reading
from ledger.errors import NotAllowed, NotFound
from ledger.ids import announcement_of, is_announcement, row_number
from ledger.loading import Loading
from ledger.progress import Progress
from ledger.record import Record
from ledger.redis_clock import time_ms
from ledger.states import DRAFTED, AnnouncementState, Resolution, State

__all__ = ["Announcements"]

#: Rows that one call of a verb writes.
PORTION = 500
#: Announcements that are read in one round trip.
AT_ONCE = 50


class Announcements(Loading):
    """Announcements, for producers and operators."""

    # -- asking

    def get(self, id: str) -> Announcement:
        """Also of a draft. Raises NotFound, also for an id of anything else."""
        found = self.several([id]) if is_announcement(id) else []
        if not found:
            raise NotFound(id)
        return found[0]

    def newest(self) -> Iterator[Announcement]:
        """All on record, newest first."""
        ids = self.ids()
        for start in range(0, len(ids), AT_ONCE):
            yield from self.several(ids[start : start + AT_ONCE])

    def ids(self, count: int = 0) -> list[str]:
        """The newest ids on record: this many, or all."""
        return [text(id) for id in self._redis.zrevrange(self._keys.announcements, 0, count - 1)]

    def several(self, ids: Sequence[str], now_ms: int | None = None) -> list[Announcement]:
        """The existing ones among `ids`, in order. One round trip, and one more if rows wait for a time."""
        pipe = self._redis.pipeline(transaction=False)
        for id in ids:
            pipe.hgetall(self._keys.lane(id))
        if now_ms is None:
            pipe.time()
        answers = pipe.execute()
        now_ms = time_ms(answers.pop()) if now_ms is None else now_ms
        found = {id: fields for id, fields in zip(ids, answers, strict=True) if _is_there(fields)}
        due = self._first_due([id for id, fields in found.items() if _waits(fields)])
        above = self._store.settings.approval_above
        return [
            announcement_of_fields(id, fields, now_ms, above, first_due_ms=due.get(id)) for id, fields in found.items()
        ]

    def _first_due(self, ids: Sequence[str]) -> dict[str, int]:
        """When the first of the rows that wait for a time is due, ms."""
        pipe = self._redis.pipeline(transaction=False)
        for id in ids:
            pipe.zrange(self._keys.due_rows(id), 0, 0, withscores=True)
        found = zip(ids, pipe.execute() if ids else (), strict=True)
        return {id: round(first[0][1]) for id, first in found if first}

    def _fields(self, id: str) -> dict[bytes, bytes]:
        return cast(dict[bytes, bytes], self._redis.hgetall(self._keys.lane(id)))

    def rows(self, id: str, first: int = 0) -> Iterator[RowRecord]:
        """All rows, from number `first` on, in the order of their file. Read in portions, while it may be running.

        Raises NotFound, and NotAllowed for a draft, whose rows have no results.
        """
        announcement = self.get(id)
        # Before the first row is read: a response that has begun cannot turn into an error.
        _refuse_draft(announcement, "read the results of")
        numbers = range(first, announcement.total)
        portions = (numbers[start : start + PORTION] for start in range(0, len(numbers), PORTION))
        return chain.from_iterable(self._rows(id, portion) for portion in portions)

    def record(self, id: str) -> Record | None:
        """One row by its notification's id, without its message; None if there is none."""
        fields = self._fields(announcement_of(id))
        if not fields or fields.get(b"state") == b"loading":
            return None
        of = announcement_of_fields(announcement_of(id), fields, now_ms=0)
        number = row_number(id)
        if number >= of.total:
            return None
        [found] = self._rows(of.id, range(number, number + 1))
        return found.record(of)

    def _rows(self, id: str, numbers: Sequence[int]) -> Iterator[RowRecord]:
        pipe = self._redis.pipeline(transaction=False)
        # In this order: a row that is released in between is then told as waiting, and never as released and unread.
        pipe.hmget(self._keys.rows(id), [field for number in numbers for field in (number, f"{number}+")])
        pipe.hmget(self._keys.lane(id), "next", "rest", "started_at")
        pipe.exists(self._keys.rows(id))
        found, (next_number, rest, started_ms), exists = pipe.execute()
        if not exists:
            raise NotFound(id)
        for number, row, progress in zip(numbers, found[::2], found[1::2], strict=True):
            reading = Reading()
            read = reading.part("row", partial(_row, row), None) or self._unreadable_row(id, number)
            if progress:
                stands = reading.progress(progress, 0)
            else:
                stands = reading.part("state", partial(_unwritten, number, next_number, rest, started_ms), _LOST)
            yield RowRecord(id, number, read, reading.told(stands), reading.damage)

    def _unreadable_row(self, id: str, number: int) -> Row:
        """With as many values as there are columns, so that a table keeps its shape."""
        return Row(number + 1, NOBODY, (None,) * len(self.get(id).spec.columns))

    def some_rows(self, id: str, numbers: Sequence[int]) -> list[RowRecord]:
        """These rows, in one round trip. Raises NotFound for an unknown row."""
        return list(self._rows(id, numbers)) if numbers else []

    def numbers_in(self, id: str, state: State, count: int = PORTION) -> list[str]:
        """Ids of failed or unknown rows, oldest first."""
        return [text(found) for found in self._redis.zrange(self._keys.row_index(id, state), 0, count - 1)]

    # -- steering

    def pause(self, id: str, by: str) -> AnnouncementState:
        """Raises NotFound, NotAllowed; so do `resume` and `cancel`."""
        return self._steer(id, "pause", by)

    def resume(self, id: str, by: str) -> AnnouncementState:
        """It goes on with all its rows, also those behind its first ones, and counts failures anew."""
        return self._steer(id, "resume", by)

    def cancel(self, id: str, by: str) -> AnnouncementState:
        """No call starts after this, except for rows that were tried before and return meanwhile."""
        return self._steer(id, "cancel", by)

    def retry(self, id: str, by: str, states: Sequence[State] = (State.FAILED,)) -> int:
        """Queues rows in one of `states` again. Returns their number. Raises NotFound, NotAllowed."""
        announcement = self.get(id)
        _refuse_draft(announcement, "retry")
        if announcement.state is AnnouncementState.CANCELLED:
            raise NotAllowed(id, "retry", announcement.state)
        count = sum(self._act_on_all(id, state, "retry", (by, str(state))) for state in states)
        record_action(self._store, by, f"retry {' '.join(states)}", id)
        return count

    def resolve(self, id: str, by: str, outcome: str) -> int:
        """Settles all unknown rows as `delivered`, `failed`, or to `resend`. Returns their number.

        Raises NotFound, and NotAllowed for a resend in a cancelled announcement.
        """
        announcement = self.get(id)
        _refuse_draft(announcement, "resolve")
        if outcome == Resolution.RESEND and announcement.state is AnnouncementState.CANCELLED:
            raise NotAllowed(id, Resolution.RESEND, announcement.state)
        count = self._act_on_all(id, State.UNKNOWN, "resolve", (self._store.results_for_ms, by, outcome))
        record_action(self._store, by, f"resolve as {outcome}", id)
        return count

    def _act_on_all(self, id: str, state: State, verb: str, arguments: tuple[Any, ...]) -> int:
        desk, acted = self.get(id).spec.desk, 0
        while ids := self.numbers_in(id, state):
            answers = self._store.durably(verb, desk, *arguments, *ids)
            done = sum(answers[::2])
            acted += done
            if not done:  # somebody else took them meanwhile
                break
        return acted

    def _steer(self, id: str, verb: str, by: str) -> AnnouncementState:
        desk = self.get(id).spec.desk
        left = 1
        while left:
            done, state, left = self._store.durably("steer", desk, id, verb, by, PORTION)
            if done == -1:
                raise NotFound(id)
            if not done:
                raise NotAllowed(id, verb, text(state))
        record_action(self._store, by, verb, id)
        return AnnouncementState(text(state))


def _is_there(fields: Mapping[bytes, bytes]) -> bool:
    """Accepted, or a draft."""
    return bool(fields) and (fields.get(b"state") != b"loading" or b"draft" in fields)


def _waits(fields: Mapping[bytes, bytes]) -> bool:
    """Whether rows wait for a time."""
    return any(fields.get(state.encode(), b"0") != b"0" for state in (State.DEFERRED, State.SCHEDULED))


def _refuse_draft(announcement: Announcement, verb: str) -> None:
    if announcement.state in DRAFTED:
        raise NotAllowed(announcement.id, verb, announcement.state)


_LOST = Progress(State.UNKNOWN, 0)


def _row(kept: bytes | None) -> Row:
    return Row.of_json(kept or b"")


def _unwritten(number: int, next_number: bytes, rest: bytes, started_ms: bytes) -> Progress:
    """The progress of a row before its first claim."""
    return Progress(State.QUEUED if number < int(next_number) else State(text(rest)), int(started_ms))
