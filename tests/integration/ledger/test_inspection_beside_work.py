"""The walk over a ledger that everybody works on reports nothing that is not broken, whatever moves while it looks."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from ledger import connection
from ledger.announcement import Spec
from ledger.errors import NotAllowed, NotFound
from ledger.inspection import inspection, moving, notifications
from ledger.inspection.inspection import broken_invariants, inspect_ledger
from ledger.inspection.invariants import Invariant
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings
from ledger.states import State
from tests.few import few

SPEC = Spec(name="Move", message={"msg_type": "text", "content": {"text": "We move"}})
#: Notifications at most, so that a walk stays short.
MOST = 1500
URL = "https://alerts.corp.example/deskbell"


class Work:
    """What producers, workers and operators do, each in a thread of its own with its own connection."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.over, self.errors = settings, threading.Event(), []
        self.ids: list[str] = []
        self.done = 0

    def ledger(self) -> Ledger:
        return Ledger(self.settings, connection.connect(self.settings))

    @contextmanager
    def going_on(self) -> Iterator[None]:
        jobs = (self.produce, self.announce, self.deliver, self.deliver, self.operate)
        threads = [threading.Thread(target=self._repeat, args=(job(seed),)) for seed, job in enumerate(jobs)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()
        assert self.errors == []

    def _repeat(self, turn: Callable[[], None]) -> None:
        while not self.over.is_set():
            try:
                turn()
            except Exception as error:
                self.errors.append(error)
                return

    def produce(self, seed: int) -> Callable[[], None]:
        chance, ledger = random.Random(seed), self.ledger()

        def turn() -> None:
            if len(self.ids) > MOST:
                self.over.wait(0.05)
                return
            at = chance.choice([None, None, datetime.now(UTC) + timedelta(milliseconds=300)])
            raw = {"receiver_id": "ou_a", "text": "x", "at": at, "callback_url": chance.choice([None, URL])}
            self.ids += [it.id for it in ledger.accept([Notification.build(raw) for _ in range(chance.randint(1, 20))])]

        return turn

    def announce(self, seed: int) -> Callable[[], None]:
        chance, ledger = random.Random(seed), self.ledger()

        def turn() -> None:
            opened = ledger.announcements.open(SPEC, key=f"{chance.random()}", digest="d")
            rows = chance.randint(1, 700)
            ledger.announcements.load(opened.id, [orjson.dumps([n, f"ou_{n}", []]) for n in range(rows)])
            ledger.announcements.start(opened.id, SPEC, rows)
            self.ids += [opened.id, *(f"n_{opened.id[2:]}-{n}" for n in range(0, rows, 50))]
            self.over.wait(0.4)

        return turn

    def deliver(self, seed: int) -> Callable[[], None]:
        chance, ledger = random.Random(seed), self.ledger()
        leases = Leases(ledger.redis, self.settings, longest_call_ms=1000)
        desk = self.settings.desk("default").model_copy(update={"rate": ()})
        ends = [State.DELIVERED] * 4 + [State.FAILED, State.DEFERRED, State.UNKNOWN, State.QUEUED]

        def turn() -> None:
            [released] = leases.release([(desk, 20, 200)])
            token = f"{seed}-{chance.random()}"
            claims = leases.claim(desk, token, released.ids)[1]
            results = [Result(claim.id, chance.choice(ends), wait_ms=chance.choice([50, 500])) for claim in claims]
            if chance.random() < 0.02:
                return  # a worker that was lost
            self.done += sum(leases.record(desk, token, results, "up"))
            if not released.ids:
                self.over.wait(0.01)

        return turn

    def operate(self, seed: int) -> Callable[[], None]:
        chance, ledger = random.Random(seed), self.ledger()

        def turn() -> None:
            if not self.ids:
                return
            id = chance.choice(self.ids)
            with suppress(NotAllowed, NotFound):
                if id.startswith("a_"):
                    getattr(ledger.announcements, chance.choice(["pause", "resume", "resume", "retry", "cancel"]))(
                        id, "ada"
                    )
                elif chance.random() < 0.3:
                    ledger.cancel([id], "ada")
                else:
                    ledger.retry([id], "ada", [State.FAILED, State.UNKNOWN])

        return turn


@pytest.fixture
def work(unsynced_valkey: Settings, monkeypatch: pytest.MonkeyPatch) -> Work:
    """With pages and bounds so small that each way of looking is taken."""
    monkeypatch.setattr(notifications, "SHORT", 20)
    monkeypatch.setattr(notifications, "PAGE", 50)
    monkeypatch.setattr(notifications, "MOST_MISSED", 100)
    monkeypatch.setattr(inspection, "FEW", 20)
    monkeypatch.setattr(inspection, "PAUSE_SECONDS", 0.05)
    return Work(unsynced_valkey)


@pytest.mark.parametrize(("walks", "least"), few([(2, 100), (6, 500)], one_in=2))
def test_nothing_is_reported_of_a_ledger_that_is_whole(work: Work, walks: int, least: int) -> None:
    ledger, walked = work.ledger(), 0
    with work.going_on():
        for _ in range(walks):
            inspected = inspect_ledger(ledger)
            assert inspected.findings == []
            walked = max(walked, inspected.notifications)
    assert broken_invariants(ledger) == []
    assert work.done > least
    assert walked > least


def test_what_is_broken_is_found_beside_the_work(work: Work) -> None:
    ledger = work.ledger()
    later = Notification.build({"receiver_id": "ou_a", "text": "x", "at": datetime.now(UTC) + timedelta(hours=1)})
    [lost] = ledger.accept([later])
    ledger.redis.zrem(ledger.keys("lane", "e_default", "due"), lost.id)
    with work.going_on():
        found = broken_invariants(ledger)
    assert (Invariant.WAITING_HAS_TIME, lost.id) in {(each.invariant, each.id) for each in found}


def test_the_counts_of_a_lane_with_much_in_motion_are_compared_by_its_sets_alone(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "MOST_MOVING", 5)
    ledger = work.ledger()
    ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "x"}) for _ in range(6)])
    ledger.redis.hincrby(ledger.keys.lane("e_default"), "queued", 1)
    assert inspect_ledger(ledger).uncounted == ["e_default"]
    ledger.redis.hincrby(ledger.keys.lane("e_default"), "deferred", 1)
    assert [each.invariant for each in broken_invariants(ledger)] == [Invariant.COUNTS_ARE_STATES]
