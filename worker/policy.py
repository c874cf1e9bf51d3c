"""When a failing notification is tried again, and when it has failed for good. Pure functions of numbers."""

import random
from dataclasses import dataclass
from datetime import timedelta

__all__ = [
    "CREDENTIALS_HOLD_MS",
    "INLINE_TRIES",
    "INLINE_WAIT_SECONDS",
    "QUOTA_HOLD_MS",
    "THROTTLE_SECONDS",
    "TICKET_WAIT_MS",
    "RetryPolicy",
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
