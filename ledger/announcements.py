"""The announcements of the ledger: opening, loading, starting, steering, reading rows."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from itertools import count, islice
from typing import Any, NamedTuple, cast

from redis.client import Pipeline
from redis.exceptions import OutOfMemoryError, WatchError

from ledger.announcement import Announcement, Row, RowRecord, Spec
from ledger.announcement_reading import announcement_of_fields
from ledger.audit_log import record_action
from ledger.connection import text
from ledger.damage import NOBODY, Reading
from ledger.errors import DeskbellError, KeyReused, NotAllowed, NotFound
from ledger.ids import announcement_of, is_announcement, new_announcement_id, row_number
from ledger.progress import Progress
from ledger.record import Record
from ledger.redis_clock import time_ms
from ledger.redis_keys import key_digest
from ledger.states import AnnouncementState, Resolution, State
from ledger.stops import hundredths_of_percent
from ledger.store import Store
from ledger.times import unix_ms

__all__ = ["Announcements", "Opened", "RowsMissing"]

#: What is loaded and never started is forgotten after this, ms.
LOADING_MS = 86_400_000
#: Rows to one HSET, and such commands to one round trip.
ROWS, COMMANDS = 500, 10
#: Rows that one call of a verb writes.
PORTION = 500
#: Announcements that are read in one round trip.
AT_ONCE = 50


class RowsMissing(DeskbellError):
    """Not all rows are in the ledger: load them again; nothing is doubled.

    For example if two calls load the same rows, and one starts again while the other finishes.
    """

    http_status = HTTPStatus.SERVICE_UNAVAILABLE
    type = "rows-missing"
    title = "The same announcement is being submitted twice"


class Opened(NamedTuple):
    """The announcement of a key. `started`: it was accepted before, and must not be loaded again."""

    id: str
    started: bool


class Announcements:
    """Announcements, for producers and operators."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._redis = store.redis
        self._keys = store.keys

    # -- accepting

    def open(self, spec: Spec, *, key: str, digest: str, timed: bool = False) -> Opened:
        """Opens an announcement, or finds the one that `key` stands for.

        `digest` is a hash of everything that makes it this announcement; `timed` says that rows have a `send_at`.
        Raises KeyReused when the key stands for another content, and BadInput for a desk that is not configured.
        """
        self._store.settings.desk(spec.desk)
        status, id = self._store.verbs.call(
            "announce",
            spec.desk,
            new_announcement_id(),
            key_digest(key_of_announcement(key)),
            digest,
            self._store.key_ttl_ms(spec.at, spec.expires_at),
            LOADING_MS,
            spec.to_json(),
            unix_ms(spec.expires_at),
            spec.on_unknown,
            spec.weight,
            self._store.results_for_ms,
            int(timed),
            spec.callback_url or "",
            spec.caller or "",
            spec.first or "",
            hundredths_of_percent(spec.stop_at) if spec.stop_at else "",
        )
        if status == b"reused":
            raise KeyReused(key, text(id))
        return Opened(text(id), started=status == b"started")

    def load(self, id: str, rows: Iterable[bytes]) -> int:
        """Writes rows, numbered from 0 in their order; what was loaded before is replaced. Returns how many.

        Stops when the announcement was started meanwhile, by another who loads the same: then all its rows are there.
        """
        loaded = 0
        chunks = iter(batched_rows(rows, ROWS))
        while commands := list(islice(chunks, COMMANDS)):
            if not self._write(id, loaded, commands):
                break
            loaded += sum(map(len, commands))
        return loaded

    def _write(self, id: str, first: int, chunks: Sequence[Sequence[bytes]]) -> bool:
        """Writes rows from number `first` on, as long as it is loading. Returns whether it was.

        Watched, because these rows get an expiry: it would end the announcement if it came after the start.
        """
        rows_key, lane_key, numbers = self._keys.rows(id), self._keys.lane(id), count(first)
        with self._redis.pipeline() as pipe:
            pipe.watch(lane_key)  # type: ignore[no-untyped-call]
            if pipe.hget(lane_key, "state") != b"loading":
                return False
            pipe.multi()
            if first == 0:
                pipe.delete(rows_key)  # whoever loaded before may have had more rows
            for chunk in chunks:
                pipe.hset(rows_key, items=[part for row in chunk for part in (next(numbers), row)])
            pipe.pexpire(rows_key, LOADING_MS)
            try:
                pipe.execute()
            except WatchError:
                return False
            except OutOfMemoryError:
                self._unload(id)
                raise
        return True

    def _unload(self, id: str) -> None:
        """Frees the memory of rows that were not accepted, before they expire."""
        lane_key = self._keys.lane(id)

        def drop(pipe: Pipeline) -> None:
            loading = pipe.hget(lane_key, "state") == b"loading"
            pipe.multi()
            if loading:
                pipe.delete(self._keys.rows(id))

        self._redis.transaction(drop, lane_key)

    def start(self, id: str, spec: Spec, total: int, by: str = "") -> bool:
        """Accepts it, durably: from here on all its rows count. False when it was started before.

        `by` goes on record as who announced it.

        Raises RowsMissing, NotDurable.
        """
        begins = max(spec.at or datetime.now(UTC), datetime.now(UTC))
        hours = [ms for window in (spec.hours.windows(begins) if spec.hours else ()) for ms in window]
        answer = self._store.durably("start", spec.desk, id, total, unix_ms(spec.at), by, *hours)
        if answer == -1:
            raise RowsMissing(f"{id}: not all of its {total} rows are in the ledger; announce it again")
        if answer:
            record_action(self._store, by, "announce", id)
        return bool(answer)

    # -- asking

    def get(self, id: str) -> Announcement:
        """Raises NotFound, also for an id of anything else."""
        fields = self._fields(id) if is_announcement(id) else {}
        if not fields or fields.get(b"state") == b"loading":
            raise NotFound(id)
        return announcement_of_fields(id, fields, time_ms(self._redis.time()))

    def newest(self) -> Iterator[Announcement]:
        """All on record, newest first."""
        ids = self.ids()
        for start in range(0, len(ids), AT_ONCE):
            yield from self.several(ids[start : start + AT_ONCE])

    def ids(self, count: int = 0) -> list[str]:
        """The newest ids on record: this many, or all."""
        return [text(id) for id in self._redis.zrevrange(self._keys.announcements, 0, count - 1)]

    def several(self, ids: Sequence[str], now_ms: int | None = None) -> list[Announcement]:
        """The existing ones among `ids`, in order. One round trip, and one more for the time if not given."""
        now_ms = now_ms or time_ms(self._redis.time())
        pipe = self._redis.pipeline(transaction=False)
        for id in ids:
            pipe.hgetall(self._keys.lane(id))
        found = pipe.execute()
        return [
            announcement_of_fields(id, fields, now_ms)
            for id, fields in zip(ids, found, strict=True)
            if fields and fields.get(b"state") != b"loading"
        ]

    def _fields(self, id: str) -> dict[bytes, bytes]:
        return cast(dict[bytes, bytes], self._redis.hgetall(self._keys.lane(id)))

    def rows(self, id: str, first: int = 0) -> Iterator[RowRecord]:
        """All rows, from number `first` on, in the order of their file. Read in portions, while it may be running.

        Raises NotFound.
        """
        total = self.get(id).total
        for start in range(first, total, PORTION):
            yield from self._rows(id, range(start, min(start + PORTION, total)))

    def record(self, id: str) -> Record | None:
        """One row by its notification's id, without its message; None if there is none."""
        fields = self._fields(announcement_of(id))
        if not fields:
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


_LOST = Progress(State.UNKNOWN, 0)


def _row(kept: bytes | None) -> Row:
    return Row.of_json(kept or b"")


def _unwritten(number: int, next_number: bytes, rest: bytes, started_ms: bytes) -> Progress:
    """The progress of a row before its first claim."""
    return Progress(State.QUEUED if number < int(next_number) else State(text(rest)), int(started_ms))


def batched_rows(rows: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, size)):
        yield chunk


def key_of_announcement(key: str) -> str:
    """As it stands among the keys of a desk, where those of events are, too."""
    return f"announcement\0{key}"
