"""When a failing notification is tried again, and when it has failed for good. Pure functions of numbers."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

__all__ = [
    "CREDENTIALS_HOLD_MS",
    "INLINE_TRIES",
    "INLINE_WAIT_SECONDS",
    "QUOTA_HOLD_MS",
    "THROTTLE_SECONDS",
    "TICKET_WAIT_MS",
    "CallDurations",
    "RetryPolicy",
    "batch_size",
]

#: Calls in a row for one transient fault, the first one included. What outlives them is deferred by the ledger.
INLINE_TRIES = 3
#: Seconds before the second call, doubling, each with full jitter up to the last number.
INLINE_WAIT_SECONDS = (0.5, 4.0)
#: The first deferral and the longest one, ms. Between them they double.
FIRST_DEFERRAL_MS, LONGEST_DEFERRAL_MS = 10_000, 1_800_000
#: When an open ticket is asked about again, ms.
TICKET_WAIT_MS = 60_000
#: When a held desk is probed: after wrong credentials, after a spent monthly quota, ms.
CREDENTIALS_HOLD_MS, QUOTA_HOLD_MS = 60_000, 3_600_000
#: Notifications of one desk in a Celery message: as many as one thread sends within this, ms, so that a pause holds and
#: no claim grows old; but not more than this.
BATCH_MS, LARGEST_BATCH = 600, 64
#: What the latest call counts in the average of their durations.
LATEST_SHARE = 0.2
#: How long all hold back when a throttle does not say how long.
THROTTLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`retry_for` bounds failing, not waiting: only the deferrals that a failure caused are charged."""

    retry_for: timedelta
    rng: random.Random

    def deferral_ms(self, deferrals: int) -> int:
        """How long to wait after this many deferrals: exponential, with half of it jitter, so that an outage's
        notifications do not all come back at once."""
        longest = min(FIRST_DEFERRAL_MS * 2 ** min(deferrals, 20), LONGEST_DEFERRAL_MS)
        return int(longest * self.rng.uniform(0.5, 1.0))

    def is_spent(self, failing_ms: int) -> bool:
        """Whether it has failed for as long as it may."""
        return failing_ms >= self.retry_for / timedelta(milliseconds=1)


class CallDurations:
    """How long a desk's calls take lately. Threads share it, and may overwrite each other's notes: only the size of
    batches depends on it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._average_ms: float | None = None
        self._begun: dict[int, float] = {}

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around a call."""
        thread = threading.get_ident()
        self._begun[thread] = self._clock()
        try:
            yield
        finally:
            self._note((self._clock() - self._begun.pop(thread)) * 1000)

    @property
    def recent_ms(self) -> float | None:
        """On average; or since when one goes on, if that is longer: a server that hangs is known before it answers."""
        now = self._clock()
        going_on_ms = max(((now - begun) * 1000 for begun in list(self._begun.values())), default=0.0)
        if self._average_ms is None:  # a call that has just begun says nothing
            return going_on_ms if going_on_ms > BATCH_MS else None
        return max(self._average_ms, going_on_ms)

    def _note(self, elapsed_ms: float) -> None:
        before = self._average_ms
        self._average_ms = elapsed_ms if before is None else before + LATEST_SHARE * (elapsed_ms - before)


def batch_size(call_ms: float | None) -> int:
    """How many notifications go into one message when a call takes so long. Only for desks without limits.

    One, as long as nobody knows: the desk may hang, and each message takes a thread.
    """
    if call_ms is None:
        return 1
    return max(1, min(LARGEST_BATCH, int(BATCH_MS / max(call_ms, 1))))
