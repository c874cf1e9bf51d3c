"""Signs of life: each worker process reports once a second, and sees by the reports of the others who is alive."""

import time
from collections.abc import Iterable

import redis
from redis.client import Pipeline

from ledger.connection import text
from ledger.leases import Leases
from ledger.redis_clock import time_ms
from ledger.redis_keys import RedisKeys
from ledger.workers import FRESH_MS

__all__ = ["Heartbeat", "threads"]

#: How often a worker reports that it is alive, seconds.
HEARTBEAT_SECONDS = 1.0


class Heartbeat:
    """Of one worker process: `me` is `host:pid:threads`, unique to it."""

    def __init__(self, client: redis.Redis, keys: RedisKeys, leases: Leases, me: str) -> None:
        self._redis = client
        self._key = keys.workers
        self._leases = leases
        self._me = me
        self._again_at = 0.0

    def beat(self, pipe: Pipeline) -> None:
        """When it is time to. Behind what the pipeline holds already, so that it costs no round trip of its own."""
        now = time.monotonic()
        if now < self._again_at:
            return
        self._again_at = now + HEARTBEAT_SECONDS
        now_ms = self._leases.clock.now_ms()
        pipe.zadd(self._key, {self._me: now_ms})
        pipe.zremrangebyscore(self._key, "-inf", now_ms - max(FRESH_MS, self._leases.lease_ms))

    def stop(self) -> None:
        self._redis.zrem(self._key, self._me)

    def others_live(self) -> bool:
        since_ms = time_ms(self._redis.time()) - FRESH_MS
        living = self._redis.zrangebyscore(self._key, since_ms, "+inf")
        return any(text(name) != self._me for name in living)


def threads(workers: Iterable[tuple[bytes, float]], since_ms: int) -> int:
    """The threads of the workers that have reported since then."""
    return sum(int(text(name).rpartition(":")[2]) for name, reported_ms in workers if reported_ms >= since_ms)
