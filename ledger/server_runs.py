"""The runs of the server: how often another one came after it, by a restart or by a failover."""

import time
from collections.abc import Callable
from typing import Any

import redis

from ledger.connection import text
from ledger.redis_keys import RedisKeys

__all__ = ["ServerRuns", "restarts"]

#: Between two looks, seconds. One costs the server some 30 µs.
LOOK_SECONDS = 2.0


class ServerRuns:
    """Counts them. Only the leading pacer does it."""

    def __init__(self, client: redis.Redis, keys: RedisKeys, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis, self._key, self._clock = client, keys.aof, clock
        self._run = ""
        self._look_at = 0.0

    def look(self) -> None:
        """Cheap to call often. Raises redis-py's errors."""
        if (now := self._clock()) < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        try:
            info: Any = self._redis.info("server")
        except redis.ResponseError:  # INFO is forbidden to this user: `doctor` says so
            return
        if (run := str(info.get("run_id", ""))) and run != self._run:
            self._note(run)

    def _note(self, run: str) -> None:
        # A server that keeps nothing has forgotten the run before; this pacer may remember it.
        before = text(self._redis.hget(self._key, "run") or b"") or self._run
        pipe = self._redis.pipeline()
        pipe.hset(self._key, "run", run)
        if before not in ("", run):
            pipe.hincrby(self._key, "restarts", 1)
        pipe.execute()
        self._run = run


def restarts(client: redis.Redis, keys: RedisKeys) -> int:
    return int(client.hget(keys.aof, "restarts") or 0)
