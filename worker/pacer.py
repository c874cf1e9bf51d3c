"""The pacer: hands out slots. One runs in every worker process, and one of them leads."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

import redis
from redis.client import Pipeline

from ledger.append_only import AppendOnlyFile
from ledger.connection import text
from ledger.durability import Assurance
from ledger.errors import WrongVersion
from ledger.leases import Leases, Swept
from ledger.pruning import prune
from ledger.redis_clock import time_ms
from ledger.redis_keys import RedisKeys
from ledger.schema import bring_up_to_date
from ledger.settings import Desk
from worker.clock_steps import ClockSteps
from worker.leader import LEAD_AGAIN_SECONDS, Lead
from worker.policy import batch_size
from worker.seldom import Seldom
from worker.thread_share import ThreadShare

__all__ = ["Pacer"]

log = logging.getLogger(__name__)

#: Desks that one tick looks at.
DESKS = 100
#: Without room at the workers, the next look comes after this, seconds.
NO_ROOM_SECONDS = 0.005
#: After an error (Redis is away), seconds.
AFTER_ERROR_SECONDS = 0.5
#: A worker that is older than the ledger says so this often, seconds.
WRONG_VERSION_SECONDS = 5.0
#: Messages that may wait for a thread: for so many threads one, and so many at least. That is enough to keep them busy,
#: since the next look is near, and so little that a slot is still good when a busy worker comes to its message.
THREADS_FOR_ONE_AHEAD, LEAST_AHEAD = 8, 4
#: How often the leading pacer prunes the indexes, seconds.
PRUNE_SECONDS = 60.0
#: Workers that have not been heard of for this long are gone, ms.
SILENT_MS = 5_000
#: How often a worker tells that it lives, seconds.
HEARTBEAT_SECONDS = 1.0


class Pacer:
    """A thread that ticks when a desk is due.

    `publish(batches)` sends ids on, one message for each pair of a desk and some of its ids; `me` is
    `host:pid:threads`, unique to the process; `count_swept` is told what was taken back from lost workers; `call_ms`
    tells how long a desk's calls take lately, if that is known; `beat` is called at each turn, as a sign of life.
    """

    def __init__(
        self,
        client: redis.Redis,
        keys: RedisKeys,
        leases: Leases,
        desks: Mapping[str, Desk],
        publish: Callable[[Sequence[tuple[Desk, Sequence[str]]]], None],
        deliver_queue: str,
        me: str,
        count_swept: Callable[[Desk, Swept], None] = lambda *_: None,
        call_ms: Callable[[Desk], float | None] = lambda _: None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._redis = client
        self._keys = keys
        self._leases = leases
        self._desks = desks
        self._publish = publish
        self._queue = deliver_queue
        self._me = me
        self._count_swept = count_swept
        self._call_ms = call_ms
        self._beat = beat
        self._file = AppendOnlyFile(client, keys)
        self._slow = ThreadShare(leases.lease_ms / 1000)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pacer", daemon=True)
        self._lead = Lead(leases, me, self._others_live, ClockSteps(leases, desks.values()))
        self._complaints = Seldom()
        self._heartbeat_again = 0.0
        self._prune_again = 0.0
        self._credentials_seen = False
        self._strangers: set[str] = set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Hands the lead on at once. What was released and not claimed goes back to its lane by its lease."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if bring_up_to_date(self._redis, self._keys):
                    log.warning("the ledger was of an older version, and is migrated")
                self._see_durability()
                self._see_credentials()
                with self._redis.pubsub(ignore_subscribe_messages=True) as wakes:  # type: ignore[no-untyped-call]
                    wakes.subscribe(self._keys.wake)
                    self._pace(wakes)
            except WrongVersion as error:
                log.error("this worker does nothing: %s", error)
                self._pause(WRONG_VERSION_SECONDS)
            except (redis.RedisError, OSError) as error:
                if self._complaints.is_due(str(error)):
                    log.warning("the pacer pauses: %s", error)
                self._pause(AFTER_ERROR_SECONDS)
            except Exception as error:  # a pacer that ends would leave everything waiting until somebody notices
                if self._complaints.is_due(repr(error)):
                    log.exception("the pacer broke off, and goes on")
                self._pause(AFTER_ERROR_SECONDS)

    def _pause(self, seconds: float) -> None:
        self._beat()
        self._lead.stand_back()
        self._stopping.wait(seconds)

    def _pace(self, wakes: redis.client.PubSub) -> None:
        while not self._stopping.is_set():
            self._beat()
            wait_seconds = self._tick() if self._lead.keep() else self._follow()
            # Pub/sub instead of a blocking pop: its timeout is exact, a blocking pop's may be 100 ms late.
            if wait_seconds > 0:
                wakes.get_message(timeout=wait_seconds)
        self._lead.give_up()
        self._redis.zrem(self._keys.workers, self._me)

    def _see_durability(self) -> None:
        """Once, when Redis is there."""
        if not self._credentials_seen and not (given := Assurance(self._redis, self._keys).durability).is_sure:
            log.warning("what is accepted may not be on disk: %s; %s", given.found, given.do)

    def _see_credentials(self) -> None:
        """Once, when Redis is there: a worker may be started while it is away, and must not end for that."""
        if self._credentials_seen:
            return
        for desk in self._desks.values():
            if self._leases.resume(desk, if_changed=True):
                log.info("the credentials have changed, the hold is over", extra={"desk": desk.name})
        self._credentials_seen = True

    # -- one leads

    def _others_live(self) -> bool:
        since_ms = time_ms(self._redis.time()) - SILENT_MS
        living = self._redis.zrangebyscore(self._keys.workers, since_ms, "+inf")
        return any(text(name) != self._me for name in living)

    def _tell_that_we_live(self, pipe: Pipeline) -> None:
        """When it is time to. Behind what the pipeline holds already, so that it costs no round trip of its own."""
        now = time.monotonic()
        if now < self._heartbeat_again:
            return
        self._heartbeat_again = now + HEARTBEAT_SECONDS
        now_ms = self._leases.clock.now_ms()
        pipe.zadd(self._keys.workers, {self._me: now_ms})
        pipe.zremrangebyscore(self._keys.workers, "-inf", now_ms - max(SILENT_MS, self._leases.lease_ms))

    def _follow(self) -> float:
        """What a pacer does that does not lead. Returns how long nothing is to be done, seconds."""
        pipe = self._redis.pipeline(transaction=False)
        self._tell_that_we_live(pipe)
        pipe.execute()
        return LEAD_AGAIN_SECONDS

    # -- one tick

    def _tick(self) -> float:
        """Looks at the desks that are due. Returns how long nothing is to be done, seconds."""
        self._file.look()
        self._prune()
        asked = self._leases.clock.monotonic()
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        pipe.zrange(self._keys.desks, 0, DESKS, withscores=True)
        pipe.zrange(self._keys.workers, 0, -1, withscores=True)
        pipe.llen(self._queue)
        self._tell_that_we_live(pipe)
        now, planned, workers, queued, *_ = pipe.execute()
        now_ms = time_ms(now)
        self._leases.clock.note(asked, now_ms)
        due = self._known(text(name) for name, at_ms in planned if at_ms <= now_ms)
        if not due:
            return self._until_next(planned, now_ms)
        living, lately = _threads(workers, now_ms - SILENT_MS), _threads(workers, 0)
        ahead = max(LEAST_AHEAD, living // THREADS_FOR_ONE_AHEAD)
        room = ahead - queued
        # Filled up when half of it is free, so that a look serves several desks.
        if room < ahead // 2 or not living:
            return NO_ROOM_SECONDS
        # Each desk takes a message at least. Those that are left out stand first the next time.
        self._release(due[:room], room, lately)
        return 0

    def _prune(self) -> None:
        now = time.monotonic()
        if now >= self._prune_again:
            self._prune_again = now + PRUNE_SECONDS
            prune(self._leases)

    def _known(self, names: Iterable[str]) -> list[Desk]:
        known = []
        for name in names:
            if name in self._desks:
                known.append(self._desks[name])
            elif name not in self._strangers:
                self._strangers.add(name)
                log.error("notifications wait for a desk that is not configured here", extra={"desk": name})
        return known

    def _until_next(self, planned: Sequence[tuple[bytes, float]], now_ms: int) -> float:
        ahead = [at_ms - now_ms for name, at_ms in planned if text(name) in self._desks]
        soonest_ms = max(1.0, min(ahead, default=LEAD_AGAIN_SECONDS * 1000))
        return min(soonest_ms / 1000, LEAD_AGAIN_SECONDS)

    def _sweep(self, overdue: Sequence[Desk]) -> None:
        for desk, swept in zip(overdue, self._leases.sweep(overdue), strict=True):
            if any(swept):
                self._count_swept(desk, swept)
                log.warning(
                    "taken back from lost workers: %s to the lane, %s to send again, %s unknown",
                    *swept,
                    extra={"desk": desk.name},
                )

    def _release(self, due: Sequence[Desk], room: int, lately: int) -> None:
        """The desks that are due share the room."""
        share = -(-room // len(due))
        # `lately`: a lost worker's claims are in flight until their leases end, and must not use up the others' share.
        portions = [self._portion(desk, lately) for desk in due]
        shares = [(each.desk, each.size * share, each.size * each.messages) for each in portions]
        answers = self._leases.release(shares)
        if overdue := [desk for desk, released in zip(due, answers, strict=True) if released.overdue]:
            self._sweep(overdue)
        wanted = room // max(1, sum(bool(released.ids) for released in answers))
        by_desk = []
        for portion, released in zip(portions, answers, strict=True):
            self._slow.note(portion.desk.name, released.in_flight)
            batches = _batches(released.ids, portion.size, min(portion.messages, wanted))
            by_desk.append([(portion.desk, batch) for batch in batches])
        # The first of each desk, then the second of each: none waits for all of another.
        if in_turns := [batch for turn in zip_longest(*by_desk) for batch in turn if batch]:
            self._publish(in_turns)

    def _portion(self, desk: Desk, threads: int) -> "_Portion":
        call_ms = self._call_ms(desk)
        # With limits each notification has a slot, which must not wait for the call of another.
        size = 1 if desk.rate else batch_size(call_ms)
        alone = len(self._desks) == 1
        return _Portion(desk, size, threads if alone else self._slow.most(desk.name, call_ms, threads))


class _Portion(NamedTuple):
    """How many notifications of a desk go into a message, and how many messages of it may be under way."""

    desk: Desk
    size: int
    messages: int


def _threads(workers: Iterable[tuple[bytes, float]], since_ms: int) -> int:
    """The threads of workers that were heard of since then."""
    return sum(int(text(name).rpartition(":")[2]) for name, heard_ms in workers if heard_ms >= since_ms)


def _batches(ids: Sequence[str], largest: int, wanted: int) -> list[Sequence[str]]:
    """The ids in as few messages as can be, since each costs; or in so many as are `wanted` for every thread to find
    one, unless they are so few that a quarter of the time of a batch suffices for them."""
    if not ids:
        return []
    count = max(-(-len(ids) // largest), min(wanted, -(-len(ids) // max(1, largest // 4))))
    size = -(-len(ids) // count)
    return [ids[start : start + size] for start in range(0, len(ids), size)]
