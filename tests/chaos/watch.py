"""Looks at the leases all the time: none may stay long after it has ended, unless something is broken just then."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import redis

from ledger.connection import text
from ledger.ledger import Ledger

__all__ = ["TAKEN_BACK_SECONDS", "Watch"]

#: Between two looks, seconds.
_LOOK_AGAIN_SECONDS = 0.1
#: A lease that has ended is taken back within this, seconds: another pacer leads within 2 s.
TAKEN_BACK_SECONDS = 2.0


class Watch:
    """A thread beside the run. What breaks something says so with `disturb`, and how long the effects may last."""

    def __init__(self, ledger: Ledger, desk: str) -> None:
        self._redis = ledger.redis
        self._leases = ledger.keys.leases(desk)
        self._calm_from = time.time()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._nobody_there = False
        self.worst_seconds = 0.0
        self.overdue: dict[str, float] = {}

    def disturb(self, seconds: float = 0.0) -> None:
        """Time since a lease's end counts only from so many seconds from now on."""
        self._calm_from = max(self._calm_from, time.time() + seconds)

    @contextmanager
    def while_no_worker_runs(self) -> Iterator[None]:
        """Nobody is there to take a lease back, until new workers have started."""
        self._nobody_there = True
        try:
            yield
        finally:
            self.disturb()
            self._nobody_there = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_AGAIN_SECONDS):
            try:
                if self._nobody_there:
                    self.disturb()
                self._look()
            except (redis.ConnectionError, redis.TimeoutError):
                self.disturb()

    def _look(self) -> None:
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        pipe.zrange(self._leases, 0, 0, withscores=True)
        (seconds, micros), first = pipe.execute()
        for id, ends_ms in first:
            late = seconds + micros / 1e6 - max(ends_ms / 1000, self._calm_from)
            self.worst_seconds = max(self.worst_seconds, late)
            if late > TAKEN_BACK_SECONDS:
                self.overdue[text(id)] = max(late, self.overdue.get(text(id), 0.0))
