"""SIGKILL: of workers in their calls, the leading pacer, Valkey, the web process, producers, and everything."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.leases import RELEASED_LEASE_MS
from tests.acceptance.installation import WorkerProcess
from tests.chaos.finding import Finding
from tests.chaos.scene import VALKEY_BACK_SECONDS, Scene
from tests.chaos.stage import QUOTA_CALLS, QUOTA_SECONDS, ProducerProcess

__all__ = ["RESUME_SECONDS", "Kills"]

#: After Valkey's return, no call may take longer to come than this, seconds.
RESUME_SECONDS = 5.0
#: How long Valkey is away, seconds: one of them.
_AWAY_SECONDS = (0.0, 0.3, 1.0, 3.0, 6.0)
_LOOK_AGAIN_SECONDS = 0.02
#: For a walk to begin and go on, seconds.
_WALK_SECONDS = 8.0


@dataclass
class Kills:
    """Does them and counts them."""

    scene: Scene
    counts: Counter[str] = field(default_factory=Counter)
    workers_at: list[float] = field(default_factory=list)  #: unix seconds
    resumed_after: list[float] = field(default_factory=list)  #: Valkey's return to the next call, seconds
    in_walks: int = 0  #: kills of a producer that had contacts left to ask about
    unpublished: int = 0  #: kills of the leading pacer that left something released and not published

    def worker(self) -> None:
        """One in the middle of calls, if any are made."""
        ready = self.scene.stage.wait_until_ready(2)
        self.scene.wait_for_calls(3, seconds=1)
        self._kill(self.scene.rng.choice(ready), "worker")

    def _kill(self, worker: WorkerProcess, called: str) -> None:
        self.scene.watch.disturb()
        self.workers_at.append(self.scene.stage.kill_worker(worker))
        self.counts[called] += 1

    def pacer(self) -> None:
        """The leading one. Valkey is a little far away meanwhile: mostly it is between a release and its publishing."""
        stage = self.scene.stage
        stage.wait_until_ready(2)
        stage.to_valkey.delay(requests_seconds=0.02, answers_seconds=0.02)
        self.scene.wait(self.scene.rng.uniform(0.1, 0.4))
        leader = stage.installation.leader_pid
        for worker in list(stage.workers):
            if worker.pid == leader and worker not in stage.frozen:
                self._kill(worker, "pacer")
        stage.to_valkey.make_whole()
        self.scene.watch.disturb()
        self.scene.wait(0.3)
        self.unpublished += self._something_is_unpublished()

    def _something_is_unpublished(self) -> bool:
        """Whether there is what was released some moments ago, stands in no message, and nobody has claimed."""
        ledger = self.scene.stage.installation.ledger
        pipe = ledger.redis.pipeline(transaction=False)
        pipe.time()
        pipe.zrange(ledger.keys.leases("default"), 0, -1, withscores=True)
        pipe.llen(f"{ledger.keys.prefix}.deliver")
        (seconds, micros), leases, queued = pipe.execute()
        left_ms = [ends_ms - seconds * 1000 - micros / 1000 for _, ends_ms in leases]
        # A claim lasts much longer than a release.
        return not queued and any(left < RELEASED_LEASE_MS - 200 for left in left_ms)

    def valkey(self) -> None:
        self.counts["valkey"] += 1
        self.end_valkey(self.scene.stage.installation.kill_valkey)

    def end_valkey(self, end: Callable[[], object]) -> None:
        """By `end`. It is started again on its files, and sending must go on with no hand."""
        stage = self.scene.stage
        stage.to_valkey.make_whole()
        stage.wait_until_ready(1)
        end()
        time.sleep(self.scene.rng.choice(_AWAY_SECONDS))  # not `wait`: what ends meanwhile may need Valkey
        before = stage.calls_so_far()
        stage.installation.valkey.start()
        self.scene.watch.disturb(VALKEY_BACK_SECONDS)
        self._see_it_resume(before, max(time.monotonic(), self.scene.half_open_until))

    def _see_it_resume(self, calls_before: int, back_at: float) -> None:
        if not self._something_may_go():
            return
        while (seconds := max(0.0, time.monotonic() - back_at)) < 3 * RESUME_SECONDS:
            if self.scene.stage.calls_so_far() > calls_before:
                self.resumed_after.append(seconds)
                break
            self.scene.wait(_LOOK_AGAIN_SECONDS)
        if seconds > RESUME_SECONDS and self._something_may_go():
            late = f"  {seconds:.1f} s"
            self.scene.problems.append(Finding("Valkey was back, and no call came in time", text=late))

    def _something_may_go(self) -> bool:
        """Whether something waits for nothing but a slot, and the desk is not held."""
        ledger = self.scene.stage.installation.ledger
        waits = ledger.redis.llen(ledger.keys.waiting("e_default")) or ledger.redis.zcard(ledger.keys.turns("default"))
        return bool(waits) and not self.scene.stage.installation.hold() and self._a_slot_is_free()

    def _a_slot_is_free(self) -> bool:
        """A burst of events may have used up the window."""
        ledger = self.scene.stage.installation.ledger
        oldest_ms = ledger.redis.lindex(ledger.keys.slots("default"), QUOTA_CALLS - 1)
        seconds, micros = ledger.redis.time()
        return oldest_ms is None or int(oldest_ms) / 1000 + QUOTA_SECONDS + 1 < seconds + micros / 1e6

    def producer(self) -> None:
        """In the middle of asking or just after: the one that announces, and then the others in turn."""
        working = [producer for producer in self.scene.stage.producers if not producer.is_done]
        if not working:
            return self.worker()
        producer = working[(self.counts["producer"] - 1) % len(working)]
        self.wait_for_a_question(producer)
        time.sleep(self.scene.rng.uniform(0, 0.1))
        if not producer.is_done:
            producer.kill()
            self.counts["producer"] += 1
            producer.start()
        return None

    def audience(self) -> None:
        """The producer that announces to audiences: within its walk, the loading, or while all is sent."""
        stage = self.scene.stage
        producer = stage.to_audiences
        until = time.monotonic() + _WALK_SECONDS
        while not (producer.is_done or producer.journal.is_asking) and time.monotonic() < until:
            self.scene.wait(_LOOK_AGAIN_SECONDS)
        if producer.is_done:
            return self.producer()
        wanted = stage.walking_calls() + self.scene.rng.randint(1, round(1.3 * len(stage.traffic.company.parents)))
        while producer.journal.is_asking and stage.walking_calls() < wanted and time.monotonic() < until:
            time.sleep(_LOOK_AGAIN_SECONDS)
        if not producer.is_done:
            self.in_walks += producer.journal.is_asking
            producer.kill()
            self.counts["producer"] += 1
            producer.start()
        return None

    def wait_for_a_question(self, producer: ProducerProcess) -> None:
        for _ in range(200):
            if producer.journal.is_asking or producer.is_done:
                return
            time.sleep(0.005)

    def web(self) -> None:
        """While somebody waits for its answer, or just after."""
        stage = self.scene.stage
        by_web = stage.producers[stage.traffic.producers - 1]
        self.wait_for_a_question(by_web)
        time.sleep(self.scene.rng.uniform(0, 0.1))
        stage.web.kill()
        self.counts["web"] += 1
        stage.web.start()

    def everything(self) -> None:
        self.counts["valkey"] += 1
        self.end_everything(self.scene.stage.installation.kill_valkey)

    def end_everything(self, end_valkey: Callable[[], object]) -> None:
        """At the same moment, and starts it again."""
        stage = self.scene.stage
        stage.to_valkey.make_whole()
        with self.scene.watch.while_no_worker_runs():
            for worker in stage.workers:
                worker.kill()
            self.workers_at.append(time.time())
            stage.web.kill()
            end_valkey()
            working = [producer for producer in stage.producers if not producer.is_done]
            for producer in working:
                producer.kill()
            self._start_everything()
        self.counts.update({"worker": len(stage.workers), "web": 1, "producer": len(working)})

    def orderly_restart(self) -> None:
        """No kill: everything is told to stop, and started again. Producers go on."""
        stage = self.scene.stage
        stage.to_valkey.make_whole()
        stage.thaw_all()
        with self.scene.watch.while_no_worker_runs():
            stage.installation.stop_workers()
            stage.web.stop()
            stage.installation.valkey.stop()
            self._start_everything()

    def _start_everything(self) -> None:
        stage = self.scene.stage
        stage.installation.valkey.start()
        stage.web.start()
        stage.frozen.clear()
        stage.workers = [stage.installation.start_worker() for _ in stage.workers]
        for producer in stage.producers:
            if producer.exit_code not in (None, 0):
                producer.start()
        stage.wait_until_ready(1)
        self.scene.watch.disturb(VALKEY_BACK_SECONDS)
