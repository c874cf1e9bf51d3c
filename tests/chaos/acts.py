"""What goes wrong in a run: acts, drawn one after another from a seed."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.announcement import AnnouncementState
from ledger.connection import text
from ledger.errors import NotAllowed
from tests.acceptance.site import WorkerProcess
from tests.chaos.redelivery import redeliver
from tests.chaos.stage import LEASE_SECONDS, Stage
from tests.chaos.watch import Watch

__all__ = ["THROTTLE_SECONDS", "Acts", "Stillness"]

#: How often each act is drawn. The kills make up three quarters.
_WEIGHTS = {
    "kill_worker": 36, "kill_leader": 20, "kill_valkey": 12, "kill_producer": 10, "kill_all": 1, "restart_all": 1,
    "freeze": 4, "cut_valkey": 2, "refuse_valkey": 1, "delay_valkey": 1, "lose_valkey": 2,
    "cut_sandbox": 2, "refuse_sandbox": 1, "delay_sandbox": 1, "lose_sandbox": 2,
    "throttle": 3, "redeliver": 6, "pause": 4, "resume": 4, "cancel": 1,
}  # fmt: skip
#: How long effects last after an act is over, seconds: until dead connections are found out (`ledger.connection` waits
#: 8 s for an answer), and until workers have found Valkey again (5 s, of which the watch allows two itself).
_DEAD_CONNECTION_SECONDS, _VALKEY_BACK_SECONDS = 12.0, 3.0
#: How long the API asks for when it is made to throttle, seconds.
THROTTLE_SECONDS = 3
#: After its return, no call may take longer to come than this, seconds.
RESUME_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 0.02
_BY = "chaos"


@dataclass(frozen=True, slots=True)
class Stillness:
    """When no call of an announcement may begin, unix seconds."""

    announcement: str
    told_at: float
    until: float = float("inf")


@dataclass
class Acts:
    """Does them, and keeps what the judge must know."""

    stage: Stage
    watch: Watch
    rng: random.Random
    say: Callable[[str], None]
    done: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    worker_kills: list[float] = field(default_factory=list)
    resumed_after: list[float] = field(default_factory=list)  #: Valkey's return to the next call, seconds
    unpublished: int = 0  #: kills of the leading pacer that left something released and not published
    problems: list[str] = field(default_factory=list)
    paused: dict[str, float] = field(default_factory=dict)
    stillnesses: list[Stillness] = field(default_factory=list)
    _undo: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def act(self) -> None:
        """Draws one and does it."""
        [name] = self.rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
        self.do(name)

    def do(self, name: str) -> None:
        self.done[name] += 1
        self.say(name)
        getattr(self, f"_{name}")()

    def wait(self, seconds: float) -> None:
        """Passes time: what was to end ends, and who was killed is started again."""
        until = time.monotonic() + seconds
        while True:
            for item in [item for item in self._undo if item[0] <= time.monotonic()]:
                self._undo.remove(item)
                item[1]()
            self._look_after_processes()
            if time.monotonic() >= until:
                return
            time.sleep(_LOOK_AGAIN_SECONDS)

    def undo_all(self) -> None:
        for _, undo in self._undo:
            undo()
        self._undo.clear()
        for id in list(self.paused):
            self._resume_one(id)

    def _later(self, seconds: float, undo: Callable[[], None]) -> None:
        self._undo.append((time.monotonic() + seconds, undo))

    def _look_after_processes(self) -> None:
        for producer in self.stage.producers:
            if producer.exit_code not in (None, 0):
                self.problems.append(f"{producer.name} ended by itself with {producer.exit_code}")
                producer.start()
        for worker in self.stage.workers:
            if not worker.runs:
                self.problems.append(f"worker {worker.name} ended by itself")
                self.stage.kill_worker(worker)

    # -- kills

    def _kill(self, worker: WorkerProcess) -> None:
        self.watch.disturb()
        self.worker_kills.append(self.stage.kill_worker(worker))
        self.kills["worker"] += 1

    def _kill_worker(self) -> None:
        ready = self.stage.wait_until_ready(2)
        self._wait_for_a_call()
        self._kill(self.rng.choice(ready))

    def _wait_for_a_call(self) -> None:
        for _ in range(20):
            if self.stage.site.sandbox.stats()["in_flight"]:
                return
            self.wait(0.05)

    def _kill_leader(self) -> None:
        """Valkey is a little far away meanwhile: then the pacer is mostly between a release and its publishing."""
        self.stage.wait_until_ready(2)
        self.stage.to_valkey.delay(requests_seconds=0.02, answers_seconds=0.02)
        self.wait(self.rng.uniform(0.1, 0.4))
        leader = self.stage.site.leader_pid
        for worker in self.stage.workers:
            if worker.pid == leader and worker not in self.stage.frozen:
                self._kill(worker)
                self.kills["pacer"] += 1
                self.kills["worker"] -= 1
        self.stage.to_valkey.make_whole()
        self.watch.disturb()
        self.wait(0.3)
        self.unpublished += bool(self._released_and_not_published())

    def _released_and_not_published(self) -> list[str]:
        """A second ago or more, no worker has claimed them, and they stand in no message."""
        ledger = self.stage.site.ledger
        pipe = ledger.redis.pipeline(transaction=False)
        pipe.time()
        pipe.zrange(ledger.keys.leases("default"), 0, -1, withscores=True)
        pipe.lrange("deskbell.deliver", 0, -1)
        (seconds, micros), leases, queued = pipe.execute()
        now_ms = seconds * 1000 + micros / 1000
        # Of a released one the lease lasts 5 s, of a claimed one much longer.
        return [text(id) for id, ends_ms in leases if ends_ms - now_ms < 4_800 and not queued]

    def _kill_valkey(self) -> None:
        self.stage.to_valkey.make_whole()
        self.stage.wait_until_ready(1)
        survivors = set(self.stage.ready())
        self.kills["valkey"] += 1
        self.stage.site.kill_valkey()
        time.sleep(self.rng.choice([0.0, 0.3, 1.0, 3.0, 6.0]))
        before = self.stage.calls_so_far()
        self.stage.site.valkey.start()
        self.watch.disturb(_VALKEY_BACK_SECONDS)
        self._see_it_resume(before, time.monotonic(), bool(survivors))

    def _see_it_resume(self, before: int, back_at: float, has_workers: bool) -> None:
        if not has_workers or not self._something_may_go():
            return
        while (seconds := time.monotonic() - back_at) < 3 * RESUME_SECONDS:
            if self.stage.calls_so_far() > before:
                self.resumed_after.append(seconds)
                break
            self.wait(_LOOK_AGAIN_SECONDS)
        if seconds > RESUME_SECONDS and self._something_may_go():
            self.problems.append(f"Valkey was back, and no call came within {seconds:.1f} s")

    def _something_may_go(self) -> bool:
        """Whether something waits for nothing but a slot, and the desk is not held."""
        ledger = self.stage.site.ledger
        waits = ledger.redis.llen(ledger.keys.waiting("e_default")) or ledger.redis.zcard(ledger.keys.turns("default"))
        return bool(waits) and not self.stage.site.hold()

    def _kill_producer(self) -> None:
        working = [producer for producer in self.stage.producers if not producer.is_done]
        if not working:
            return self._kill_worker()
        producer = self.rng.choice([*working, working[-1], working[-1]])  # the last one announces
        for _ in range(200):
            if producer.journal.is_asking or producer.is_done:
                break
            time.sleep(0.005)
        time.sleep(self.rng.uniform(0, 0.1))
        if producer.is_done:
            return None
        producer.kill()
        self.kills["producer"] += 1
        producer.start()
        return None

    def _kill_all(self) -> None:
        """As a power cut does it, except that the kernel keeps what was written to files."""
        self.stage.to_valkey.make_whole()
        for worker in list(self.stage.workers):
            worker.kill()
        self.stage.site.kill_valkey()
        for producer in self.stage.producers:
            if not producer.is_done:
                producer.kill()
                self.kills["producer"] += 1
        self.worker_kills.append(time.time())
        self.kills.update({"worker": len(self.stage.workers), "valkey": 1})
        self._start_all()

    def _restart_all(self) -> None:
        self.stage.to_valkey.make_whole()
        self.stage.thaw_all()
        self.stage.site.stop_workers()
        self.stage.site.valkey.stop()
        self._start_all()

    def _start_all(self) -> None:
        self.stage.site.valkey.start()
        self.stage.frozen.clear()
        self.stage.workers = [self.stage.site.start_worker() for _ in self.stage.workers]
        for producer in self.stage.producers:
            if producer.exit_code not in (None, 0):
                producer.start()
        self.stage.wait_until_ready(1)
        self.watch.disturb(_VALKEY_BACK_SECONDS)

    # -- freezes, cuts, delays

    def _freeze(self) -> None:
        if self.stage.frozen:
            return
        worker = self.rng.choice(self.stage.wait_until_ready(2))
        self.stage.freeze(worker)
        self.watch.disturb()
        self._later(LEASE_SECONDS + self.rng.uniform(0.5, 3.0), lambda: self.stage.thaw(worker))

    def _cut_valkey(self) -> None:
        self.stage.to_valkey.cut(self.rng.uniform(0.3, 1.0), self.rng)
        self.watch.disturb(_VALKEY_BACK_SECONDS)

    def _refuse_valkey(self) -> None:
        self.stage.to_valkey.refuse()
        self._make_valkey_whole_in(self.rng.uniform(0.5, 3.0))

    def _delay_valkey(self) -> None:
        self.stage.to_valkey.delay(
            requests_seconds=self.rng.uniform(0, 0.05), answers_seconds=self.rng.uniform(0, 0.05)
        )
        self._make_valkey_whole_in(self.rng.uniform(1, 3))

    def _make_valkey_whole_in(self, seconds: float) -> None:
        self.watch.disturb(seconds + _VALKEY_BACK_SECONDS)
        self._later(seconds, self.stage.to_valkey.make_whole)

    def _lose_valkey(self) -> None:
        share = self.rng.uniform(0.2, 1.0)
        self.stage.to_valkey.lose(share, self.rng, requests=self.rng.random() < 0.5)
        self.watch.disturb(_DEAD_CONNECTION_SECONDS)

    def _cut_sandbox(self) -> None:
        self.stage.to_sandbox.cut(self.rng.uniform(0.3, 1.0), self.rng)

    def _refuse_sandbox(self) -> None:
        self.stage.to_sandbox.refuse()
        self._later(self.rng.uniform(0.3, 2.0), self.stage.to_sandbox.make_whole)

    def _delay_sandbox(self) -> None:
        """Only the answers: requests that are kept back and let go together would break the quota, and nobody here
        could have known."""
        self.stage.to_sandbox.delay(answers_seconds=self.rng.uniform(0.2, 1.2))
        self._later(self.rng.uniform(0.5, 2.0), self.stage.to_sandbox.make_whole)

    def _lose_sandbox(self) -> None:
        share = self.rng.uniform(0.2, 1.0)
        self.stage.to_sandbox.lose(share, self.rng, requests=self.rng.random() < 0.5)

    def _throttle(self) -> None:
        """One call gets a 429; nothing else begins until the throttle is over."""
        headers = {"x-ogw-ratelimit-reset": str(THROTTLE_SECONDS)}
        answer = {"status": 429, "code": 99991400, "msg": "request trigger frequency limit", "headers": headers}
        self.stage.site.sandbox.fault({"prefix": "ou_"}, {"answer": answer}, times=1)
        self.wait(THROTTLE_SECONDS + 1)

    # -- copies of messages, and people

    def _redeliver(self) -> None:
        """Some of all ids that there are, and those that are on their way just now."""
        ledger = self.stage.site.ledger
        on_their_way = [text(id) for id in ledger.redis.zrange(ledger.keys.leases("default"), 0, -1)]
        ids = self.all_ids()
        redeliver(ledger.redis, [*self.rng.sample(ids, min(300, len(ids))), *on_their_way], self.rng)

    def all_ids(self) -> list[str]:
        """Of all notifications that producers were told of."""
        ids = []
        for key, told in self.stage.told().items():
            for id in told:
                ids += list(self.stage.traffic.announcement(int(key[1:])).ids(id)) if key[0] == "a" else [id]
        return ids

    def _pause(self) -> None:
        running = [id for id in self._announced() if self._state_of(id) is AnnouncementState.RUNNING]
        if not running:
            return
        id = self.rng.choice(running)
        try:
            self.stage.site.ledger.announcements.pause(id, _BY)
        except NotAllowed:  # it has just finished
            return
        self.paused[id] = time.time()
        self._later(self.rng.uniform(2, 15), lambda: self._resume_one(id))

    def _resume(self) -> None:
        for id in list(self.paused)[:1]:
            self._resume_one(id)

    def _resume_one(self, id: str) -> None:
        if id in self.paused:
            self.stillnesses.append(Stillness(id, self.paused.pop(id), time.time()))
            try:
                self.stage.site.ledger.announcements.resume(id, _BY)
            except NotAllowed:  # its last rows in flight came to an end: it is finished
                return

    def _cancel(self) -> None:
        going = [id for id in self._announced() if self._state_of(id) is AnnouncementState.RUNNING]
        if not going:
            return
        id = self.rng.choice(going)
        try:
            self.stage.site.ledger.announcements.cancel(id, _BY)
        except NotAllowed:  # it has just finished
            return
        self.stillnesses.append(Stillness(id, time.time()))

    def _announced(self) -> list[str]:
        return sorted(id for key, ids in self.stage.told().items() if key[0] == "a" for id in ids)

    def _state_of(self, id: str) -> AnnouncementState:
        return self.stage.site.ledger.announcements.get(id).state
