"""Files are read in turns: two at once, one of a key, and keys come one after another.

So whoever hands in much waits for themselves, and takes half of the machine's time from the others at most.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from http import HTTPStatus
from typing import Any, TypeVar

from producers.web.problems import RETRY_AFTER_SECONDS, Problem

__all__ = ["Turns"]

#: At once: one may wait for Feishu, when its rows have emails instead of ids. Each has a process beside its thread.
_AT_ONCE = 2
#: Of one key, behind the one that is read. Each lies on disk until its turn.
_MOST_WAITING = 3

ResultT = TypeVar("ResultT")


class Turns:
    """Safe to share between threads, and with the event loop."""

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._executor = ThreadPoolExecutor(at_once, "announce")
        self._lock = threading.Lock()
        # The first of each line is under way, or will be as soon as a thread is free.
        self._lines: dict[str, deque[Callable[[], None]]] = {}

    def take(self, key: str, work: Callable[[], ResultT]) -> "Future[ResultT]":
        """Runs `work` when it is its turn, in the context of the caller. Raises Problem (429) when too many wait."""
        future: Future[ResultT] = Future()
        context = copy_context()

        def turn() -> None:
            if future.set_running_or_notify_cancel():
                context.run(_settle, future, work)

        with self._lock:
            line = self._lines.setdefault(key, deque())
            if len(line) > _MOST_WAITING:
                raise _too_many()
            line.append(turn)
            if len(line) == 1:
                self._executor.submit(self._next, key)
        return future

    def _next(self, key: str) -> None:
        self._lines[key][0]()
        with self._lock:
            line = self._lines[key]
            line.popleft()
            if line:
                self._executor.submit(self._next, key)  # behind the other keys
            else:
                del self._lines[key]


def _settle(future: "Future[Any]", work: Callable[[], Any]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # whoever waits for the future raises it
        future.set_exception(error)


def _too_many() -> Problem:
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "Files of this key wait already",
        f"one file of a key is read at a time, and {_MOST_WAITING} more wait: hand this one in when they are done",
        type="too-many-files",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
