"""Readings of the ledger: each is one MULTI, so that all that it says was true at the same moment.

Only what never changes is read before: the desk of a notification or an announcement.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from redis.client import Pipeline

from ledger.connection import text
from ledger.damage import UNREADABLE
from ledger.ids import announcement_of, is_row
from ledger.inspection.notification_reading import INDEXES, NotificationRead
from ledger.inspection.standing import (
    AnnouncementStanding,
    CallbackStanding,
    DeskStanding,
    DraftStanding,
    KeyStanding,
    QuartersStanding,
    QueueStanding,
    Standing,
)
from ledger.phrases import Phrase
from ledger.redis_keys import RedisKeys
from ledger.states import AnnouncementState, State
from ledger.store import Store

__all__ = ["Standings", "record_key"]

#: The fields of an announcement that say where its rows are.
_FIELDS = ("state", "next", "total", "rest", "opens_at", "cancelled_ahead", "first")
#: What waits at a desk, in the order in which it is asked for.
_WAITING = (
    Phrase("waiting events"),
    Phrase("announcements in turn"),
    Phrase("open leases"),
    Phrase("settlements to come"),
    Phrase("due lanes"),
)


class Standings:
    """Reads them, some at once. Each batch stops the server for about a millisecond."""

    def __init__(self, store: Store) -> None:
        self._redis, self._keys = store.redis, store.keys

    def desks_of(self, ids: Sequence[str]) -> dict[str, str]:
        """The desks of those notifications, or announcements, that exist."""
        pipe = self._redis.pipeline(transaction=False)
        for id in ids:
            pipe.hget(record_key(self._keys, id), "desk")
        return {id: text(desk) for id, desk in zip(ids, pipe.execute(), strict=True) if desk is not None}

    def notifications(self, desks: Mapping[str, str], *, in_lanes: bool = False) -> list[Standing]:
        """Those of `desks`, by id. `in_lanes` looks for them in the lists, which takes as long as these are."""
        pipe = self._redis.pipeline()
        asked = [NotificationRead(id, desk, self._keys) for id, desk in desks.items()]
        for each in asked:
            each.ask(pipe, in_lanes=in_lanes)
        answers = iter(pipe.execute())
        return [each.standing(answers, in_lanes=in_lanes) for each in asked]

    def announcement(self, id: str, desk: str | None) -> AnnouncementStanding | None:
        """None for one that is not accepted yet, such as a draft."""
        keys, pipe = self._keys, self._redis.pipeline()
        pipe.hmget(keys.lane(id), *_FIELDS, *State)
        pipe.pttl(keys.lane(id))
        pipe.pttl(keys.rows(id))
        pipe.zscore(keys.announcements, id)
        pipe.llen(keys.waiting(id))
        pipe.zscore(keys.turns(desk or ""), id)
        _ask_due(pipe, keys, id, desk or "")
        for index in INDEXES:
            pipe.zcard(keys.row_index(id, index))
        fields, *answers = pipe.execute()
        if answers[0] == -2:  # the key is not there
            return AnnouncementStanding(id, is_absent=True, rows_expire=answers[1] != -1)
        if fields[0] == b"loading":
            return None
        try:
            return _accepted(id, fields, *answers)
        except UNREADABLE:
            return AnnouncementStanding(id, is_damaged=True)

    def draft(self, id: str, desk: str | None) -> DraftStanding | None:
        """None unless it is a draft."""
        keys, lane = self._keys, self._keys.lane(id)
        draft, author = self._redis.hmget(lane, "draft", "author")
        if draft is None:
            return None
        pipe = self._redis.pipeline()
        pipe.hmget(lane, "state", "draft", "rows", "approver", *State)
        pipe.hlen(keys.rows(id))
        pipe.pttl(lane)
        pipe.pttl(keys.rows(id))
        for listing in (keys.drafts, keys.drafts_of(text(author or b""))):
            pipe.zscore(listing, id)
        for of_accepted in (keys.announcements, keys.turns(desk or ""), keys.due(desk or "")):
            pipe.zscore(of_accepted, id)
        return _drafted(id, *pipe.execute())

    def desk(self, name: str) -> DeskStanding:
        keys, pipe = self._keys, self._redis.pipeline()
        lane = f"e_{name}"
        pipe.llen(keys.waiting(lane))
        pipe.zcard(keys.turns(name))
        pipe.zcard(keys.leases(name))
        pipe.hexists(keys.desk(name), "settling")
        pipe.zrange(keys.due(name), 0, 0, withscores=True)
        pipe.zscore(keys.desks, name)
        pipe.lrange(keys.slots(name), 0, -1)
        pipe.hmget(keys.lane(lane), *State)
        _ask_due(pipe, keys, lane, name)
        pipe.zcard(keys.unresolved(name))
        pipe.zscore(keys.unresolved_desks, name)
        answers = pipe.execute()
        first_look, look, slots, counts, in_due, first_due, event_look, *unresolved = answers[4:]
        named = zip(_WAITING, answers, strict=False)
        return DeskStanding(
            name=name,
            waiting=tuple(what for what, there in named if there),
            look_ms=look,
            first_look_ms=_first(first_look),
            slots=tuple(map(float, slots)),
            counts=_counts(counts),
            events_due=in_due,
            first_event_due_ms=_first(first_due),
            event_look_ms=event_look,
            unresolved=unresolved[0],
            unresolved_look_ms=unresolved[1],
        )

    def quarters(self, desk: str) -> QuartersStanding:
        pipe = self._redis.pipeline()
        pipe.hgetall(self._keys.quarters(desk))
        pipe.ttl(self._keys.quarters(desk))
        found, ttl = pipe.execute()
        return QuartersStanding(desk, {text(number): value for number, value in found.items()}, ttl != -1)

    def queue(self, owner: str) -> QueueStanding:
        pipe = self._redis.pipeline()
        pipe.zrange(self._keys.callbacks_of(owner), 0, 0, withscores=True)
        pipe.zscore(self._keys.callback_owners, owner)
        first, look = pipe.execute()
        return QueueStanding(owner, _first(first), look)

    def callbacks(self, names: Sequence[str], owners: Iterable[str]) -> list[CallbackStanding]:
        """`owners`: whose queues are looked at."""
        queues = [self._keys.callbacks, *map(self._keys.callbacks_of, owners)]
        pipe = self._redis.pipeline()
        for name in names:
            pipe.exists(self._keys.callback(name))
        for queue in queues:
            pipe.execute_command("ZMSCORE", queue, *names)  # type: ignore[no-untyped-call]
        answers = pipe.execute()
        scores = zip(*answers[len(names) :], strict=True)
        return [
            CallbackStanding(name, _time_of(name), bool(exists), any(score is not None for score in of_name))
            for name, exists, of_name in zip(names, answers, scores, strict=False)
        ]

    def keys(self, names: Sequence[str]) -> list[KeyStanding]:
        """`names` are DESK:HASH. Those that expired meanwhile are left out."""
        pipe = self._redis.pipeline()
        for name in names:
            pipe.get(self._keys("key", name))
            pipe.pttl(self._keys("key", name))
        answers = pipe.execute()
        kept = {
            name: (value, ttl) for name, value, ttl in zip(names, answers[::2], answers[1::2], strict=True) if value
        }
        ids = {name: _id_of(value) for name, (value, _) in kept.items()}
        desks = self.desks_of([id for id in ids.values() if id])
        return [
            KeyStanding(name, name.partition(":")[0], ids[name], ttl != -1, desks.get(ids[name] or ""))
            for name, (_, ttl) in kept.items()
        ]


def record_key(keys: RedisKeys, id: str) -> str:
    """The hash with the desk of a notification or an announcement."""
    if id.startswith("a_"):
        return keys.lane(id)
    return keys.lane(announcement_of(id)) if is_row(id) else keys.notification(id)


def _accepted(id: str, fields: Sequence[bytes | None], *answers: Any) -> AnnouncementStanding:
    """The answers in the order in which they were asked for."""
    ttl, rows_ttl, listed, in_lane, turn, in_due, first_due, look_ms, *in_indexes = answers
    state, next_row, total, rest, opens, cancelled, first = (text(value or b"0") for value in fields[: len(_FIELDS)])
    return AnnouncementStanding(
        id=id,
        state=AnnouncementState(state),
        total=int(total),
        next_row=int(next_row),
        resting=int(total) - int(next_row) - int(cancelled),
        rest=State(rest),
        opens_ms=float(opens),
        first=int(first) or None,
        counts=_counts(fields[len(_FIELDS) :]),
        expires=ttl != -1,
        rows_expire=rows_ttl != -1,
        is_listed=listed is not None,
        in_lane=in_lane,
        in_due=in_due,
        in_indexes=dict(zip(INDEXES, in_indexes, strict=True)),
        has_turn=turn is not None,
        first_due_ms=_first(first_due),
        look_ms=look_ms,
    )


def _drafted(id: str, fields: Sequence[bytes | None], *answers: Any) -> DraftStanding | None:
    """The answers in the order in which they were asked for."""
    there, ttl, rows_ttl, listed, of_author, *accepted = answers
    state, draft, rows, approver, *counts = fields
    if draft is None:  # started or discarded meanwhile
        return None
    return DraftStanding(
        id=id,
        state=text(draft),
        rows=int(rows or 0),
        rows_there=there,
        is_approved=approver is not None,
        expires=ttl != -1,
        rows_expire=rows_ttl != -1,
        is_listed=listed is not None,
        is_listed_of_author=of_author is not None,
        is_accepted=state != b"loading" or any(counts) or any(each is not None for each in accepted),
    )


def _ask_due(pipe: Pipeline, keys: RedisKeys, lane: str, desk: str) -> None:
    pipe.zcard(keys("lane", lane, "due"))
    pipe.zrange(keys("lane", lane, "due"), 0, 0, withscores=True)
    pipe.zscore(keys.due(desk), lane)


def _first(found: Sequence[tuple[bytes, float]]) -> float | None:
    return found[0][1] if found else None


def _counts(values: Sequence[bytes | None]) -> dict[State, int]:
    return {state: int(value or 0) for state, value in zip(State, values, strict=True)}


def _id_of(value: bytes) -> str | None:
    parts = value.decode(errors="replace").split(" ")
    return parts[0] if len(parts) == 2 and all(parts) else None


def _time_of(name: str) -> int:
    """Its last part; 0, which is long ago, if it is something else."""
    last = name.rpartition("_")[2]
    return int(last) if last.isdecimal() else 0
