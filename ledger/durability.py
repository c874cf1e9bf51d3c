"""Durability of an acceptance when the server's machine loses power right after it, and what an acceptance waits for.

With `appendfsync always` the server fsyncs before it answers, so the answer is the confirmation. With `everysec`
only WAITAOF could confirm; but Redis 7.4.0 (up to 7.4.2 at least) and Valkey 8.0 (up to 9.1.2 at least) answer it
before the fsync. So with `everysec` Deskbell measures whether the answers can be true.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import redis
from redis.client import Pipeline

from ledger.phrases import Phrase
from ledger.redis_keys import RedisKeys

__all__ = ["Assurance", "Durability", "Waits"]

log = logging.getLogger(__name__)

#: The server is asked again after this, seconds: somebody may set it otherwise, or it may be another one.
ASK_AGAIN_SECONDS = 10.0
#: The measurement looks whether a write is confirmed so long at a time, ms; after so many looks in vain it was waited
#: for. Time passes at the server: a process that is held up must not take an early answer for a late one.
LOOK_MS, LOOKS = 100, 3
#: Looks at the first write, which may come at any moment between two fsyncs: for some seconds.
_FIRST_LOOKS = 30
#: Where the user may not ask for the server's run, the measurement is kept for this long, seconds.
_KEPT_SECONDS = 3600


class Durability(StrEnum):
    """How much of an acceptance is on disk when it is answered."""

    ALWAYS = "always"  #: all: each write is fsynced before its answer
    CONFIRMED = "confirmed"  #: all: WAITAOF waits for the fsync, about a second
    HIDDEN = "hidden"  #: nobody can tell: the server hides its settings, and its WAITAOF answers at once
    REWRITES = "not_while_rewriting"  #: not what comes while the server rewrites its append-only files
    EARLY = "early"  #: not the last second or two, though WAITAOF says so
    EVERY_SECOND = "every_second"  #: not the last second or two
    NEVER = "never"  #: not the last half a minute: the kernel decides
    NONE = "none"  #: nothing: append-only files are off

    @property
    def is_sure(self) -> bool:
        return self in (Durability.ALWAYS, Durability.CONFIRMED)

    @property
    def found(self) -> Phrase:
        return _SAID[self][0]

    @property
    def do(self) -> str:
        return _SAID[self][1]


_SET_ALWAYS = Phrase("set `appendfsync always` on the server")
_SAID = {
    Durability.ALWAYS: (Phrase("every write is fsynced before it is confirmed (appendfsync always)"), ""),
    Durability.CONFIRMED: (
        Phrase(
            "each acceptance waits about a second for its fsync (appendfsync everysec); claims and results do not wait"
        ),
        Phrase("set `appendfsync always` on the server: acceptance then takes milliseconds"),
    ),
    Durability.HIDDEN: (
        Phrase("the server hides its settings: with `appendfsync everysec` a power cut loses the last second"),
        Phrase("allow CONFIG GET for this user, or make sure that the server has `appendfsync always`"),
    ),
    Durability.REWRITES: (
        Phrase(
            "a power cut loses what was accepted while the server rewrites its files (no-appendfsync-on-rewrite yes)"
        ),
        Phrase("set `no-appendfsync-on-rewrite no` on the server"),
    ),
    Durability.EARLY: (
        Phrase(
            "a power cut loses the last seconds of what was accepted: appendfsync is "
            "everysec, and WAITAOF answers early"
        ),
        _SET_ALWAYS,
    ),
    Durability.EVERY_SECOND: (
        Phrase(
            "a power cut loses the last seconds of what was accepted: appendfsync is everysec, and WAITAOF is missing"
        ),
        _SET_ALWAYS,
    ),
    Durability.NEVER: (
        Phrase("a power cut loses the last half minute of accepted notifications: appendfsync is no"),
        _SET_ALWAYS,
    ),
    Durability.NONE: (
        Phrase("append-only files are off: a restart of Redis loses accepted notifications"),
        Phrase("set `appendonly yes` and `appendfsync always` on the server"),
    ),
}


@dataclass(frozen=True, slots=True)
class Waits:
    """The end of a pipeline, whose answers come when its writes are safe."""

    fsync: bool
    replicas: int

    def ask(self, pipe: Pipeline, timeout_ms: int) -> None:
        """WAITAOF and WAIT cover only writes of their own connection, hence the pipeline."""
        if self.fsync:
            pipe.execute_command("WAITAOF", 1, 0, timeout_ms)  # type: ignore[no-untyped-call]
        if self.replicas:
            pipe.wait(self.replicas, timeout_ms)

    def are_over(self, answers: Sequence[Any]) -> bool:
        """Whether these answers, the last of the pipeline, confirm that it is safe."""
        copies = answers[1:] if self.fsync else answers
        return not (self.fsync and answers[0][0] < 1) and all(count >= self.replicas for count in copies)

    def __len__(self) -> int:
        return self.fsync + bool(self.replicas)


class Assurance:
    """The server's current durability."""

    def __init__(self, client: redis.Redis, keys: RedisKeys) -> None:
        self._client, self._keys = client, keys
        self._known: tuple[Durability, Waits] | None = None
        self._ask_again = 0.0

    @property
    def durability(self) -> Durability:
        return self._now()[0]

    @property
    def waits(self) -> Waits:
        """What an acceptance waits for. It waits for an early WAITAOF too, which reveals failed writes."""
        return self._now()[1]

    def _now(self) -> tuple[Durability, Waits]:
        if self._known is None or time.monotonic() > self._ask_again:
            before, self._known = self._known, self._ask()
            self._ask_again = time.monotonic() + ASK_AGAIN_SECONDS
            if before and before[0] is not self._known[0]:
                log.warning("the server has been set otherwise: %s", self._known[0].found)
        return self._known

    def _ask(self) -> tuple[Durability, Waits]:
        pipe = self._client.pipeline(transaction=False)
        pipe.config_get("*append*")
        pipe.info("replication")
        settings, replication = pipe.execute(raise_on_error=False)
        # Some managed servers refuse CONFIG, some answer nothing.
        hidden = isinstance(settings, redis.ResponseError) or "appendonly" not in settings
        durability = self._by_measuring() if hidden else self._by_settings(settings)
        fsync = durability in (Durability.CONFIRMED, Durability.EARLY)
        return durability, Waits(fsync, _wanted_replicas(replication))

    def _by_settings(self, settings: dict[str, str]) -> Durability:
        if settings.get("appendonly") != "yes":
            return Durability.NONE
        if settings.get("appendfsync") == "no":
            return Durability.NEVER
        if settings.get("no-appendfsync-on-rewrite") == "yes":
            return Durability.REWRITES
        if settings.get("appendfsync") == "always":
            return Durability.ALWAYS
        return {True: Durability.CONFIRMED, False: Durability.EARLY, None: Durability.EVERY_SECOND}[self._waits_truly()]

    def _by_measuring(self) -> Durability:
        """An answer at once is true with `always`, untrue with `everysec`."""
        try:
            self._client.execute_command("WAITAOF", 1, 0, 1)  # type: ignore[no-untyped-call]
        except redis.ResponseError as error:
            return Durability.NONE if "appendonly" in str(error) else Durability.HIDDEN
        return Durability.CONFIRMED if self._waits_truly() else Durability.HIDDEN

    def _waits_truly(self) -> bool | None:
        """Whether WAITAOF waits for the fsync, measured once per run of the server. None if unknown."""
        run = self._run_of_server()
        kept = self._client.get(self._keys.waitaof)
        if kept in (f"{run} true".encode(), f"{run} early".encode()):
            return kept.endswith(b"true")
        try:
            truly = _measure(self._client, self._keys.waitaof)
            verdict = f"{run} {'true' if truly else 'early'}"
            self._client.set(self._keys.waitaof, verdict, ex=None if run else _KEPT_SECONDS)
        except redis.ResponseError:  # no WAITAOF, or no writes now: a replica, or one that is full
            return None
        return truly

    def _run_of_server(self) -> str:
        try:
            info: Any = self._client.info("server")
        except redis.ResponseError:
            return ""
        return str(info.get("run_id", ""))


def _measure(client: redis.Redis, key: str) -> bool:
    """`everysec` begins at most one fsync a second. So of two writes that follow a confirmed one, one at least has to
    wait for most of a second; two, since a rewrite of the files fsyncs out of turn."""
    with client.client() as alone:  # type: ignore[no-untyped-call]
        _is_confirmed(alone, key, _FIRST_LOOKS)
        return not all(_is_confirmed(alone, key, LOOKS) for _ in range(2))


def _is_confirmed(alone: redis.Redis, key: str, looks: int) -> bool:
    """On its one connection, since WAITAOF speaks only for writes of its own."""
    alone.set(key, "measuring")
    confirmed = (
        alone.execute_command("WAITAOF", 1, 0, LOOK_MS)[0]  # type: ignore[no-untyped-call]
        for _ in range(looks)
    )
    return any(confirmed)


def _wanted_replicas(replication: Any) -> int:
    """How many replicas must have what is accepted: 1 where the operator has set `min-replicas-to-write`, else 0.

    That setting alone does not do it: the server then refuses writes while replicas lag, but confirms a write before
    they have it. Where INFO is refused nobody can tell, and `doctor` says so.
    """
    # Told only where the setting is not 0.
    return int(not isinstance(replication, redis.ResponseError) and "min_slaves_good_slaves" in replication)
