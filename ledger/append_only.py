"""Rewriting the server's append-only file after failed writes, before the server restarts.

After any rewrite the server appends to its file without O_APPEND (`openNewIncrAofForAppend` in aof.c of Valkey and
Redis). It undoes a write that a full disk cut short by truncating the file, but keeps the position, so the next
write leaves a hole of zeros before it. The server continues, and cannot read the file at its next start. A rewrite
creates a new file from memory.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import redis

from ledger.connection import text
from ledger.redis_keys import RedisKeys

__all__ = ["AppendOnlyFile", "may_have_hole"]

log = logging.getLogger(__name__)

#: Between two looks, seconds. One costs the server some 30 µs.
LOOK_SECONDS = 2.0
#: A rewrite that failed, for want of room again, is ordered anew after the first of these; each further wait is twice
#: as long, up to the second, seconds.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 10.0, 300.0


class _State(NamedTuple):
    """The relevant fields of INFO."""

    run: str  #: of the server: each start has another
    appends: bool
    writes: bool  #: the last write to the file went well
    refused: int  #: commands that were refused since the start because writes failed: the server's own record of it
    rewrites: bool  #: one is under way, or about to be
    rewritten: bool  #: the last one went well

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> "_State":
        return cls(
            run=str(info.get("run_id", "")),
            appends=bool(info.get("aof_enabled")),
            writes=info.get("aof_last_write_status", "ok") == "ok",
            refused=int(info.get("errorstat_MISCONF", {}).get("count", 0)),
            rewrites=bool(info.get("aof_rewrite_in_progress") or info.get("aof_rewrite_scheduled")),
            rewritten=info.get("aof_last_bgrewrite_status", "ok") == "ok",
        )


def may_have_hole(info: Mapping[str, Any], note: Mapping[Any, Any]) -> bool:
    """By INFO and the hash `aof`: whether writes failed in this run of the server, without a rewrite since."""
    state = _State.of(info)
    return state.appends and state.refused > max(0, _noted(note, b"rewritten", state))


def _noted(note: Mapping[Any, Any], what: bytes, state: _State) -> int:
    """The count of refused commands when a rewrite was ordered, or when the last one ended; -1 without one in this run
    of the server."""
    run, _, refused = text(note.get(what, b" -1")).partition(" ")
    # Somebody may have set the server's statistics back meanwhile.
    return int(refused) if run == state.run and int(refused) <= state.refused else -1


class AppendOnlyFile:
    """Orders one rewrite of the file after writes to it failed. Only the leading pacer does it.

    The server counts the commands it refused because of failed writes, so the failure is visible afterwards, and it
    cannot be missed: each pacer writes several times a second. The ledger records the order, for the next leader.
    """

    def __init__(self, client: redis.Redis, keys: RedisKeys, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis, self._key, self._clock = client, keys.aof, clock
        self._look_at = self._order_at = 0.0
        self._wait_seconds = FIRST_WAIT_SECONDS

    def look(self) -> None:
        """Cheap to call often. Raises redis-py's errors."""
        if (now := self._clock()) < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        try:
            state, note = self._ask()
        except redis.ResponseError:  # INFO is forbidden to this user: `doctor` says so
            return
        if state.appends and state.writes and not state.rewrites:
            self._see_to_it(state, note, now)

    def _ask(self) -> tuple[_State, Mapping[bytes, bytes]]:
        pipe = self._redis.pipeline(transaction=False)
        for section in ("server", "persistence", "errorstats"):
            pipe.info(section)
        pipe.hgetall(self._key)
        *sections, note = pipe.execute()
        return _State.of({name: value for section in sections for name, value in section.items()}), note

    def _see_to_it(self, state: _State, note: Mapping[bytes, bytes], now: float) -> None:
        ordered = _noted(note, b"ordered", state)
        failed = state.refused > max(0, ordered)
        unsettled = ordered > _noted(note, b"rewritten", state)
        if unsettled and not failed and state.rewritten:
            self._note("rewritten", state)
            self._wait_seconds = FIRST_WAIT_SECONDS
            log.warning("writes to the append-only file had failed, so it was rewritten and is complete again")
        elif (failed or unsettled) and now >= self._order_at:
            self._order(state, now)

    def _order(self, state: _State, now: float) -> None:
        self._order_at = now + self._wait_seconds
        self._wait_seconds = min(2 * self._wait_seconds, LONGEST_WAIT_SECONDS)
        try:
            self._redis.bgrewriteaof()
        except redis.ResponseError as error:
            log.error(
                "writes to the append-only file have failed, and it cannot be rewritten (%s): have BGREWRITEAOF done"
                " before the server is started again, or it may not be readable then", error,
            )  # fmt: skip
            return
        self._note("ordered", state)

    def _note(self, what: str, state: _State) -> None:
        self._redis.hset(self._key, what, f"{state.run} {state.refused}")
