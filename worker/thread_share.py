"""Desks whose calls take long, maybe because their API hangs: they must leave threads to the others."""

import time
from collections.abc import Callable

from worker.policy import BATCH_MS

__all__ = ["ThreadShare"]


class ThreadShare:
    """How many threads each of them holds, by the last look; what has not been looked at for `forget_seconds` is over.

    A desk of which nobody knows yet how long its calls take counts as slow.
    """

    def __init__(self, forget_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._forget_seconds = forget_seconds
        self._clock = clock
        self._held: dict[str, tuple[int, float]] = {}

    def most(self, desk: str, call_ms: float | None, threads: int) -> int:
        """How many of all threads the desk may hold: three quarters of those that the slow ones leave, so that there
        are some left when the next desk begins to hang."""
        now = self._clock()
        if call_ms is not None and call_ms <= BATCH_MS:
            self._held.pop(desk, None)
            return max(1, threads * 3 // 4)
        self._held = {name: held for name, held in self._held.items() if now - held[1] < self._forget_seconds}
        own, _ = self._held.pop(desk, (0, now))
        by_others = sum(held for held, _ in self._held.values())
        most = max(1, (threads - by_others) * 3 // 4)
        self._held[desk] = max(own, most), now  # until `note` says how many it is
        return most

    def note(self, desk: str, held: int) -> None:
        """What the desk holds now; of no consequence unless it is slow."""
        if desk in self._held:
            self._held[desk] = held, self._clock()
