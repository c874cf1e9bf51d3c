"""The store under the ledger: one Redis with its keys and its verbs, and what it takes until a write is safe."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import redis

from ledger.cluster import refuse_cluster
from ledger.connection import connect
from ledger.durability import Assurance
from ledger.errors import NotDurable
from ledger.redis_keys import RedisKeys
from ledger.settings import Settings
from ledger.verbs import Argument, Verbs

__all__ = ["FSYNC_TIMEOUT_MS", "Store"]

#: How long a durable write waits for the disk before it is an error, ms. The caller repeats it with the same key.
FSYNC_TIMEOUT_MS = 5000


class Store:
    """What `Ledger`, its announcements and everything else that reads or writes the record have in common."""

    def __init__(
        self, settings: Settings, client: redis.Redis | None = None, *, most_fsync_ms: int | None = None
    ) -> None:
        """`most_fsync_ms` is for callers that have less time than FSYNC_TIMEOUT_MS."""
        self.settings = settings
        self._most_fsync_ms = most_fsync_ms
        self.redis = client or connect(settings)
        self.keys = RedisKeys(settings.prefix)
        self.verbs = Verbs(self.redis, settings.prefix)
        self.assurance = Assurance(self.redis, self.keys)
        self.results_for_ms = settings.results_for // timedelta(milliseconds=1)
        self.retry_for_ms = settings.retry_for // timedelta(milliseconds=1)
        self._server_is_fit = False  # not asked yet

    @classmethod
    def from_env(cls) -> Self:
        return cls(Settings.from_env())

    def key_ttl_ms(self, *times: datetime | None) -> int:
        """A key is remembered as long as it can be in motion, until the last of `times`, and its result on record."""
        ahead = 0
        if last := max((time for time in times if time), default=None):
            ahead = max(0, (last - datetime.now(UTC)) // timedelta(milliseconds=1))
        return ahead + self.retry_for_ms + self.results_for_ms

    def durably(self, verb: str, desk: str, *arguments: Argument) -> Any:
        """Calls a verb, and returns when its writes are fsynced, as far as the server can be sure. Raises NotDurable.

        Where the server wants replicas (`min-replicas-to-write`), when one of these has them too.
        """
        [result] = self.durably_each(verb, [(desk, arguments)])
        return result

    def durably_each(self, verb: str, calls: Iterable[tuple[str, tuple[Argument, ...]]]) -> list[Any]:
        """As `durably`, for several desks with one fsync."""
        self._check_server()
        named = [(verb, desk, arguments) for desk, arguments in calls]
        timeout_ms = min(FSYNC_TIMEOUT_MS, self._most_fsync_ms or FSYNC_TIMEOUT_MS)
        results, safe = self.verbs.call_many_durably(named, self.assurance.waits, timeout_ms=timeout_ms)
        if not safe:
            raise NotDurable(f"Redis did not confirm the write within {timeout_ms} ms: repeat with the same key")
        return results

    def _check_server(self) -> None:
        if not self._server_is_fit:
            refuse_cluster(self.redis, self.settings.redis)
            self._server_is_fit = True
