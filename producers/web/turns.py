"""Callers take turns in a few threads: a caller has one turn at a time, and callers come one after another.

So one that hands in much waits for itself, and takes half of the threads from the others at most. Files of recipients
are read in turns, and so are bodies that are too large to be taken apart on the event loop, where everybody would wait
for them, `/healthz` too.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple, ParamSpec, TypeVar

from ledger.phrases import Phrase
from producers.web.problems import RETRY_AFTER_SECONDS, Problem

__all__ = ["SMALL_BYTES", "FileTurns", "ParsingPool", "Turns"]

#: At once. Threads share one interpreter: more would only make the event loop wait longer for its turn. A file may wait
#: for Feishu, when its rows have emails instead of ids, and has a process beside its thread.
_AT_ONCE = 2
#: Files of one key, behind the one that is read. Each lies on disk until its turn.
_WAITING_FILES = 3
#: A body up to this is read on the event loop, where it takes a few ms: a turn in a thread would cost more. Nearly all
#: are smaller.
SMALL_BYTES = 32 * 1024
#: Of the bodies of one caller, waiting or under way. Bytes and not bodies, so that many small ones may wait.
_MOST_WAITING_BYTES = 64 * 1024 * 1024

Arguments = ParamSpec("Arguments")
ResultT = TypeVar("ResultT")


class _Turn(NamedTuple):
    future: "Future[Any]"
    work: Callable[[], Any]
    size: int


class Turns:
    """Safe to share between threads, and with the event loop."""

    def __init__(self, name: str, most_at_a_time: int, refusal: Callable[[], Problem], at_once: int) -> None:
        """`most_at_a_time` is of one caller, in the unit of `size`: one alone may have more."""
        self._most, self._refusal = most_at_a_time, refusal
        self._executor = ThreadPoolExecutor(at_once, name)
        self._lock = threading.Lock()
        # The first of each line is under way, or will be as soon as a thread is free.
        self._lines: dict[str, deque[_Turn]] = {}

    def take(self, caller: str, work: Callable[[], ResultT], size: int = 1) -> "Future[ResultT]":
        """Runs `work` when it is its turn, in the context of the caller. Raises the Problem when too much waits."""
        turn = _Turn(Future(), partial(copy_context().run, work), size)
        with self._lock:
            line = self._lines.setdefault(caller, deque())
            if line and sum(each.size for each in line) + size > self._most:
                raise self._refusal()
            line.append(turn)
            if len(line) == 1:
                self._executor.submit(self._next, caller)
        return turn.future

    def close(self) -> None:
        self._executor.shutdown()

    def _next(self, caller: str) -> None:
        turn = self._lines[caller][0]
        settle = _done(turn) if turn.future.set_running_or_notify_cancel() else None
        with self._lock:
            line = self._lines[caller]
            line.popleft()
            if line:
                self._executor.submit(self._next, caller)  # behind the other callers
            else:
                del self._lines[caller]
        if settle:  # last: what was waited for no longer counts as waiting
            settle()


def _done(turn: _Turn) -> Callable[[], None]:
    try:
        return partial(turn.future.set_result, turn.work())
    except BaseException as error:  # whoever waits for the future raises it
        return partial(turn.future.set_exception, error)


class FileTurns(Turns):
    """Files of recipients are read in these."""

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        super().__init__("announce", 1 + _WAITING_FILES, _too_many_files, at_once)


class ParsingPool(Turns):
    """Bodies are taken apart in these."""

    def __init__(self) -> None:
        super().__init__("parsing", _MOST_WAITING_BYTES, _too_many_bytes, _AT_ONCE)

    async def run(
        self,
        caller: str,
        size_bytes: int,
        work: Callable[Arguments, ResultT],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> ResultT:
        """Raises what `work` raises, and Problem (503) when as much of this caller waits as may wait."""
        return await asyncio.wrap_future(self.take(caller, partial(work, *args, **kwargs), size_bytes))


def _too_many_files() -> Problem:
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        Phrase("Too many files of this key are waiting"),
        Phrase(
            "one file of a key is read at a time, and {most} more wait: hand this one in when they are done",
            most=_WAITING_FILES,
        ),
        type="too-many-files",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _too_many_bytes() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        Phrase("Too many of your requests are waiting"),
        Phrase(
            "{most:,} bytes of your requests wait to be read: send fewer at once and repeat this one",
            most=_MOST_WAITING_BYTES,
        ),
        type="too-much-at-once",
    )
