"""The live worker processes, as they report in Redis."""

from dataclasses import dataclass
from typing import Any

import redis

from ledger.connection import text
from ledger.redis_clock import time_ms
from ledger.redis_keys import RedisKeys

__all__ = ["FRESH_MS", "Worker", "live_workers", "workers_of"]

#: A worker that has been silent for longer is not alive: it reports every second or so.
FRESH_MS = 5_000


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process that reported recently."""

    host: str
    pid: int
    concurrency: int  #: its threads
    silent_ms: int  #: since its last report, by Redis TIME

    def as_json(self) -> dict[str, Any]:
        return {"host": self.host, "pid": self.pid, "concurrency": self.concurrency, "silent_ms": self.silent_ms}


def live_workers(client: redis.Redis, keys: RedisKeys) -> list[Worker]:
    """The workers that reported within FRESH_MS, by host and pid."""
    now_ms = time_ms(client.time())
    reports: Any = client.zrangebyscore(keys.workers, now_ms - FRESH_MS, "+inf", withscores=True)
    return workers_of(reports, now_ms)


def workers_of(reports: list[tuple[bytes, float]], now_ms: int) -> list[Worker]:
    """Parses members of the workers' sorted set with their scores."""
    found = [_worker(text(member), now_ms - int(at_ms)) for member, at_ms in reports]
    return sorted(found, key=lambda worker: (worker.host, worker.pid))


def _worker(member: str, silent_ms: int) -> Worker:
    """`member` is host:pid:concurrency, and a host may contain colons."""
    host, pid, concurrency = member.rsplit(":", 2)
    return Worker(host, int(pid), int(concurrency), max(0, silent_ms))
