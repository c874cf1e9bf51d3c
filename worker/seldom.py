"""Saying seldom what happens all the time: a log that repeats itself twice a second hides everything else in it."""

import time
from collections.abc import Callable

__all__ = ["Seldom"]

#: Between the first time that it is said and the second, seconds. Each further time comes after twice as long, ...
FIRST_SECONDS = 2.0
#: ... up to this.
LONGEST_SECONDS = 300.0


class Seldom:
    """Tells whether it is time to say once more what has happened again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._what: object = None
        self._interval_seconds = FIRST_SECONDS
        self._next_at = self._last_at = float("-inf")

    def is_due(self, what: object) -> bool:
        """At once when it is another thing than before, or had not happened for as long as it is kept silent."""
        now = self._clock()
        is_news = what != self._what or now - self._last_at > self._interval_seconds
        self._what, self._last_at = what, now
        if not is_news and now < self._next_at:
            return False
        self._interval_seconds = FIRST_SECONDS if is_news else min(self._interval_seconds * 2, LONGEST_SECONDS)
        self._next_at = now + self._interval_seconds
        return True
