"""What others handed in and could not be accepted: Celery messages, posts to hooks, and parts of posts. Why, and where
they came from; never their bodies.

What is dropped is counted for good. Somebody who has read the list says that it is seen; from then on only newer ones
need attention.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
import redis

from ledger.damage import whole
from ledger.phrases import Phrase, phrase_json, phrase_of
from ledger.redis_keys import RedisKeys
from ledger.store import Store
from ledger.times import iso

__all__ = ["DroppedMessage", "DroppedMessages", "DroppedSummary", "see_on", "summary_of", "unseen_of"]

#: Kept in the list, the latest first.
KEPT = 500


@dataclass(frozen=True, slots=True)
class DroppedMessage:
    """One message. Neither its reason, a phrase, nor its headers repeat anything of its body."""

    at_ms: int
    reason: str
    queue: str = ""  #: or the path of a hook; empty where it is not known
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, text: bytes) -> Self:
        """Ignores fields of newer versions."""
        at_ms, reason, queue, headers, *_ = orjson.loads(text)
        return cls(int(at_ms), phrase_of(reason), str(queue), dict(headers))

    def as_json(self) -> dict[str, Any]:
        return {"at": iso(self.at_ms), "reason": self.reason, "queue": self.queue, "headers": dict(self.headers)}


@dataclass(frozen=True, slots=True)
class DroppedSummary:
    """How many were dropped, and which of them nobody has looked at."""

    total: int
    unseen: int
    latest: tuple[DroppedMessage, ...]  #: of the unseen ones, those that were asked for and are kept


class DroppedMessages:
    """The list, and two counters: all that were dropped, and how many had been when somebody looked."""

    def __init__(self, client: redis.Redis, keys: RedisKeys) -> None:
        self._redis = client
        self._keys = keys

    def note(self, reason: Phrase, queue: str, headers: Mapping[str, str]) -> None:
        """One round trip."""
        entry = [round(time.time() * 1000), reason, queue, dict(headers)]
        written = orjson.dumps(entry, default=phrase_json, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
        pipe = self._redis.pipeline(transaction=False)
        pipe.incr(self._keys.dropped)
        pipe.lpush(self._keys.dropped_messages, written)
        pipe.ltrim(self._keys.dropped_messages, 0, KEPT - 1)
        pipe.execute()

    def summary(self, count: int = KEPT) -> DroppedSummary:
        """One round trip."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.mget(self._keys.dropped, self._keys.dropped_seen)
        pipe.lrange(self._keys.dropped_messages, 0, count - 1)
        (total, seen), entries = pipe.execute()
        unseen = unseen_of(total, seen)
        read = [whole("a dropped message", DroppedMessage.of_json, entry) for entry in entries[:unseen]]
        return DroppedSummary(int(total or 0), unseen, tuple(entry for entry in read if entry))

    def see(self, total: int) -> None:
        """Somebody has looked at the first `total` that were ever dropped. Those since then stay unseen."""
        self._redis.set(self._keys.dropped_seen, total)


def summary_of(stores: Sequence[Store], count: int = KEPT) -> DroppedSummary:
    """Of several servers, the newest messages first."""
    each = [DroppedMessages(store.redis, store.keys).summary(count) for store in stores]
    latest = sorted((one for of_server in each for one in of_server.latest), key=lambda one: one.at_ms, reverse=True)
    total, unseen = sum(of_server.total for of_server in each), sum(of_server.unseen for of_server in each)
    return DroppedSummary(total, unseen, tuple(latest[:count]))


def see_on(stores: Sequence[Store], total: int) -> None:
    """Somebody has looked at `total` on all servers. Of those since then it is not known where they are: as many of the
    newest stay unseen on each."""
    messages = [DroppedMessages(store.redis, store.keys) for store in stores]
    totals = [each.summary(1).total for each in messages]
    since = max(0, sum(totals) - total)
    for each, of_server in zip(messages, totals, strict=True):
        each.see(max(0, of_server - since))


def unseen_of(total: bytes | None, seen: bytes | None) -> int:
    """By the two counters as they stand in Redis."""
    return max(0, int(total or 0) - int(seen or 0))
