"""Redis time, estimated between answers."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

__all__ = ["RedisClock", "time_ms"]

#: The quickest answer of this long, and of as long before, tells the time, seconds: long enough to find a quick one,
#: short enough for two clocks not to drift apart (10 ms in 20 s would be a very bad clock).
PERIOD_SECONDS = 10.0
#: Two answers that contradict each other by more than this, ms, prove that a clock was set. Less is drift and rounding.
STEP_MS = 50


def time_ms(answer: tuple[int, int]) -> int:
    """The answer to TIME, seconds and microseconds, in ms."""
    seconds, microseconds = answer
    return seconds * 1000 + microseconds // 1000


class _Sample(NamedTuple):
    """One answer: Redis time minus local time, ms, give or take half the round trip."""

    offset_ms: float
    round_trip_ms: float
    at: float

    def contradicts(self, other: "_Sample") -> bool:
        doubt_ms = (self.round_trip_ms + other.round_trip_ms) / 2
        return abs(self.offset_ms - other.offset_ms) > doubt_ms + STEP_MS


class _Step(NamedTuple):
    """The clock was set by so many ms, after one answer and before the next, which came at moments of `monotonic`."""

    by_ms: float
    after: float
    at: float


class RedisClock:
    """Threads share it.

    Every answer that brings Redis TIME is a sample. It was taken at some moment between the question and the answer;
    the middle is the best guess, as in NTP, and the quicker the answer, the better the guess. `monotonic` (seconds)
    goes on while the process is frozen, so that a slot is never thought younger than it is.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self._lock = threading.Lock()
        self._best: _Sample | None = None
        self._before: _Sample | None = None  #: the best of the period before
        self._period_began = self._answered_at = 0.0
        self._steps: list[_Step] = []
        self._times_set = self._told = 0

    def note(self, asked: float, redis_ms: int) -> None:
        """An answer came now to what was asked at `asked`, a moment of `monotonic`."""
        answered = self.monotonic()
        middle_ms = (asked + answered) / 2 * 1000
        sample = _Sample(redis_ms - middle_ms, (answered - asked) * 1000, answered)
        with self._lock:
            known = self._quickest()
            if known and sample.contradicts(known):
                self._steps.append(_Step(sample.offset_ms - known.offset_ms, self._answered_at, answered))
                self._times_set += 1
                self._best = self._before = None
            self._keep(sample)
            self._answered_at = answered

    def _keep(self, sample: _Sample) -> None:
        if sample.at - self._period_began > PERIOD_SECONDS:
            self._before, self._best, self._period_began = self._best, None, sample.at
        if self._best is None or sample.round_trip_ms <= self._best.round_trip_ms:
            self._best = sample

    def _quickest(self) -> _Sample | None:
        samples = [sample for sample in (self._best, self._before) if sample]
        return min(samples, key=lambda sample: sample.round_trip_ms, default=None)

    def now_ms(self) -> int:
        """Redis time. Raises LookupError before the first answer."""
        with self._lock:
            sample = self._quickest()
        if sample is None:
            raise LookupError("the time of Redis is not known yet")
        return round(self.monotonic() * 1000 + sample.offset_ms)

    @property
    def round_trip_ms(self) -> float:
        """The round trip to Redis: the quickest answer of the last seconds. 0 before the first."""
        with self._lock:
            sample = self._quickest()
        return sample.round_trip_ms if sample else 0.0

    @property
    def times_set(self) -> int:
        """How often the clock was seen to be set. A time that was told before the last of them means nothing now."""
        return self._times_set

    def step_ms(self, vouched_ms: int | None = None) -> int:
        """The steps of Redis' clock that are not forgotten, in sum: forward is positive, 0 is none.

        Without those that the leader has followed which vouched for Redis' clock at `vouched_ms`: this process may have
        missed its word between two steps.
        """
        with self._lock:
            steps, sample = list(self._steps), self._quickest()
            self._told = len(steps)
        if vouched_ms is not None and sample:
            steps = steps[_followed(steps, vouched_ms - sample.offset_ms, self.monotonic()) :]
        return round(sum(step.by_ms for step in steps))

    def forget_steps(self) -> None:
        """Those that `step_ms` looked at last: they have been followed."""
        with self._lock:
            self._steps = self._steps[self._told :]
            self._told = 0


def _followed(steps: Sequence[_Step], vouched_ms: float, now: float) -> int:
    """How many of the steps a leader had followed that vouched at `vouched_ms` of `monotonic`, by today's clock.

    By the clock of then it was another moment: the one between the last step that was followed and the next.
    """
    ends = [*(step.at for step in steps), now]
    for number in range(len(steps), 0, -1):
        vouched = (vouched_ms + sum(step.by_ms for step in steps[number:])) / 1000
        if steps[number - 1].after <= vouched <= ends[number] + STEP_MS / 1000:
            return number
    return 0
