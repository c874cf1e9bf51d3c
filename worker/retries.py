"""What is tried again: writes that Redis did not take, within a minute; notifications that fail, within hours."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import ParamSpec, TypeVar

import redis
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from ledger.connection import is_refusal

__all__ = ["RETRY_SECONDS", "RetryPolicy", "is_redis_away", "retry_while_redis_is_away"]

P = ParamSpec("P")
T = TypeVar("T")

#: As long as a lease can still be alive, seconds.
RETRY_SECONDS = 60


def is_redis_away(error: BaseException) -> bool:
    """Redis is away, or takes no writes: its disk is full, or its replicas are."""
    refused = isinstance(error, redis.ResponseError) and is_refusal(error)
    return refused or isinstance(error, (redis.ConnectionError, redis.TimeoutError))


def retry_while_redis_is_away(do: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """Through an outage of Redis. A claim whose answer was lost may have been made, and would end as `unknown` although
    no call was made; so would a result that does not get on record, or a hold before it. All may be repeated."""
    try:
        return do(*args, **named)  # without tenacity, which a try that succeeds need not pay for
    except redis.RedisError as error:
        if not is_redis_away(error):
            raise
    return _retrying()(do, *args, **named)


@cache
def _retrying() -> Retrying:
    return Retrying(
        retry=retry_if_exception(is_redis_away),
        stop=stop_after_delay(RETRY_SECONDS),
        wait=wait_exponential(multiplier=0.1, max=2),
        reraise=True,
    )


#: The first deferral and the longest one, ms. Between them they double.
FIRST_DEFERRAL_MS, LONGEST_DEFERRAL_MS = 10_000, 1_800_000


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failing notification is tried again, and when it has failed for good. A pure function of numbers.

    `retry_for` bounds failing, not waiting: only the deferrals that a failure caused are charged.
    """

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
