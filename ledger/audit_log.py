"""The audit log: recent actions in the console. Records keep their own actions too."""

from dataclasses import dataclass
from typing import Any

import orjson

from ledger.connection import RedisWhenFull
from ledger.damage import whole
from ledger.redis_clock import time_ms
from ledger.store import Store

__all__ = ["AuditEntry", "recent_actions", "record_action"]

#: Kept actions.
KEPT = 1000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One action of a person."""

    at_ms: int
    by: str
    did: str  #: a word such as `pause`, or `resolve as delivered`
    id: str  #: of the announcement, notification or desk; empty for signing in and out


def record_action(store: Store, by: str, did: str, id: str = "") -> None:
    """Adds an action. Raises redis-py's errors."""
    at_ms = time_ms(store.redis.time())
    # The action is done, so it is recorded even if Redis is full; the list is short.
    pipe = RedisWhenFull(connection_pool=store.redis.connection_pool).pipeline()
    pipe.lpush(store.keys.acts, orjson.dumps([at_ms, by, did, id]))
    pipe.ltrim(store.keys.acts, 0, KEPT - 1)
    pipe.execute()


def recent_actions(store: Store, count: int) -> list[AuditEntry]:
    """Newest first."""
    found: Any = store.redis.lrange(store.keys.acts, 0, count - 1)
    return [act for act in (whole("an act", _act, kept) for kept in found) if act]


def _act(kept: bytes) -> AuditEntry:
    at_ms, by, did, id = orjson.loads(kept)
    return AuditEntry(at_ms, by, did, id)
