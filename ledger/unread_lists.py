"""Lists in Redis that hold messages for `deskbell.send`, but that no worker of ours reads.

A misspelled queue, a forgotten `queue=`, or a way to divide priorities that is not Celery's own: the sender gets no
error, and its messages lie there for ever.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, cast

import orjson
import redis

from ledger.queues import deliver_queue, intake_queue, lists_of
from ledger.redis_keys import RedisKeys
from ledger.store import Store

__all__ = ["UnreadList", "UnreadLists", "find_unread", "unread_of", "unread_on"]

#: Keys looked at in one step: about a millisecond of Redis.
STEP_KEYS = 1000
#: Between two steps of a worker, seconds. A million keys take it half an hour.
STEP_SECONDS = 2.0
#: Lists of one step that are looked into.
MOST_LISTS = 100
#: Lists that are told.
KEPT = 20
#: The name of the task stands in every such message: in its headers, or, by protocol 1, in its body in base64.
_TASK = b"deskbell.send"
_TASK_IN_BASE64 = (b"ZGVza2JlbGwuc2Vu", b"Rlc2tiZWxsLnNlbm", b"kZXNrYmVsbC5zZW5k")


class UnreadList(NamedTuple):
    """A list and its length."""

    name: str
    length: int


def find_unread(client: redis.Redis, prefix: str, steps: int) -> list[UnreadList]:
    """Looks at the first keys of the database, so many steps. Raises redis-py's errors."""
    cursor, found = 0, list[UnreadList]()
    for _ in range(steps):
        cursor, more = _step(client, prefix, cursor)
        found += more
        if cursor == 0:
            break
    return sorted(set(found))[:KEPT]


class UnreadLists:
    """A worker's look at the whole database, step by step; what it finds stands where everybody can read it."""

    def __init__(self, client: redis.Redis, keys: RedisKeys, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis, self._keys, self._clock = client, keys, clock
        self._cursor = 0
        self._found: list[UnreadList] = []
        self._told: list[UnreadList] | None = None
        self._next_at = 0.0

    def look(self) -> None:
        """One step, if it is time for it. Raises redis-py's errors, but not where SCAN is forbidden to us."""
        if self._clock() < self._next_at:
            return
        self._next_at = self._clock() + STEP_SECONDS
        with suppress(redis.exceptions.NoPermissionError):
            self._cursor, more = _step(self._redis, self._keys.prefix, self._cursor)
            self._found += more
            if self._cursor == 0:
                self._tell()

    def _tell(self) -> None:
        found, self._found = sorted(set(self._found))[:KEPT], []
        if found != self._told:
            self._redis.set(self._keys.unread_lists, orjson.dumps([tuple(each) for each in found]))
            self._told = found


def unread_on(store: Store) -> list[UnreadList]:
    """As a worker last found them on this server."""
    return unread_of(cast("bytes | None", store.redis.get(store.keys.unread_lists)))


def unread_of(told: bytes | None) -> list[UnreadList]:
    """What the last whole look of a worker found, as it stands in Redis."""
    return [UnreadList(str(name), int(length)) for name, length in orjson.loads(told or b"[]")]


def _step(client: redis.Redis, prefix: str, cursor: int) -> tuple[int, list[UnreadList]]:
    answer: Any = client.scan(cursor, count=STEP_KEYS, _type="LIST")
    cursor, keys = answer
    names = [key.decode(errors="backslashreplace") for key in keys]
    suspects = [name for name in names if not _is_read(name, prefix)][:MOST_LISTS]
    return cursor, list(_with_our_messages(client, suspects, prefix)) if suspects else []


def _is_read(name: str, prefix: str) -> bool:
    queues = (intake_queue(prefix), deliver_queue(prefix))
    return name.startswith(f"{prefix}:") or any(name in lists_of(queue) for queue in queues)


def _with_our_messages(client: redis.Redis, names: Sequence[str], prefix: str) -> Iterator[UnreadList]:
    """Of other applications' lists only those count that a message of ours lies in, at either end."""
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.llen(name)
        pipe.lindex(name, 0)
        pipe.lindex(name, -1)
        pipe.exists(RedisKeys(name.rpartition(".")[0]).schema)
    # A list of others may be closed to us, or be gone.
    answers = pipe.execute(raise_on_error=False)
    for name, length, first, last, is_of_others in zip(names, *(answers[at::4] for at in range(4)), strict=True):
        looks_like_ours = name.startswith((intake_queue(prefix), deliver_queue(prefix)))
        has_ours = (_is_message(first) or _is_message(last)) and is_of_others != 1
        if isinstance(length, int) and length and (looks_like_ours or has_ours):
            yield UnreadList(name, length)


def _is_message(element: Any) -> bool:
    return isinstance(element, bytes) and any(mark in element for mark in (_TASK, *_TASK_IN_BASE64))
