"""All that takes part in one schedule: two workers, producers, operators, Redis and Feishu; and what breaks them."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from ledger.durability import Waits
from ledger.ledger import Ledger
from ledger.settings import Settings
from ledger.states import FINAL, State
from tests.simulation.act import Act
from tests.simulation.addresses import PEOPLE_FOR
from tests.simulation.api import Api
from tests.simulation.contacts import AWAY, Contacts
from tests.simulation.network import Network
from tests.simulation.operators import Operators
from tests.simulation.queue import Queue
from tests.simulation.schedule import Schedule
from tests.simulation.server import Server
from tests.simulation.story import Story
from tests.simulation.timeline import Process, Timeline
from tests.simulation.worker import THREADS, Worker, client
from worker.leader import LEAD_MS

__all__ = ["WORKERS", "Scene"]

WORKERS = 2
_PREFIX = "deskbell"
_BY = "simulation"
_MOVING = [state.value for state in State if state not in FINAL and state is not State.UNKNOWN]
#: A lull ends so long before the pacer looks at the desk, ms; and its leader has vouched for the clock so recently, ms.
_BEFORE_LOOK_MS, _JUST_NOW_MS = 1_000, 600
#: Until there is an announcement to pause, seconds.
_LOOK_AGAIN_SECONDS = 0.1
#: For a producer, which repeats what failed after this, seconds.
_AGAIN_SECONDS = 0.2


class _SureEnough:
    """The simulated server answers when it has written; that this is on disk then, chaos shows."""

    waits = Waits(fsync=False, replicas=0)


class Scene:
    """One schedule in play."""

    def __init__(self, schedule: Schedule, server: Server, settings: Settings) -> None:
        self.schedule, self.settings = schedule, settings.model_copy(update={"people_for": PEOPLE_FOR})
        self.rng = random.Random(f"scene {schedule.seed}")
        self.timeline = Timeline()
        self.story = Story(self.timeline)
        self.network = Network(self.timeline, server, self.rng, self.story, schedule.one_way_seconds)
        self.desk = settings.desk("default").model_copy(update={"rate": schedule.rate})
        contacts = Contacts(self.timeline, self.rng, self.story, dict(schedule.addresses.people))
        self.api = Api(self.timeline, self.rng, self.story, contacts)
        self.queue = Queue(self.network, f"{_PREFIX}.deliver", self.rng)
        self.workers: list[Worker] = []
        self.told: dict[str, set[str]] = defaultdict(set)
        self.steps: list[tuple[float, float]] = [
            (0.0, 0.0)
        ]  #: when Redis' clock was set, and how it stood from then on
        self.done: Counter[str] = Counter()
        self.asking = 0
        self.asked_at: dict[str, float] = {}  #: when each event was asked for that was accepted, seconds
        self.moved_at = float("inf")  #: when an address got another owner, seconds
        self.operators = Operators(self)
        self._pause_chance = 0.0
        network_ledger = Ledger(settings, client(settings, self.network))
        network_ledger.assurance = _SureEnough()  # type: ignore[assignment]
        network_ledger._server_is_fit = True
        self.ledger = network_ledger

    def begin(self) -> None:
        self.network.server.clear()
        for _ in range(WORKERS):
            self.start_worker()
        producer = Process(self.timeline, "producer")
        for key, at in self.schedule.asked_at.items():
            self.asking += 1
            self.timeline.after(at, producer.spawn, self._ask, key)
        for act in self.schedule.acts:
            self.timeline.after(act.at, self._do, act)

    # -- those who ask

    def _ask(self, key: str) -> None:
        """Until it is accepted, and maybe once more: the second time under the same key."""
        for _ in range(2 if key in self.schedule.asked_again else 1):
            while True:
                try:
                    asked_at = self.timeline.now
                    self.told[key].add(self._accept(key))
                    if key in self.schedule.events:
                        self.asked_at.setdefault(key, asked_at)
                    break
                except Exception as error:
                    self.story.note("producer", key, repr(error))
                    self.timeline.sleep(_AGAIN_SECONDS)
        self.asking -= 1

    def _accept(self, key: str) -> str:
        if key in self.schedule.events:
            [accepted] = self.ledger.accept([self.schedule.notification(key)])
            return accepted.id
        announced, announcements = self.schedule.announced[key], self.ledger.announcements
        opened = announcements.open(announced.spec, key=key, digest=key)
        if not opened.started:
            announcements.load(opened.id, announced.loaded())
            announcements.start(opened.id, announced.spec, len(announced.rows))
        return opened.id

    # -- what goes wrong

    def start_worker(self) -> Worker:
        number = len(self.workers) + 1
        worker = Worker(
            f"w{number}", number, self.network, self.queue, self.api, self.settings, self.desk, self.rng,
            asks=bool(self.schedule.addresses.events),
        )  # fmt: skip
        worker.chance_of_pause = self._pause_chance
        self.workers.append(worker)
        return worker

    def living(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.is_alive and worker.stopped_at is None]

    def _one(self, act: Act) -> Worker | None:
        living = self.living()
        return living[act.number % len(living)] if living else None

    def _do(self, act: Act) -> None:
        self.story.note("act", act)
        self.done[act.kind] += 1
        name = act.kind.replace(" ", "_")
        (getattr(self.operators, name, None) or getattr(self, f"_{name}"))(act)

    def _kill(self, act: Act) -> None:
        if worker := self._one(act):
            self.kill(worker)

    def kill(self, worker: Worker) -> None:
        if worker.is_alive:
            self.story.note(worker.name, "is killed")
            worker.kill()
            self.queue.leave(worker)

    def _kill_in_a_trip(self, act: Act) -> None:
        """At one of its next trips, before, between or after the ways there and back."""
        if worker := self._one(act):
            self.network.fuses[worker.name] = (act.number % 25, lambda: self.kill(worker))

    def _freeze(self, act: Act) -> None:
        if worker := self._one(act):
            worker.freeze()
            self.timeline.after(act.seconds, worker.thaw)

    def _stop(self, act: Act) -> None:
        if worker := self._one(act):
            worker.stop()

    def _start(self, _: Act) -> None:
        self.start_worker()

    def _restart_redis(self, act: Act) -> None:
        """It keeps what it has confirmed, and knows no script any more."""
        self.network.ask("SCRIPT", "FLUSH")
        self.network.server.forgot_scripts = True
        self.network.is_down = True
        self._until(act, lambda: setattr(self.network, "is_down", False), self.queue.hand_out)

    def _cut_off(self, act: Act) -> None:
        if worker := self._one(act):
            self.network.cut_off.add(worker.name)
            self._until(act, lambda: self.network.cut_off.discard(worker.name))

    def _set_clock(self, act: Act) -> None:
        self.network.set_clock(act.seconds)
        self.steps.append((self.timeline.now, self.network.set_by_seconds))

    def _set_wall_clock(self, act: Act) -> None:
        if worker := self._one(act):
            worker.wall_offset += act.seconds

    def _throttle(self, act: Act) -> None:
        self.api.throttles.append(round(act.seconds))

    def _api_away(self, act: Act) -> None:
        self.api.is_away = ("refused", "silent", "broken")[act.number % 3]
        self._until(act, lambda: setattr(self.api, "is_away", ""))

    def _contacts_away(self, act: Act) -> None:
        contacts = self.api.contacts
        contacts.is_away = AWAY[act.number % len(AWAY)]
        self._until(act, lambda: setattr(contacts, "is_away", ""))

    def _address_moves(self, _: Act) -> None:
        self.api.contacts.move(*self.schedule.addresses.moved)
        self.moved_at = min(self.moved_at, self.timeline.now)

    def _lock(self, act: Act) -> None:
        self.api.is_locked = True
        self._until(act, lambda: setattr(self.api, "is_locked", False))

    def _double_all(self, act: Act) -> None:
        self.queue.chance_of_doubling = 0.5
        self._until(act, lambda: setattr(self.queue, "chance_of_doubling", 0.0))

    def _late_messages(self, act: Act) -> None:
        self.queue.longest_delay_seconds = 4.0
        self._until(act, lambda: setattr(self.queue, "longest_delay_seconds", 0.0))

    def _stalls(self, act: Act) -> None:
        self.network.chance_of_stall, self.network.longest_stall_seconds = 0.15, (0.15, 0.6, 2.0, 7.0)[act.number % 4]
        self._until(act, lambda: setattr(self.network, "chance_of_stall", 0.0))

    def _losses(self, act: Act) -> None:
        self.network.chance_of_fate = (0.04, 0.15, 0.4)[act.number % 3]
        self._until(act, lambda: setattr(self.network, "chance_of_fate", 0.0))

    def _faults(self, act: Act) -> None:
        self.api.chance_of_fault = (0.1, 0.3)[act.number % 2]
        self._until(act, lambda: setattr(self.api, "chance_of_fault", 0.0))

    def _pauses(self, act: Act) -> None:
        self._set_pauses(0.3)
        self._until(act, lambda: self._set_pauses(0.0))

    def _set_pauses(self, chance: float) -> None:
        self._pause_chance = chance
        for worker in self.workers:
            worker.chance_of_pause = chance

    def _until(self, act: Act, *undo: Callable[[], Any]) -> None:
        for each in undo:
            self.timeline.after(act.seconds, each)

    # -- the end

    def calm_down(self) -> None:
        """No more trouble, and workers for whatever is left."""
        self.story.note("act", "calm from here on")
        network, api = self.network, self.api
        network.chance_of_fate = network.chance_of_stall = api.chance_of_fault = 0.0
        self.queue.chance_of_doubling = self.queue.longest_delay_seconds = 0.0
        api.contacts.is_away = ""
        network.is_down, api.is_away, api.is_locked, api.tickets_closed_at = False, "", False, self.timeline.now
        network.cut_off.clear()
        network.fuses.clear()
        api.throttles.clear()
        self._set_pauses(0.0)
        while sum(not worker.is_frozen for worker in self.living()) < WORKERS:
            self.start_worker()  # the frozen ones are thawed in their time
        self.queue.hand_out()

    def is_at_rest(self) -> bool:
        """Whether all was accepted, nothing moves and nobody holds anything."""
        if self.asking:
            return False
        announced = [id for key, told in self.told.items() if key[0] == "a" for id in told]
        lanes = [("HMGET", f"{_PREFIX}:lane:{lane}", *_MOVING) for lane in ("e_default", *announced)]
        leases, *counts = self.network.ask_all(("ZCARD", f"{_PREFIX}:desk:default:leases"), *lanes)
        return not leases and not any(int(count or 0) for found in counts for count in found)

    def skip_lull(self) -> None:
        """While nobody has anything to do, pacers do nothing but vouch for the clock and report that they are there.
        That time is skipped, and looks afterwards as if they had."""
        living = self.living()
        is_busy = self.network.idle_pacers < len(living) or any(self.queue.waiting(one) < THREADS for one in living)
        is_ending = any(worker.stopped_at and worker.is_running for worker in self.workers)
        if self.asking or is_busy or is_ending or self.api.contacts.asking:
            return
        schedule, unresolved, leader, seen, queued = self.network.ask_all(
            ("ZRANGE", f"{_PREFIX}:desks", 0, 0, "WITHSCORES"),
            ("ZRANGE", f"{_PREFIX}:unresolved", 0, 0, "WITHSCORES"), ("GET", f"{_PREFIX}:leader"),
            ("HGET", f"{_PREFIX}:clock", "seen"), ("LLEN", self.queue.key),
        )  # fmt: skip
        now_ms = round(self.network.redis_now * 1000)
        names = [worker.me.encode() for worker in living]
        looks = [round(found[0][1]) for found in (schedule, unresolved) if found]
        ahead_ms = min(looks) - now_ms - _BEFORE_LOOK_MS if looks else 0
        if ahead_ms <= 0 or queued or leader not in names or not 0 <= now_ms - int(seen or 0) <= _JUST_NOW_MS:
            return
        self.timeline.skip(ahead_ms / 1000)
        self.network.ask_all(
            ("HSET", f"{_PREFIX}:clock", "seen", int(seen) + ahead_ms),
            ("PEXPIRE", f"{_PREFIX}:leader", LEAD_MS),
            ("ZADD", f"{_PREFIX}:workers", *(part for name in names for part in (now_ms + ahead_ms, name))),
        )  # fmt: skip
        self.story.note("act", "nothing happens for seconds", ahead_ms / 1000)

    def overdue_leases(self) -> Sequence[str]:
        """Of those that have ended, seconds ago."""
        before_ms = round((self.network.redis_now - 2.0) * 1000)
        found = self.network.ask("ZRANGEBYSCORE", f"{_PREFIX}:desk:default:leases", "-inf", before_ms)
        return [id.decode() for id in found]

    def end(self) -> None:
        for worker in self.workers:
            if worker.is_alive:
                worker.kill()
