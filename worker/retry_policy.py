"""When a failing notification is tried again, and when it has failed for good. A pure function of numbers."""

import random
from dataclasses import dataclass
from datetime import timedelta

__all__ = ["RetryPolicy"]

#: The first deferral and the longest one, ms. Between them they double.
FIRST_DEFERRAL_MS, LONGEST_DEFERRAL_MS = 10_000, 1_800_000


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
