"""The pacer: hands out slots. One runs in every worker process, and one of them leads."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import redis

from ledger.append_only import AppendOnlyFile
from ledger.connection import text
from ledger.durability import Assurance
from ledger.errors import WrongVersion
from ledger.ids import announcement_of, is_row
from ledger.leases import Leases, Swept
from ledger.redis_clock import time_ms
from ledger.redis_keys import RedisKeys
from ledger.schema import bring_up_to_date
from ledger.server_runs import ServerRuns
from ledger.settings import Desk
from ledger.states import INDEXED
from ledger.store import Store
from ledger.unread_lists import UnreadLists
from ledger.workers import FRESH_MS
from worker.charts import Charts
from worker.leader import LEAD_AGAIN_SECONDS, ClockSteps, Heartbeat, Lead, threads
from worker.release import Release

__all__ = ["Pacer", "Seldom", "prune"]

log = logging.getLogger(__name__)

#: Desks that one tick looks at.
DESKS = 100
#: Without room at the workers, the next look comes after this, seconds.
NO_ROOM_SECONDS = 0.005
#: The pause after an error (Redis is away), seconds.
AFTER_ERROR_SECONDS = 0.5
#: A worker that is older than the ledger says so this often, seconds.
WRONG_VERSION_SECONDS = 5.0
#: Messages that may wait for a thread: one for this many threads, and at least this many. That is enough to keep them
#: busy, since the next look is near, and few enough that a slot is still good when a busy worker gets to its message.
THREADS_FOR_ONE_AHEAD, LEAST_AHEAD = 8, 4
#: How often the leading pacer prunes the indexes, seconds.
PRUNE_SECONDS = 60.0
#: Ids that pruning looks at in one round trip.
PRUNE_PAGE = 500
#: Between two log lines about the same error, seconds: each comes after twice as long as the one before, up to the
#: second.
FIRST_COMPLAINT_SECONDS, LONGEST_COMPLAINT_SECONDS = 2.0, 300.0

#: A sorted set with its scores.
_Scores = Sequence[tuple[bytes, float]]


class Pacer:
    """A thread that ticks when a desk is due.

    `me` is `host:pid:threads`, unique to the process; `publish`, `count_swept` and `call_ms` are for `Release`; `beat`
    is called at each turn, as a sign of life.
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
        self._queue = deliver_queue
        self._beat = beat
        self._release = Release(leases, publish, count_swept, call_ms, is_one_desk=len(desks) == 1)
        self._heartbeat = Heartbeat(client, keys, leases, me)
        self._lead = Lead(leases, me, self._heartbeat.others_live, ClockSteps(leases, desks.values()))
        charts = Charts(leases, desks, lambda: self._lead.since_ms)
        self._lookouts = (AppendOnlyFile(client, keys), ServerRuns(client, keys), UnreadLists(client, keys), charts)
        self._complaints = Seldom()
        self._prune_at = 0.0
        self._is_checked = False
        self._strangers: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pacer", daemon=True)

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
                self._check_once()
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
            except Exception as error:  # without a pacer everything would wait until somebody notices
                if self._complaints.is_due(repr(error)):
                    log.exception("the pacer failed, and goes on")
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
        self._heartbeat.stop()

    def _check_once(self) -> None:
        """When Redis is there: a worker may be started while it is away, and must not end for that."""
        if self._is_checked:
            return
        if not (durability := Assurance(self._redis, self._keys).durability).is_sure:
            log.warning("what is accepted may not be on disk: %s; %s", durability.found, durability.do)
        for desk in self._desks.values():
            if self._leases.resume(desk, if_changed=True):
                log.info("the credentials have changed, the hold is over", extra={"desk": desk.name})
        self._is_checked = True

    def _follow(self) -> float:
        """The turn of a pacer that does not lead. Returns after how many seconds the next one comes."""
        pipe = self._redis.pipeline(transaction=False)
        self._heartbeat.beat(pipe)
        pipe.execute()
        return LEAD_AGAIN_SECONDS

    # -- one tick

    def _tick(self) -> float:
        """Releases for the desks that are due. Returns after how many seconds to look again."""
        for lookout in self._lookouts:
            lookout.look()
        self._prune()
        now_ms, schedule, workers, queued = self._look()
        due = self._known(text(name) for name, at_ms in schedule if at_ms <= now_ms)
        if not due:
            return self._until_next(schedule, now_ms)
        living = threads(workers, now_ms - FRESH_MS)
        ahead = max(LEAST_AHEAD, living // THREADS_FOR_ONE_AHEAD)
        room = ahead - queued
        # Filled up when half of it is free, so that a look serves several desks.
        if room < ahead // 2 or not living:
            return NO_ROOM_SECONDS
        # Each desk takes at least one message. The ones left out come first the next time.
        self._release(due[:room], room, threads(workers, 0))
        return 0

    def _look(self) -> tuple[int, _Scores, _Scores, int]:
        """The time, when desks are due, when workers reported, and how many messages wait for a thread."""
        asked_at = self._leases.clock.monotonic()
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        pipe.zrange(self._keys.desks, 0, DESKS, withscores=True)
        pipe.zrange(self._keys.workers, 0, -1, withscores=True)
        pipe.llen(self._queue)
        self._heartbeat.beat(pipe)
        now, schedule, workers, queued, *_ = pipe.execute()
        now_ms = time_ms(now)
        self._leases.clock.note(asked_at, now_ms)
        return now_ms, schedule, workers, queued

    def _prune(self) -> None:
        now = time.monotonic()
        if now >= self._prune_at:
            self._prune_at = now + PRUNE_SECONDS
            prune(self._leases)

    def _known(self, names: Iterable[str]) -> list[Desk]:
        desks = []
        for name in names:
            if name in self._desks:
                desks.append(self._desks[name])
            elif name not in self._strangers:
                self._strangers.add(name)
                log.error("notifications wait for a desk that is not configured here", extra={"desk": name})
        return desks

    def _until_next(self, schedule: _Scores, now_ms: int) -> float:
        ahead = [at_ms - now_ms for name, at_ms in schedule if text(name) in self._desks]
        soonest_ms = max(1.0, min(ahead, default=LEAD_AGAIN_SECONDS * 1000))
        return min(soonest_ms / 1000, LEAD_AGAIN_SECONDS)


class Seldom:
    """Whether to log once more what has happened again: a line that repeats twice a second hides all others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._what: object = None
        self._interval_seconds = FIRST_COMPLAINT_SECONDS
        self._next_at = self._last_at = float("-inf")

    def is_due(self, what: object) -> bool:
        """True at once for another thing than before, or for one that had not happened for the whole interval."""
        now = self._clock()
        is_news = what != self._what or now - self._last_at > self._interval_seconds
        self._what, self._last_at = what, now
        if not is_news and now < self._next_at:
            return False
        self._interval_seconds = (
            FIRST_COMPLAINT_SECONDS if is_news else min(self._interval_seconds * 2, LONGEST_COMPLAINT_SECONDS)
        )
        self._next_at = now + self._interval_seconds
        return True


def prune(store: Store) -> int:
    """Removes ids of expired records from the indexes. Returns their number."""
    keys = store.keys
    events = (keys.events, *map(keys.index, sorted(INDEXED)))
    pruned = sum(_prune(store, index, keys.notification) for index in events)
    pruned += _prune(store, keys.damaged, lambda id: _record_key(keys, id))
    return pruned + _prune(store, keys.announcements, keys.lane)


def _record_key(keys: RedisKeys, id: str) -> str:
    return keys.rows(announcement_of(id)) if is_row(id) else keys.notification(id)


def _prune(store: Store, index: str, key_of: Callable[[str], str]) -> int:
    now_s, _ = store.redis.time()
    oldest_kept_ms = now_s * 1000 - store.results_for_ms
    pruned = start = 0
    while ids := store.redis.zrange(index, "-inf", str(oldest_kept_ms), byscore=True, offset=start, num=PRUNE_PAGE):
        pipe = store.redis.pipeline(transaction=False)
        for id in ids:
            pipe.exists(key_of(text(id)))
        gone = [text(id) for id, exists in zip(ids, pipe.execute(), strict=True) if not exists]
        if gone:
            store.redis.zrem(index, *gone)
        pruned += len(gone)
        start += len(ids) - len(gone)
    return pruned
