"""The pace of calls of the contact API: one at a time over all processes and desks of an app."""

import hashlib
import time
from collections.abc import Callable

import redis

from ledger.redis_keys import RedisKeys
from ledger.settings import Desk

__all__ = ["PACE_MS", "ContactPace"]

#: Between two calls. Feishu allows 1000 in a minute and 50 in a second for each of these calls; all of them share one
#: pace, which is simpler and slows nobody noticeably. The ms beyond 60 keeps a call that is delayed on its way out of
#: the next minute.
PACE_MS = 61


class ContactPace:
    """Threads may share it."""

    def __init__(
        self, client: redis.Redis, keys: RedisKeys, desk: Desk, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._redis = client
        self._key = keys.asking(_app(desk))
        self._sleep = sleep

    def wait(self) -> None:
        """Returns when it is this call's turn. A repeated call takes its turn again."""
        # A key that expires is not a queue, but overtaking does no harm here.
        while not self._redis.set(self._key, 1, nx=True, px=PACE_MS):
            self._sleep(max(1, self._redis.pttl(self._key)) / 1000)


def _app(desk: Desk) -> str:
    """The same for all desks of one app, whatever its secret is."""
    return hashlib.sha256(f"{desk.feishu_url}\0{desk.app_id}".encode()).hexdigest()[:16]
