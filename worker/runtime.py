"""What the threads of one worker process share, built once when the first of them needs it."""

import logging
import random
import threading
from collections.abc import Callable
from functools import cache, cached_property, partial

import redis

from feishu.client import FeishuClient
from feishu.codes import CodeTable
from feishu.images import Images
from feishu.people import People
from feishu.token import RedisTokens
from feishu.verdict import Verdict
from ledger.connection import connect
from ledger.leases import Leases
from ledger.ledger import Ledger
from ledger.redis_clock import RedisClock
from ledger.redis_keys import RedisKeys
from ledger.redis_when_full import RedisWhenFull
from ledger.saved_templates import SavedTemplates
from ledger.sentinels import Sentinels
from ledger.settings import Desk, Settings
from ledger.spread_ledger import open_ledgers
from ledger.tally import CounterBuffer, Tally
from worker.delivery import Delivery
from worker.metrics import DeskMetrics
from worker.retries import RetryPolicy
from worker.tickets import Tickets
from worker.tracing import trace_call
from worker.watchdog import CONSUMER, PACER, Watchdog

__all__ = ["Runtime", "runtime"]

log = logging.getLogger(__name__)

#: For Redis to answer the pacer or a delivery, seconds. Over a half-open connection they wait this long; and a claim
#: must be repeated while the notification is still released (`ledger.leases.RELEASED_LEASE_MS`).
ANSWER_SECONDS = 3.0


class Runtime:
    """The settings, the Redis clients, and a `Delivery` for each desk that has had work."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = threading.Event()
        self.keys = RedisKeys(settings.prefix)
        self.clock = RedisClock()
        self._deliveries: dict[str, Delivery] = {}
        self._building = threading.Lock()

    @cached_property
    def redis(self) -> redis.Redis:
        return connect(self.settings, answer_seconds=ANSWER_SECONDS, kind=RedisWhenFull)

    @cached_property
    def ledger(self) -> Ledger:
        """With its own connections, on which an answer may take as long as an fsync."""
        return Ledger(self.settings, connect(self.settings, kind=RedisWhenFull))

    @cached_property
    def installation(self) -> Ledger:
        """The ledgers of all servers, for messages of other Celery applications: they may be for any desk."""
        if len(self.settings.servers) == 1:
            return self.ledger
        return open_ledgers(self.settings, partial(connect, kind=RedisWhenFull))

    @cached_property
    def templates(self) -> SavedTemplates:
        return SavedTemplates(self.installation)

    @cached_property
    def leases(self) -> Leases:
        return Leases(self.redis, self.settings, longest_call_ms=self._longest_call_ms, clock=self.clock)

    @cached_property
    def pacing(self) -> Leases:
        """The pacer's, with its own connections: in a shared pool, each half-open one that a thread puts back would
        delay it once more."""
        client = connect(self.settings, answer_seconds=ANSWER_SECONDS, kind=RedisWhenFull)
        return Leases(client, self.settings, longest_call_ms=self._longest_call_ms, clock=self.clock)

    @cached_property
    def sentinels(self) -> Sentinels:
        """Celery's own. It opens no connection where the URL names no sentinels."""
        return Sentinels(self.settings.redis, self.settings.sentinel_password.get_secret_value())

    @property
    def _longest_call_ms(self) -> int:
        client = self._client(next(iter(self.settings.desks_here.values())))
        return round(client.longest_call_seconds * 1000)

    @cached_property
    def watchdog(self) -> Watchdog:
        """Of this process. It is started with the worker."""
        return Watchdog((PACER, CONSUMER))

    @cached_property
    def counters(self) -> CounterBuffer:
        """What this process counts for the metrics."""
        return CounterBuffer(Tally(self.redis, self.keys))

    @cached_property
    def codes(self) -> CodeTable:
        return CodeTable.load(self.settings.error_codes)

    def delivery(self, desk_name: str) -> Delivery:
        """Raises BadInput when this worker's settings know no such desk."""
        with self._building:
            if desk_name not in self._deliveries:
                self._deliveries[desk_name] = self._delivery(self.settings.desk(desk_name))
            return self._deliveries[desk_name]

    def people(self, desk: Desk) -> People:
        """Who is behind an address."""
        metrics = DeskMetrics(self.counters, desk, self.codes)
        feishu = self._client(desk, on_verdict=partial(_note_call, metrics))
        return People(self.redis, self.settings, desk, feishu)

    def call_ms(self, desk: Desk) -> float | None:
        """How long the desk's recent calls took in this process; if there are none, the calls of other desks to the
        same server; else None."""
        delivery = self._deliveries.get(desk.name)
        own_ms = delivery.durations.recent_ms if delivery else None
        return own_ms if own_ms is not None else self._server_ms(desk.feishu_url)

    def _server_ms(self, url: str) -> float | None:
        # The last known one will do as a first guess. A copy, since other threads add to it.
        for delivery in reversed(list(self._deliveries.values())):
            if delivery.desk.feishu_url == url and (known_ms := delivery.durations.recent_ms) is not None:
                return known_ms
        return None

    def _delivery(self, desk: Desk) -> Delivery:
        metrics = DeskMetrics(self.counters, desk, self.codes)
        feishu = self._client(desk, on_verdict=partial(_note_call, metrics))
        return Delivery(
            desk,
            self.leases,
            feishu,
            Tickets(self.redis, self.keys, desk, feishu),
            Images(self.redis, self.keys, desk, feishu),
            RetryPolicy(self.settings.retry_for, random.Random()),  # noqa: S311  jitter is no secret
            metrics,
            self.stopping,
        )

    def _client(self, desk: Desk, on_verdict: Callable[[Verdict], None] = lambda _: None) -> FeishuClient:
        return FeishuClient(
            desk,
            RedisTokens(self.redis, self.settings.prefix),
            timeout=self.settings.timeout,
            codes=self.codes,
            on_verdict=on_verdict,
        )


def _note_call(metrics: DeskMetrics, verdict: Verdict) -> None:
    metrics.call(verdict)
    trace_call(verdict)


@cache
def runtime() -> Runtime:
    """The one of this process. Celery gives its tasks and boot steps no better place to share things."""
    return Runtime(Settings.from_env())
