"""Where what callers send is taken apart when it is large: two threads, in which every caller gets a turn.

Nothing runs on the event loop that takes more than a few ms, since everybody waits for it, `/healthz` too. A caller has
one turn at a time, and callers come one after another: one that sends much waits for its own, and takes half of the
threads from the others at most.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import ParamSpec, TypeVar

from producers.web.problems import Problem

__all__ = ["SMALL_BYTES", "ParsingPool"]

#: A body up to this is read on the event loop, where it takes a few ms: a turn in a thread would cost more. Nearly all
#: are smaller.
SMALL_BYTES = 32 * 1024
#: At once. They share one interpreter: more of them would only make the event loop wait longer for its turn.
_THREADS = 2
#: Of one caller, waiting or under way. Bytes and not bodies, so that many small ones may wait.
_MOST_WAITING_BYTES = 64 * 1024 * 1024

Arguments = ParamSpec("Arguments")
ResultT = TypeVar("ResultT")


@dataclass(slots=True)
class _Turns:
    """Of one caller. A lock serves in the order in which it was asked."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    waiting_bytes: int = 0


class ParsingPool:
    """Everything but the work itself runs on the event loop."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(_THREADS, "parsing")
        # Asked for with the caller's own lock held: so whoever waits here is another caller, and they come in turns.
        self._threads = asyncio.Semaphore(_THREADS)
        self._turns: dict[str, _Turns] = {}

    async def run(
        self,
        caller: str,
        size_bytes: int,
        work: Callable[Arguments, ResultT],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> ResultT:
        """Raises what `work` raises, and Problem (503) when as much of this caller waits as may wait."""
        turns = self._turns.setdefault(caller, _Turns())
        if turns.waiting and turns.waiting_bytes + size_bytes > _MOST_WAITING_BYTES:
            raise _busy()
        turns.waiting += 1
        turns.waiting_bytes += size_bytes
        try:
            async with turns.lock, self._threads:
                # With the context of the request, in which its trace stands.
                called = copy_context().run
                return await asyncio.get_running_loop().run_in_executor(
                    self._executor, lambda: called(work, *args, **kwargs)
                )
        finally:
            turns.waiting -= 1
            turns.waiting_bytes -= size_bytes
            if not turns.waiting:
                del self._turns[caller]

    def close(self) -> None:
        self._executor.shutdown()


def _busy() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Much of yours waits already",
        f"{_MOST_WAITING_BYTES:,} bytes of your requests wait to be read: send fewer at once, and this one again",
        type="too-much-at-once",
    )
