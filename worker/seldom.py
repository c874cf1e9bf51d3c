"""Logs rarely what happens all the time: a line that repeats twice a second hides everything else in the log."""

import time
from collections.abc import Callable

__all__ = ["Seldom"]

#: Between the first line and the second, seconds. Each further line comes after twice as long, ...
FIRST_SECONDS = 2.0
#: ... up to this.
LONGEST_SECONDS = 300.0


class Seldom:
    """Whether it is time to log once more what has happened again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._what: object = None
        self._interval_seconds = FIRST_SECONDS
        self._next_at = self._last_at = float("-inf")

    def is_due(self, what: object) -> bool:
        """True at once for another thing than before, or for one that had not happened for the whole interval."""
        now = self._clock()
        is_news = what != self._what or now - self._last_at > self._interval_seconds
        self._what, self._last_at = what, now
        if not is_news and now < self._next_at:
            return False
        self._interval_seconds = FIRST_SECONDS if is_news else min(self._interval_seconds * 2, LONGEST_SECONDS)
        self._next_at = now + self._interval_seconds
        return True
