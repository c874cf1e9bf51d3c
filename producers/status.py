"""What workers and desks say of themselves in Redis: which processes are alive, and which desk is held."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from ledger.connection import text
from ledger.ledger import Ledger
from ledger.settings import Desk

__all__ = ["Hold", "Worker", "hold_of", "live_workers", "rate_text"]

#: A worker that has been silent for longer is not alive: it reports every second or so.
FRESH_MS = 5_000


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process that reported lately."""

    host: str
    pid: int
    concurrency: int  #: its threads
    silent_ms: int  #: since its last report, by Redis TIME

    def as_json(self) -> dict[str, Any]:
        return {"host": self.host, "pid": self.pid, "concurrency": self.concurrency, "silent_ms": self.silent_ms}


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a desk's notifications wait, and until when at least."""

    kind: str
    reason: str
    since: datetime
    until: datetime

    def __str__(self) -> str:
        return f"held ({self.kind}) until {self.until.astimezone():%H:%M:%S}: {self.reason}"

    def as_json(self) -> dict[str, Any]:
        times = {"since": self.since.isoformat(), "until": self.until.isoformat()}
        return {"kind": self.kind, "reason": self.reason, **times}


def live_workers(ledger: Ledger) -> list[Worker]:
    """The workers that reported within FRESH_MS, by host and pid."""
    seconds, microseconds = ledger.redis.time()
    now_ms = seconds * 1000 + microseconds // 1000
    reports: Any = ledger.redis.zrangebyscore(ledger.keys.workers, now_ms - FRESH_MS, "+inf", withscores=True)
    found = [_worker(text(member), now_ms - int(at_ms)) for member, at_ms in reports]
    return sorted(found, key=lambda worker: (worker.host, worker.pid))


def _worker(member: str, silent_ms: int) -> Worker:
    """`member` is written host:pid:concurrency, and a host may hold colons."""
    host, pid, concurrency = member.rsplit(":", 2)
    return Worker(host, int(pid), int(concurrency), max(0, silent_ms))


def hold_of(ledger: Ledger, desk: str) -> Hold | None:
    """The desk's hold, if there is one. One whose time is over still stands until a probe has gone through."""
    found = ledger.redis.hget(ledger.keys.desk(desk), "hold")
    if found is None:
        return None
    hold = orjson.loads(text(found))
    return Hold(str(hold["kind"]), str(hold["reason"]), _time(hold["since"]), _time(hold["until"]))


def _time(ms: float) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def rate_text(desk: Desk) -> str:
    """The desk's quota in the notation of DESKBELL_RATE."""
    return ";".join(f"{limit.calls}/{limit.seconds}second" for limit in desk.rate) or "unlimited"
