"""The pace of calls of the contact API, over all processes and desks of an app. They take no slot."""

import time
from collections.abc import Callable
from typing import Any

import redis

from ledger.redis_keys import RedisKeys
from ledger.settings import Desk
from ledger.store import Verbs

__all__ = ["ContactPace"]


class ContactPace:
    """Threads may share it. The verb `contact` counts the calls, and says how many there may be.

    Feishu counts the calls of each of these APIs for itself. `api` is a name for those that share a pace here: a walk
    through departments takes minutes, and must not keep others from asking who is behind an address.
    """

    def __init__(
        self,
        client: redis.Redis,
        keys: RedisKeys,
        desk: Desk,
        *,
        api: str = "directory",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._verbs = Verbs(client, keys.prefix)
        self._app, self._api = desk.app, api
        self._sleep = sleep

    def wait(self) -> None:
        """Returns when it is this call's turn. A repeated call takes its turn again."""
        # Those who wait stand in no order: overtaking does no harm here.
        while wait_ms := self._asked():
            self._sleep(wait_ms / 1000)

    def _asked(self) -> int:
        answer: Any = self._verbs.call("contact", "", self._app, self._api)
        return int(answer)
