"""What the threads of one worker process share, built once when the first of them needs it."""

import logging
import random
import threading
from functools import cache, cached_property

import redis

from ledger.connection import connect
from ledger.full import RedisWhenFull
from ledger.keys import Keys
from ledger.ledger import Ledger
from ledger.settings import Desk, Settings
from ledger.work import Work
from worker.delivery import Delivery
from worker.feishu.client import FeishuClient
from worker.feishu.codes import CodeTable
from worker.feishu.token import RedisTokens
from worker.images import Images
from worker.policy import RetryPolicy
from worker.tickets import Tickets

__all__ = ["Runtime", "runtime"]

log = logging.getLogger(__name__)


class Runtime:
    """The settings, one Redis client, and a `Delivery` for each desk that work has come for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = threading.Event()
        self.keys = Keys(settings.prefix)
        self._deliveries: dict[str, Delivery] = {}
        self._building = threading.Lock()

    @cached_property
    def redis(self) -> redis.Redis:
        return connect(self.settings, kind=RedisWhenFull)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.settings, self.redis)

    @cached_property
    def work(self) -> Work:
        longest_call_seconds = self._client(next(iter(self.settings.all_desks.values()))).longest_call_seconds
        return Work(self.redis, self.settings, longest_call_ms=round(longest_call_seconds * 1000))

    @cached_property
    def codes(self) -> CodeTable:
        return CodeTable.load(self.settings.error_codes)

    def delivery(self, desk_name: str) -> Delivery:
        """Raises BadInput when this worker's settings know no such desk."""
        with self._building:
            if desk_name not in self._deliveries:
                self._deliveries[desk_name] = self._delivery(self.settings.desk(desk_name))
            return self._deliveries[desk_name]

    def _delivery(self, desk: Desk) -> Delivery:
        feishu = self._client(desk)
        return Delivery(
            desk,
            self.work,
            feishu,
            Tickets(self.redis, self.keys, desk, feishu),
            Images(self.redis, self.keys, desk, feishu),
            RetryPolicy(self.settings.retry_for, random.Random()),  # noqa: S311  jitter is no secret
            self.stopping,
        )

    def _client(self, desk: Desk) -> FeishuClient:
        connect_seconds, answer_seconds = self.settings.timeout
        return FeishuClient(
            desk,
            RedisTokens(self.redis, self.settings.prefix),
            connect_seconds=connect_seconds,
            answer_seconds=answer_seconds,
            codes=self.codes,
        )


@cache
def runtime() -> Runtime:
    """This process's own. Celery gives its tasks and boot steps no better place to share something."""
    return Runtime(Settings.from_env())
