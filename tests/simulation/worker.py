"""A worker process: the real pacer and the real delivery, with simulated threads."""

import logging
import random
import types
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from greenlet import getcurrent

import ledger.ids
import ledger.leases
import worker.delivery
import worker.release
import worker.resolver
from feishu.people import People
from ledger.connection import connect
from ledger.leases import Leases
from ledger.redis_clock import RedisClock
from ledger.settings import Desk, Settings
from ledger.unresolved import Unresolved
from tests.simulation.api import LONGEST_CALL_SECONDS, Api, SimulatedFeishu
from tests.simulation.network import Network, SimulatedConnection, SimulatedRedis
from tests.simulation.queue import Queue
from tests.simulation.timeline import Process, SimulatedEvent
from worker.delivery import Delivery
from worker.pacer import Pacer
from worker.resolver import Resolver
from worker.retries import RetryPolicy, is_redis_away
from worker.runtime import ANSWER_SECONDS
from worker.tickets import Tickets

__all__ = ["THREADS", "Worker", "client", "with_seeded_names"]

log = logging.getLogger("worker.simulated")

#: Of a worker.
THREADS = 3
#: Of a claim, ms: a call begins within 5 s and takes 1.5 s, and what is left afterwards is less than in production, so
#: that a schedule is over sooner.
LEASE_MS = 9_000
_RETRY_FOR = timedelta(hours=24)


def client(settings: Settings, network: Network, answer_seconds: float = ANSWER_SECONDS) -> SimulatedRedis:
    """As production makes it, with its retries, but for the connections."""
    made = connect(settings, answer_seconds=answer_seconds, kind=SimulatedRedis)
    pool = made.connection_pool
    pool.connection_class = SimulatedConnection
    pool.connection_kwargs |= {"network": network, "driver_info": None}
    assert isinstance(made, SimulatedRedis)
    return made


def with_seeded_names(rng: random.Random) -> None:
    """The names that the code under test draws come from the seed, and its threads are greenlets."""
    names = types.SimpleNamespace(uuid4=lambda: UUID(int=rng.getrandbits(128)))
    worker.delivery.uuid = names  # type: ignore[assignment]
    ledger.leases.secrets = types.SimpleNamespace(  # type: ignore[assignment]
        token_hex=lambda number: f"{rng.getrandbits(8 * number):0{2 * number}x}"
    )
    ledger.ids._chance.seed(rng.getrandbits(64))
    worker.release.threading = types.SimpleNamespace(get_ident=lambda: id(getcurrent()))  # type: ignore[assignment]
    worker.resolver.uuid = names  # type: ignore[assignment]
    worker.resolver.threading = types.SimpleNamespace(Event=_event, Thread=_Thread)  # type: ignore[assignment]


def _event() -> SimulatedEvent:
    return SimulatedEvent(getcurrent().process.timeline)  # type: ignore[attr-defined]


class _Thread:
    """As `threading.Thread`, of the process whose thread makes it."""

    def __init__(self, target: Callable[[], None], **_: object) -> None:
        self._process: Process = getcurrent().process  # type: ignore[attr-defined]
        self._target = target

    def start(self) -> None:
        self._process.spawn(self._target)

    def join(self, timeout: float | None = None) -> None: ...


class _NoMetrics:
    """Counting is not simulated."""

    def deliveries(self, *_: object) -> None: ...


class Worker(Process):
    """Started at once. `rng` is that of the schedule."""

    def __init__(
        self, name: str, number: int, network: Network, queue: Queue, api: Api, settings: Settings, desk: Desk,
        rng: random.Random, *, asks: bool = False,
    ) -> None:  # fmt: skip
        """`asks`: there are events by address in the schedule."""
        super().__init__(network.timeline, name)
        self.me = f"host:{number}:{THREADS}"
        self.stopping = SimulatedEvent(network.timeline)
        self.stopped_at: float | None = None
        self._network, self._queue, self._rng = network, queue, rng
        self.chance_of_pause = 0.0
        clock = RedisClock()
        longest_call_ms = round(LONGEST_CALL_SECONDS * 1000)
        self.leases = Leases(client(settings, network), settings, longest_call_ms=longest_call_ms, clock=clock)
        self.leases.lease_ms = LEASE_MS
        pacing = Leases(client(settings, network), settings, longest_call_ms=longest_call_ms, clock=clock)
        feishu = SimulatedFeishu(api, self._pause_seconds)
        self.delivery = self._delivery(desk, feishu)
        self.pacer = self._pacer(pacing, desk)
        if number % 2:
            self._act_as_among_many_desks()
        self._resolver: Resolver | None = None
        self.spawn(self._pace)
        if asks:
            self.spawn(self._resolve, settings, desk, feishu)
        for _ in range(THREADS):
            self.spawn(self._consume)

    def _delivery(self, desk: Desk, feishu: Any) -> Delivery:
        redis, keys = self.leases.redis, self.leases.keys
        return Delivery(
            desk, self.leases, feishu, Tickets(redis, keys, desk, feishu), None,  # type: ignore[arg-type]
            RetryPolicy(_RETRY_FOR, self._rng), _NoMetrics(), self.stopping,  # type: ignore[arg-type]
        )  # fmt: skip

    def _pacer(self, leases: Leases, desk: Desk) -> Pacer:
        def publish(batches: Sequence[tuple[Desk, Sequence[str]]]) -> None:
            self._queue.publish(leases.redis, batches)

        pacer = Pacer(
            leases.redis, leases.keys, leases, {desk.name: desk}, publish, self._queue.key, self.me,
            call_ms=lambda _: self.delivery.durations.recent_ms,
        )  # fmt: skip
        # The simulated server keeps no file, and no other program writes to it.
        pacer._lookouts = ()  # type: ignore[assignment]
        pacer._is_checked = True
        pacer._prune_at = float("inf")
        pacer._stopping = self.stopping  # type: ignore[assignment]
        return pacer

    def _act_as_among_many_desks(self) -> None:
        """When more desks are due than messages may go out, each gets one message, of several notifications."""
        release = self.pacer._release
        self.pacer._release = lambda due, room, threads: release(due, len(due), threads)  # type: ignore[assignment]

    def _resolve(self, settings: Settings, desk: Desk, feishu: Any) -> None:
        """As the thread of the resolver, which starts one for the asker."""
        redis = client(settings, self._network)
        unresolved = Unresolved(settings, redis)
        self._resolver = Resolver(unresolved, {desk.name: desk}, lambda each: People(redis, settings, each, feishu))
        self._resolver._stopping = self.stopping  # type: ignore[assignment]
        self._resolver._run()

    def _pause_seconds(self) -> float:
        """Before a call: mostly none; else longer than a slot is good, and now and then than a lease allows."""
        if self._rng.random() >= self.chance_of_pause:
            return 0.0
        return self._rng.choice((0.05, 0.3, 2.0, 5.5))

    def _pace(self) -> None:
        self.pacer._run()

    def _consume(self) -> None:
        """A thread that takes messages until the worker stops."""
        while not self.stopping.is_set():
            if ids := self._queue.take(self):
                self._deliver(ids)

    def _deliver(self, ids: Sequence[str]) -> None:
        """As a Celery task, which logs what it raises."""
        try:
            self.delivery.deliver(ids)
        except Exception as error:
            self._network.story.note(self.name, "a task failed", repr(error))
            if not is_redis_away(error):
                log.exception("a task failed")

    def stop(self) -> None:
        """As SIGTERM."""
        self.stopped_at = self.timeline.now
        self.stopping.set()
        if self._resolver:
            self._resolver.stop()
        self._queue.leave(self)
