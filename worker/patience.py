"""Patience with Redis: what must get on record once a call is out is tried again for as long as that can help."""

import redis
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from ledger.connection import is_refusal

__all__ = ["PATIENT_SECONDS", "may_pass", "patiently"]

#: As long as a lease can still be alive, seconds.
PATIENT_SECONDS = 60


def may_pass(error: BaseException) -> bool:
    """Redis is away, or takes no writes: its disk is full, or its replicas are."""
    refused = isinstance(error, redis.ResponseError) and is_refusal(error)
    return refused or isinstance(error, (redis.ConnectionError, redis.TimeoutError))


def patiently() -> Retrying:
    """Through an outage of Redis. A claim whose answer was lost may have been made, and would end as `unknown` although
    no call was; so would a result that does not get on record, or a hold before it. All may be repeated."""
    return Retrying(
        retry=retry_if_exception(may_pass),
        stop=stop_after_delay(PATIENT_SECONDS),
        wait=wait_exponential(multiplier=0.1, max=2),
        reraise=True,
    )
