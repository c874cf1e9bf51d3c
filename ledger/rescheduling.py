"""Another time for what has not begun: a scheduled notification, or an announcement before its first row."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson

from ledger.announcement import Spec
from ledger.audit_log import record_action
from ledger.draft import fingerprint_of
from ledger.errors import BadInput, NotAllowed, NotFound
from ledger.ids import announcement_of, is_announcement, is_row, row_number
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.progress import Act
from ledger.record import Record
from ledger.redis_keys import key_digest
from ledger.sending_hours import SendingHours
from ledger.states import State
from ledger.times import unix_ms

__all__ = ["can_reschedule", "reschedule"]

#: The verb, in errors and on record.
_VERB = "reschedule"
#: Answers of the Lua verb.
_DONE, _REFUSED, _ABSENT, _CHANGED = 1, 0, -1, -2


def reschedule(ledger: Ledger, id: str, at: datetime, by: str) -> None:
    """Has it begin at `at` instead, durably. A repeat changes nothing, also when it has begun meanwhile.

    Raises:
        NotFound: there is none.
        NotAllowed: it has begun, is not scheduled, or is a row that waits for its announcement.
        BadInput: it would expire first.
        NotDurable: the fsync was not confirmed in time.
    """
    ledger, done = ledger.with_record(id), _CHANGED
    while done == _CHANGED:  # by somebody else, between the reading and the verb
        kept = _announcement(ledger, id) if is_announcement(id) else _notification(ledger, id)
        if not kept.may:
            if kept.has_been_given(at):
                return
            raise NotAllowed(id, _VERB, kept.state)
        _check_expiry(kept.expires_at, at)
        done, state = ledger.durably(_VERB, kept.desk, id, unix_ms(at), by, *kept.arguments(ledger, at))
    if done == _ABSENT:
        raise NotFound(id)
    if done == _REFUSED:
        raise NotAllowed(id, _VERB, state.decode())
    if done == _DONE:  # and not before
        record_action(ledger, by, _VERB, id)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is written of it, and what depends on its time."""

    desk: str
    state: str
    may: bool  #: its state allows it
    written: bytes = field(repr=False)
    rewritten: Callable[[datetime], bytes] = field(repr=False)  #: the same with another time
    at: datetime | None
    expires_at: datetime | None
    acts: tuple[Act, ...]
    key: str | None = None
    image: str | None = None
    hours: SendingHours | None = None
    rows_sha256: str = ""  #: of a draft

    def has_been_given(self, at: datetime) -> bool:
        """Whether somebody has given it just that time."""
        return unix_ms(self.at) == unix_ms(at) and any(did == _VERB for _, _, did in self.acts)

    def arguments(self, ledger: Ledger, at: datetime) -> list[str | bytes | int]:
        """Those of the Lua verb, after `by`."""
        windows = self.hours.windows(max(at, datetime.now(UTC))) if self.hours else ()
        return [
            self.written,
            self.rewritten(at),
            ledger.key_ttl_ms(at, self.expires_at),
            key_digest(self.key) if self.key else "",
            self.image or "",
            fingerprint_of(orjson.loads(self.rewritten(at)), self.rows_sha256) if self.rows_sha256 else "",
            *(ms for window in windows for ms in window),
        ]


def _announcement(ledger: Ledger, id: str) -> _Kept:
    found = ledger.announcements.get(id)
    spec, written = found.spec, _written(ledger, id, ledger.keys.lane(id), "spec")
    return _Kept(
        spec.desk,
        found.state,
        found.can_reschedule,
        written,
        partial(_with_at, written),
        spec.at,
        spec.expires_at,
        found.acts,
        image=_image_of(spec),
        hours=spec.hours,
        rows_sha256=found.draft.rows_sha256 if found.draft else "",
    )


def _notification(ledger: Ledger, id: str) -> _Kept:
    record = ledger.get(id)
    note, state = record.notification, record.progress.state
    may = can_reschedule(ledger, record)
    written, rewritten = (_row if is_row(id) else _event)(ledger, id)
    if not may and state is State.SCHEDULED and is_row(id):
        its = Phrase("scheduled with its announcement: reschedule {id}", id=announcement_of(id))
        raise NotAllowed(id, _VERB, its)
    acts, image = record.progress.acts, note.message.image_sha256
    kept = (note.desk, state, may, written, rewritten, note.at, note.expires_at, acts)
    return _Kept(*kept, key=note.key, image=None if is_row(id) else image)


def can_reschedule(ledger: Ledger, record: Record) -> bool:
    """A row that waits for its announcement has no time of its own."""
    if record.progress.state is not State.SCHEDULED or record.damage:
        return False
    ledger = ledger.at(record.notification.desk)
    due = ledger.keys("lane", announcement_of(record.id), "due") if is_row(record.id) else None
    return due is None or ledger.redis.zscore(due, record.id) is not None


def _event(ledger: Ledger, id: str) -> tuple[bytes, Callable[[datetime], bytes]]:
    written = _written(ledger, id, ledger.keys.notification(id), "input")
    return written, partial(_with_at, written)


def _row(ledger: Ledger, id: str) -> tuple[bytes, Callable[[datetime], bytes]]:
    written = _written(ledger, id, ledger.keys.rows(announcement_of(id)), str(row_number(id)))
    return written, partial(_with_send_at, written)


def _written(ledger: Ledger, id: str, key: str, name: str) -> bytes:
    """Raises NotFound for what has gone meanwhile."""
    found: Any = ledger.redis.hget(key, name)
    if found is None:
        raise NotFound(id)
    return bytes(found)


def _with_at(written: bytes, at: datetime) -> bytes:
    """What is written, with another time. Whatever a newer version has written beside it stays."""
    return orjson.dumps({**orjson.loads(written), "at": at.astimezone(UTC).isoformat()})


def _with_send_at(written: bytes, at: datetime) -> bytes:
    line, receiver_id, values, overrides = orjson.loads(written)
    return orjson.dumps([line, receiver_id, values, {**overrides, "send_at_ms": unix_ms(at)}])


def _image_of(spec: Spec) -> str | None:
    match spec.message:
        case {"msg_type": "image", "content": {"image_sha256": str(sha256)}}:
            return sha256
    return None


def _check_expiry(expires_at: datetime | None, at: datetime) -> None:
    if expires_at and expires_at <= at:
        problem = Phrase(
            "{time} is not before {expires}, when it expires: give an earlier time",
            time=_shown(at),
            expires=_shown(expires_at.astimezone(at.tzinfo)),
        )
        raise BadInput("at", problem)


def _shown(time: datetime) -> str:
    return time.isoformat(timespec="minutes")
