"""The audit log: what people did, by whichever way. Notifications and announcements also keep their own acts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from heapq import merge
from itertools import islice
from typing import Annotated, Any

import orjson
from pydantic import Field, with_config
from typing_extensions import TypedDict

from ledger.damage import whole
from ledger.redis_clock import time_ms
from ledger.redis_when_full import RedisWhenFull
from ledger.store import Store
from ledger.times import IsoTime, iso

__all__ = ["AuditEntry", "AuditEntryJson", "actions_before", "all_actions", "recent_actions", "record_action"]

#: Entries that are read, or dropped for their age, in one round trip.
PORTION = 1000


@with_config(title="AuditEntry")
class AuditEntryJson(TypedDict):
    """What a person did."""

    at: Annotated[IsoTime | None, Field(description="When.")]
    by: Annotated[str, Field(description="The key, or the user of the machine.")]
    did: Annotated[str, Field(description="A word such as `pause`, or `resolve as delivered`.")]
    id: Annotated[
        str | None,
        Field(description="Of the announcement, notification, desk, key or template; null for signing in and out."),
    ]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act of a person."""

    at_ms: int
    by: str  #: the key, or the user of the machine
    did: str  #: a word such as `pause`, or `resolve as delivered`
    id: str  #: of the announcement, notification, desk or key; empty for signing in and out

    def as_json(self) -> AuditEntryJson:
        return {"at": iso(self.at_ms), "by": self.by, "did": self.did, "id": self.id or None}


def record_action(store: Store, by: str, did: str, *ids: str) -> None:
    """Adds an act, once for each id, and drops those older than DESKBELL_AUDIT_FOR. Raises redis-py's errors."""
    at_ms, oldest = _time_and_oldest(store)
    # The act is done, so it is recorded even if Redis is full; the entries are short.
    pipe = RedisWhenFull(connection_pool=store.redis.connection_pool).pipeline()
    for id in ids or ("",):
        pipe.lpush(store.keys.acts, orjson.dumps([at_ms, by, did, id]))
    pipe.execute()
    if oldest and oldest.at_ms < at_ms - store.settings.audit_for // timedelta(milliseconds=1):
        _drop_old(store, at_ms)


def _time_and_oldest(store: Store) -> tuple[int, AuditEntry | None]:
    pipe = store.redis.pipeline(transaction=False)
    pipe.time()
    pipe.lindex(store.keys.acts, -1)
    time, oldest = pipe.execute()
    return time_ms(time), whole("an act", _act, oldest) if oldest else None


def _drop_old(store: Store, now_ms: int) -> None:
    """A portion at a time: what is left goes with the next acts."""
    since_ms = now_ms - store.settings.audit_for // timedelta(milliseconds=1)
    last = [whole("an act", _act, kept) for kept in _read(store, -PORTION, -1)]
    old = sum(each is None or each.at_ms < since_ms for each in last)
    store.redis.ltrim(store.keys.acts, 0, -old - 1)


def recent_actions(store: Store, count: int) -> list[AuditEntry]:
    """Newest first."""
    found = [act for server in store.servers for act in map(_whole, _read(server, 0, count - 1)) if act]
    return found if len(store.servers) == 1 else sorted(found, key=lambda act: act.at_ms, reverse=True)[:count]


def actions_before(store: Store, cursor: int | None, count: int) -> tuple[list[AuditEntry], int | None]:
    """A page, newest first, and the cursor of the next one: None at the end.

    The cursor is the number of older acts, so an act that is recorded meanwhile moves no page.
    """
    known = sum(int(server.redis.llen(server.keys.acts)) for server in store.servers)
    left = known if cursor is None else min(cursor, known)
    older = max(left - count, 0)
    if len(store.servers) > 1:  # the older ones of each are counted together, so a page is found from the oldest on
        return list(islice(all_actions(store), older, left))[::-1], older or None
    page = _read(store, -left, -older - 1) if left else []
    return [act for act in map(_whole, page) if act], older or None


def all_actions(store: Store) -> Iterator[AuditEntry]:
    """Oldest first, up to now. An act that is recorded meanwhile moves none of those that are read."""
    return merge(*map(_all_of, store.servers), key=lambda act: act.at_ms)


def _all_of(store: Store) -> Iterator[AuditEntry]:
    left = int(store.redis.llen(store.keys.acts))
    for end in range(0, left, PORTION):
        portion = _read(store, -min(end + PORTION, left), -end - 1)
        yield from (act for act in map(_whole, reversed(portion)) if act)


def _read(store: Store, first: int, last: int) -> list[bytes]:
    found: Any = store.redis.lrange(store.keys.acts, first, last)
    return list(found)


def _whole(kept: bytes) -> AuditEntry | None:
    return whole("an act", _act, kept)


def _act(kept: bytes) -> AuditEntry:
    at_ms, by, did, id = orjson.loads(kept)
    return AuditEntry(at_ms, by, did, id)
