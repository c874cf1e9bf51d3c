"""Authentication by API keys, and their rates.

Every request asks Redis, so that a revoked key ends at once; concurrent requests share the round trip.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import limits
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from ledger.api_key import ApiKey
from ledger.api_keys import ApiKeys
from ledger.connection import reachable
from ledger.ledger import Ledger
from ledger.rate import parse_rate
from producers.web.batcher import Batcher

__all__ = ["KeyVerifier"]

#: Secrets looked up in one round trip.
_AT_ONCE = 500


class _Storage(RedisStorage):
    """Without Valkey's own client, which `limits` loads beside redis-py's: 2 MiB for nothing."""

    DEPENDENCIES = {"redis": RedisStorage.DEPENDENCIES["redis"]}  # noqa: RUF012  as there


class KeyVerifier:
    """Finds keys by their secrets, and counts their calls."""

    def __init__(self, ledger: Ledger, keys: ApiKeys) -> None:
        self._ledger, self._keys = ledger, keys
        self._executor = ThreadPoolExecutor(2, "doorkeeper")
        self._lookups: Batcher[str, ApiKey | None] = Batcher(self._find, self._executor, at_once=_AT_ONCE)
        self._openness: Batcher[None, bool] = Batcher(self._are_configured, self._executor, at_once=_AT_ONCE)
        # Its own name for the store is of no account: it uses our connections.
        storage = _Storage(
            "redis://", connection_pool=ledger.redis.connection_pool, key_prefix=ledger.keys.api_key_rate("")[:-1]
        )
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    async def find(self, secret: str) -> ApiKey | None:
        """The usable key of this secret, as it is now."""
        return await self._lookups.ask(secret)

    async def keys_are_configured(self) -> bool:
        return await self._openness.ask(None)

    def wait_seconds(self, key: ApiKey) -> float:
        """Counts one call of the key. 0 when its rate allows it, else how long to wait. Blocks."""
        if not key.rate:
            return 0
        with reachable(self._ledger.settings):
            for limit in parse_rate(key.rate):
                item = limits.RateLimitItemPerSecond(limit.calls, limit.seconds, namespace=key.id)
                if not self._limiter.hit(item):
                    return max(self._limiter.get_window_stats(item).reset_time - time.time(), 0.001)
        return 0

    def close(self) -> None:
        self._executor.shutdown()
        self._ledger.redis.close()

    def _find(self, secrets: Sequence[str]) -> list[ApiKey | None]:
        distinct = list(dict.fromkeys(secrets))
        with reachable(self._ledger.settings):
            found = dict(zip(distinct, self._keys.find_many(distinct), strict=True))
        return [found[secret] for secret in secrets]

    def _are_configured(self, askers: Sequence[None]) -> list[bool]:
        with reachable(self._ledger.settings):
            return [self._keys.are_configured()] * len(askers)
