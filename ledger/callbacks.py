"""Pending callbacks: results of notifications and announcements, for callers that asked for them.

Verbs record them in the same step as the final state: `owe_callback` in `ledger/lua/shared/callbacks.lua`.
"""

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import orjson

from ledger.announcement import Announcement
from ledger.connection import text
from ledger.damage import UNREADABLE
from ledger.errors import NotFound
from ledger.ids import is_announcement
from ledger.ledger import Ledger
from ledger.progress import Progress
from ledger.record import Record
from ledger.redis_clock import time_ms
from ledger.states import OF_ROWS, AnnouncementState
from ledger.times import iso

log = logging.getLogger(__name__)

__all__ = ["KEPT_MS", "Callbacks", "Delay", "Owed"]

#: Put off the score of what was never posted, ms; as NEVER_POSTED in `ledger/lua/shared/callbacks.lua`.
_NEVER_POSTED_MS = 10_000_000_000_000

#: How long a pending callback is kept, ms; as CALLBACKS_FOR in `ledger/lua/shared/callbacks.lua`.
KEPT_MS = 90_000_000


@dataclass(frozen=True, slots=True)
class Owed:
    """One callback. Its name stays the same however often it is posted."""

    name: str
    id: str  #: of the notification or announcement
    state: str
    at_ms: int  #: when it reached that state
    age_ms: int  #: since then
    url: str = field(repr=False)
    snapshot: bytes = field(repr=False)  #: the record at that time: a progress, or the counts of an announcement
    owner: str = "@"  #: whose share of the posts it takes: the id of an API key or nothing, an @, and the desk
    is_new: bool = False  #: never posted yet

    @property
    def host(self) -> str:
        """The URL's host, with its port."""
        return self.url.split("/", 3)[2].partition("?")[0]

    @property
    def key(self) -> str:
        """The id of the API key that asked for it, or empty."""
        return self.owner.partition("@")[0]


class Delay(NamedTuple):
    """A later time for a callback. Without a time it is given back unchanged."""

    owed: Owed
    wait_ms: int | None


class Callbacks:
    """Pending callbacks. Each is taken under a lease, and posted at least once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def counts(self) -> tuple[int, int]:
        """The numbers of pending callbacks, and of those ever dropped because one key and desk had too many."""
        pipe = self._ledger.redis.pipeline(transaction=False)
        pipe.get(self._ledger.keys.callbacks_dropped)
        for queue in [self._ledger.keys.callbacks, *self._queues()]:
            pipe.zcard(queue)
        dropped, *owed = pipe.execute()
        return sum(owed), int(dropped or 0)

    def forget(self) -> None:
        """Drops callbacks that have waited longer than anything else of them is kept."""
        oldest_ms = self._now_ms() - KEPT_MS
        pipe = self._ledger.redis.pipeline(transaction=False)
        for queue in [self._ledger.keys.callbacks, *self._queues()]:
            pipe.zremrangebyscore(queue, "-inf", oldest_ms - _NEVER_POSTED_MS)
            pipe.zremrangebyscore(queue, 0, oldest_ms)
        pipe.execute()

    def due(self, most: int, lease_ms: int, full: Collection[str] = ()) -> list[Owed]:
        """Takes due callbacks, of owners in turn, except `full` ones. No other worker takes them for `lease_ms`."""
        now_ms, *found = self._ledger.verbs.call("callbacks", "", most, lease_ms, *full)
        values = iter(found)
        taken = [_owed(now_ms, *each) for each in zip(*[values] * 8, strict=True)]
        return [owed for owed in taken if owed]

    def strike_off(self, owed: Owed) -> None:
        """Removes a callback that was received, or never will be."""
        pipe = self._ledger.redis.pipeline()
        pipe.zrem(self._ledger.keys.callbacks_of(owed.owner), owed.name)
        pipe.delete(self._ledger.keys.callback(owed.name))
        pipe.execute()

    def put_off(self, delays: Iterable[Delay]) -> None:
        """Delays callbacks. Ones removed meanwhile stay removed."""
        waits = list(delays)
        if not waits:
            return
        now_ms = self._now_ms()
        pipe = self._ledger.redis.pipeline()
        for owed, wait_ms in waits:
            back_ms = owed.at_ms - _NEVER_POSTED_MS if owed.is_new else now_ms
            score = back_ms if wait_ms is None else now_ms + wait_ms
            pipe.zadd(self._ledger.keys.callbacks_of(owed.owner), {owed.name: score}, xx=True)
            pipe.zadd(self._ledger.keys.callback_owners, {owed.owner: max(score, now_ms)}, lt=True)
        pipe.execute()

    def _queues(self) -> list[str]:
        owners = self._ledger.redis.zrange(self._ledger.keys.callback_owners, 0, -1)
        return [self._ledger.keys.callbacks_of(text(owner)) for owner in owners]

    def _now_ms(self) -> int:
        return time_ms(self._ledger.redis.time())

    def document(self, owed: Owed) -> dict[str, Any] | None:
        """The body: type, time, and the snapshot in the form of `show --json`. None if the record is gone."""
        is_of_announcement = is_announcement(owed.id)
        record: Announcement | Record
        try:
            record = self._ledger.announcements.get(owed.id) if is_of_announcement else self._ledger.get(owed.id)
        except NotFound:
            return None
        try:
            record = _as_it_stood(record, owed)
        except UNREADABLE:  # as it stands now is better than nothing
            log.error(
                "the recorded result is damaged, so the callback reports the current state", extra={"id": owed.id}
            )
        kind = "announcement" if is_of_announcement else "notification"
        return {"type": f"{kind}.{owed.state}", "timestamp": iso(owed.at_ms), "data": record.as_json()}


def _as_it_stood(record: Announcement | Record, owed: Owed) -> Announcement | Record:
    if isinstance(record, Record):
        return replace(record, progress=Progress.of_json(owed.snapshot))
    counts = orjson.loads(owed.snapshot)
    return replace(
        record,
        state=AnnouncementState(owed.state),
        counts={state: counts[state] for state in OF_ROWS},
        rerouted=counts["rerouted"],
        finished_ms=owed.at_ms,
        rate_per_second=0.0,
        eta_seconds=None,
    )


def _owed(
    now_ms: int, name: bytes, id: bytes, state: bytes, at: bytes, url: bytes, snapshot: bytes, owner: bytes, new: int
) -> Owed | None:
    """None for a damaged one: it cannot be posted, and is dropped later."""
    try:
        at_ms, kept = int(at), snapshot or b""
        told = name.decode(), id.decode(), state.decode(), at_ms, now_ms - at_ms, url.decode()
        return Owed(*told, kept, text(owner), new == 1)
    except UNREADABLE:
        log.error("a callback that is owed is damaged: %s", name)
        return None
