"""Whether the parts live on which everything depends: the workers, and the server's memory and files."""

from dataclasses import dataclass
from typing import Any, Self

import redis

from ledger.connection import text
from ledger.durability import Durability
from ledger.memory import Fullness
from ledger.practice import is_practice
from ledger.redis_clock import ahead_ms, time_ms, wall_ms
from ledger.store import Store
from ledger.workers import FRESH_MS, Worker, workers_of

__all__ = ["UNSERVED_MS", "Vitals"]

#: A desk with something to send is served within milliseconds, or once per growing interval while it is held. If no
#: pacer has looked at it for so long after it was due, nothing goes out.
UNSERVED_MS = 10_000
#: Overdue desks that are examined, the longest overdue first. One is enough to know that nothing is sent.
_EXAMINED = 50


@dataclass(frozen=True, slots=True)
class Vitals:
    """A look at them, by Redis TIME."""

    now_ms: int
    workers: tuple[Worker, ...]
    unserved: tuple[str, ...]  #: desks that could send or ask now, and that no worker has looked at for UNSERVED_MS
    memory: Fullness | None  #: None without a limit, or where INFO is refused
    durability: Durability
    ahead_ms: int = 0  #: of Redis' clock before this machine's; negative: behind
    is_practice: bool = False  #: a sandbox stands in Feishu's place

    @classmethod
    def ask(cls, store: Store) -> Self:
        """In two round trips at most, whatever the ledger holds. Raises redis-py's errors."""
        keys = store.keys
        pipe = store.redis.pipeline(transaction=False)
        pipe.time()
        pipe.zrange(keys.workers, 0, -1, withscores=True)
        pipe.zrange(keys.desks, 0, _EXAMINED - 1, withscores=True)
        pipe.zrange(keys.unresolved_desks, 0, _EXAMINED - 1, withscores=True)
        pipe.info("memory")
        asked_ms = wall_ms()
        now, reports, schedule, unresolved, memory = _answers(pipe.execute(raise_on_error=False))
        now_ms = time_ms(now)
        ahead = ahead_ms(now_ms, asked_ms)
        fresh = [(member, at_ms) for member, at_ms in reports if at_ms >= now_ms - FRESH_MS]
        overdue, unasked = (
            [text(name) for name, at_ms in desks if at_ms <= now_ms - UNSERVED_MS] for desks in (schedule, unresolved)
        )
        return cls(
            now_ms,
            tuple(workers_of(fresh, now_ms)),
            tuple(dict.fromkeys((*_able_to_send(store, overdue, now_ms), *unasked))),
            None if memory is None else Fullness.of(memory),
            store.assurance.durability,
            ahead,
            is_practice(store.settings),
        )


def _answers(answers: list[Any]) -> list[Any]:
    """None for INFO where it is refused: `doctor` says so. Raises the errors of all others."""
    *others, info = answers
    for answer in answers if isinstance(info, redis.ConnectionError) else others:
        if isinstance(answer, Exception):
            raise answer
    return [*others, None if isinstance(info, Exception) else info]


def _able_to_send(store: Store, desks: list[str], now_ms: int) -> tuple[str, ...]:
    """Those with an event in its lane, an announcement that has its turns, or something whose time has come.

    The schedule alone would also name a desk whose announcements were all paused while no worker ran.
    """
    if not desks:
        return ()
    pipe = store.redis.pipeline(transaction=False)
    for name in desks:
        pipe.llen(store.keys.waiting(f"e_{name}"))
        pipe.zcard(store.keys.turns(name))
        pipe.zcount(store.keys.due(name), "-inf", now_ms - UNSERVED_MS)
    counts = iter(pipe.execute())
    return tuple(
        name for name, of_desk in zip(desks, zip(counts, counts, counts, strict=True), strict=True) if any(of_desk)
    )
