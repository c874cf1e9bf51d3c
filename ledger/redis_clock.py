"""Redis time, estimated between answers."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["STEP_MS", "RedisClock", "Sample", "ahead_ms", "time_ms", "wall_ms"]

#: The quickest answer of this long, and of as long before, tells the time, seconds: long enough to find a quick one,
#: short enough for two clocks not to drift apart (10 ms in 20 s would be a very bad clock).
PERIOD_SECONDS = 10.0
#: Two answers that contradict each other by more than this, ms, prove that a clock was set. Less is drift and rounding.
STEP_MS = 50


def time_ms(answer: tuple[int, int]) -> int:
    """The answer to TIME, seconds and microseconds, in ms."""
    seconds, microseconds = answer
    return seconds * 1000 + microseconds // 1000


def wall_ms() -> int:
    """By this machine's clock."""
    return time.time_ns() // 1_000_000


def ahead_ms(redis_ms: int, asked_ms: int) -> int:
    """By how much Redis' clock is ahead of this machine's; negative: behind.

    0 when the answer, which came now, fits into the time since `asked_ms`, however long that was.
    """
    return redis_ms - min(max(redis_ms, asked_ms), wall_ms())


class Sample(NamedTuple):
    """One answer: Redis time minus local time, ms, give or take half the round trip."""

    offset_ms: float
    round_trip_ms: float
    at: float

    def contradicts(self, other: "Sample") -> bool:
        doubt_ms = (self.round_trip_ms + other.round_trip_ms) / 2
        return abs(self.offset_ms - other.offset_ms) > doubt_ms + STEP_MS


class RedisClock:
    """Threads share it.

    Every answer that brings Redis TIME is a sample. It was taken at some moment between the question and the answer;
    the middle is the best guess, as in NTP, and the quicker the answer, the better the guess. `monotonic` (seconds)
    goes on while the process is frozen, so that a slot is never thought younger than it is.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self._lock = threading.Lock()
        self._best: Sample | None = None
        self._before: Sample | None = None  #: the best of the period before
        self._trip_before_ms = float("inf")  #: the round trip when the clock was set, for a period
        self._period_began = 0.0
        self._times_set = 0
        # What these come to, read without the lock: a delivery looks at the clock five times.
        self._known: Sample | None = None
        self._round_trip_ms = 0.0

    def note(self, asked: float, redis_ms: int) -> None:
        """An answer came now to what was asked at `asked`, a moment of `monotonic`."""
        answered = self.monotonic()
        middle_ms = (asked + answered) / 2 * 1000
        sample = Sample(redis_ms - middle_ms, (answered - asked) * 1000, answered)
        with self._lock:
            known = self._known
            if known and sample.contradicts(known):
                self._times_set += 1
                # Redis is as near as it was: the answer that tells of a step may be one that was held up.
                self._trip_before_ms = min(known.round_trip_ms, self._trip_before_ms)
                self._best, self._before, self._period_began = None, None, answered
            self._keep(sample)

    def _keep(self, sample: Sample) -> None:
        if sample.at - self._period_began > PERIOD_SECONDS:
            self._before, self._best, self._period_began = self._best, None, sample.at
            self._trip_before_ms = float("inf")
        if self._best is None or sample.round_trip_ms <= self._best.round_trip_ms:
            self._best = sample
        self._known = min(filter(None, (self._best, self._before)), key=lambda sample: sample.round_trip_ms)
        self._round_trip_ms = min(self._known.round_trip_ms, self._trip_before_ms)

    @property
    def sample(self) -> Sample:
        """The best one. Raises LookupError before the first answer."""
        sample = self._known
        if sample is None:
            raise LookupError("the time of Redis is not known yet")
        return sample

    def now_ms(self) -> int:
        """Redis time. Raises LookupError before the first answer."""
        return round(self.monotonic() * 1000 + self.sample.offset_ms)

    @property
    def round_trip_ms(self) -> float:
        """The round trip to Redis: the quickest answer of the last seconds. 0 before the first."""
        return self._round_trip_ms

    @property
    def times_set(self) -> int:
        """How often the clock was seen to be set. A time that was told before the last of them means nothing now."""
        return self._times_set
