"""Retries for Redis: what must get on record once a call was made is tried again for as long as that can help."""

import redis
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from ledger.connection import is_refusal

__all__ = ["RETRY_SECONDS", "is_redis_away", "retry_while_redis_is_away"]

#: As long as a lease can still be alive, seconds.
RETRY_SECONDS = 60


def is_redis_away(error: BaseException) -> bool:
    """Redis is away, or takes no writes: its disk is full, or its replicas are."""
    refused = isinstance(error, redis.ResponseError) and is_refusal(error)
    return refused or isinstance(error, (redis.ConnectionError, redis.TimeoutError))


def retry_while_redis_is_away() -> Retrying:
    """Through an outage of Redis. A claim whose answer was lost may have been made, and would end as `unknown` although
    no call was made; so would a result that does not get on record, or a hold before it. All may be repeated."""
    return Retrying(
        retry=retry_if_exception(is_redis_away),
        stop=stop_after_delay(RETRY_SECONDS),
        wait=wait_exponential(multiplier=0.1, max=2),
        reraise=True,
    )
