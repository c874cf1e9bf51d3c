"""No call without a slot, and none withheld that could be granted: over fakeredis, on a clock that is moved by hand."""

import random
from unittest.mock import patch

import fakeredis
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.announcement import Spec
from ledger.leases import RELEASED_LEASE_MS, Leases, Result, Share
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.rate import late_after_ms, parse_rate, slack_ms
from ledger.redis_clock import RedisClock
from ledger.settings import Desk, Settings
from ledger.states import State
from tests.few import TIMES, few
from tests.integration.ledger.exploration import examples
from tests.integration.ledger.standing_clock import START_MS, StandingClock


class Pace:
    """A desk, its lane, and the slots that it was granted and has not given back (ms since the clock began)."""

    def __init__(self, rate: str, clock: StandingClock, notifications: int = 0) -> None:
        settings = Settings(_env_file=None)
        self.clock = clock
        self.desk: Desk = settings.desk("default").model_copy(update={"rate": parse_rate(rate)})
        self.ledger = Ledger(settings, fakeredis.FakeRedis(server=fakeredis.FakeServer()))
        self.leases = Leases(self.ledger.redis, settings, longest_call_ms=1000, clock=RedisClock(lambda: 0.0))
        self.slots: list[int] = []
        self.held: dict[str, int | None] = {}  # claimed id -> its slot, None when a call was made in it
        self.accept(notifications)

    @property
    def now_ms(self) -> int:
        return self.clock.ms - START_MS

    @property
    def late_ms(self) -> int:
        return late_after_ms(self.desk.rate) or 0

    def accept(self, notifications: int) -> None:
        asked = [Notification.build({"receiver_id": f"ou_{n}", "text": "hi"}) for n in range(notifications)]
        if asked:
            self.ledger.accept(asked)

    def announce(self, rows: int) -> None:
        spec = Spec(name="Move", message={"msg_type": "text", "content": {"text": "hi"}})
        id, _ = self.ledger.announcements.open(spec, key="k", digest="d")
        self.ledger.announcements.load(id, (orjson.dumps([n + 2, f"ou_{n}", []]) for n in range(rows)))
        self.ledger.announcements.start(id, spec, rows)

    def go_to(self, ms: int) -> None:
        self.clock.ms = START_MS + ms

    def release(self, room: int = 1000, apart_ms: int = 0) -> tuple[list[str], int | None]:
        [released] = self.leases.release([Share(self.desk, room, 10_000, apart_ms)])
        self.slots += [self.now_ms + number * apart_ms for number in range(len(released.ids))]
        return released.ids, released.again_ms

    def claim(self, ids: list[str], apart_ms: int = 0) -> list[str]:
        _, claims = self.leases.claim(self.desk, "t", ids, apart_ms)
        self.held |= {claim.id: claim.slot.at_ms - START_MS for claim in claims}
        return [claim.id for claim in claims]

    def renew(self, id: str, max_wait_ms: int) -> int | None:
        """Returns the ms of the reserved slot."""
        unused = self.held[id]
        slot = self.leases.renew(self.desk, "t", id, max_wait_ms, None, self._on_clock(unused))
        if unused is not None:
            self.slots.remove(unused)
        self.held[id] = slot and slot.at_ms - START_MS
        if slot:
            self.slots.append(slot.at_ms - START_MS)
        return self.held[id]

    def record(self, id: str, to: State) -> None:
        unused = self.held.pop(id)
        assert self.leases.record(self.desk, "t", [Result(id, to, unused_slot_ms=self._on_clock(unused))], "") == [True]
        if unused is not None:
            self.slots.remove(unused)

    def _on_clock(self, slot: int | None) -> int | None:
        return None if slot is None else slot + START_MS

    def kept(self) -> list[int]:
        """The slots that the ledger counts, ms."""
        return sorted(int(at) - START_MS for at in self.ledger.redis.lrange(self.ledger.keys.slots("default"), 0, -1))

    def keeps_its_quota(self) -> bool:
        return all(
            most_in_any_window(self.slots, limit.seconds * 1000 + slack_ms(limit)) <= limit.calls
            for limit in self.desk.rate
        )


def most_in_any_window(times: list[int], window_ms: int) -> int:
    """The most of `times` in any window that has its first moment and not its last."""
    return max((sum(first <= time < first + window_ms for time in times) for first in times), default=0)


@pytest.mark.parametrize(
    ("rate", "at_once", "again_ms"),
    [
        ("100/minute", 100, 60_000 + 300),  # 2.5 % of a minute is 1,500: the most is 300
        ("100/6second", 100, 6_000 + 150),  # 6,000 x 2.5 %
        ("5/second; 20/10second", 5, 1_000 + 80),  # 1,000 x 2.5 % is 25: the least is 80
        ("20/10second; 5/second", 5, 1_000 + 80),
        ("3/2second; 3/10second", 3, 10_000 + 250),
    ],
)
def test_an_idle_desk_spends_its_window_at_once_and_then_waits_for_the_next(
    clock: StandingClock, rate: str, at_once: int, again_ms: int
) -> None:
    pace = Pace(rate, clock, notifications=at_once + 1)
    ids, _ = pace.release()
    assert len(ids) == at_once
    again = pace.release()[1]
    assert again == min(again_ms, RELEASED_LEASE_MS)  # by then leases may have ended
    pace.go_to(again_ms - 1)
    assert pace.release()[0] == []
    pace.go_to(again_ms)
    assert len(pace.release()[0]) == 1


@pytest.mark.parametrize(
    ("rate", "granted"),
    [
        ("2/2second", [0, 0, 2080, 2080, 4160, 4160]),
        # Five a second until the twenty are spent at 3 x 1,080; then both limits wait for 10,250 after the first five.
        ("5/second; 20/10second", [0] * 5 + [1080] * 5 + [2160] * 5 + [3240] * 5 + [10_250] * 5 + [11_330] * 5),
        ("2/second; 3/10second", [0, 0, 1080, 10_250, 10_250, 11_330]),
    ],
)
def test_every_slot_is_granted_as_soon_as_the_quota_has_it(clock: StandingClock, rate: str, granted: list[int]) -> None:
    pace = Pace(rate, clock, notifications=len(granted) + 5)
    while len(pace.slots) < len(granted):
        ids, again_ms = pace.release()
        for id in pace.claim(ids):
            pace.held[id] = None
            pace.record(id, State.DELIVERED)
        pace.go_to(pace.now_ms + (again_ms or 0))
    assert pace.slots[: len(granted)] == granted


@pytest.mark.parametrize("rate", ["100/6second", "5/second; 20/10second", "7/2second; 9/3second", "1/second"])
@pytest.mark.parametrize("step_ms", few([90, 333], one_in=2))
def test_no_window_has_more_slots_than_the_quota_however_often_the_pacer_looks(
    clock: StandingClock, rate: str, step_ms: int
) -> None:
    pace = Pace(rate, clock, notifications=400)
    rng = random.Random(step_ms)
    while pace.now_ms < 13_000:
        many, apart_ms = rng.choice(((60, 0), (60, 0), (4, 50), (3, 1)))
        for id in pace.claim(pace.release(rng.randint(0, many), apart_ms)[0], apart_ms):
            pace.held[id] = None
            pace.record(id, State.DELIVERED)
        pace.go_to(pace.now_ms + rng.randint(1, 2 * step_ms))
    assert pace.keeps_its_quota()
    seconds = 13  # what fits: full windows, the first of them at once
    least = min(
        limit.calls * (seconds * 1000 // (limit.seconds * 1000 + slack_ms(limit) + 2 * step_ms))
        for limit in pace.desk.rate
    )
    assert len(pace.slots) >= min(400, least)


@pytest.mark.parametrize(
    ("rate", "late_ms"),
    [("100/minute", 120), ("100/6second", 60), ("2/second", 32), ("2/second; 100/minute", 32)],  # 40 % of the slack
)
def test_a_claim_that_comes_too_late_for_its_slot_takes_another_one_at_once(
    clock: StandingClock, rate: str, late_ms: int
) -> None:
    """With Redis 60 ms away every claim was too late, and gave its notification back for ever."""
    pace = Pace(rate, clock, notifications=2)
    early, late = pace.release()[0]
    pace.go_to(late_ms)
    assert pace.claim([early]) == [early]
    pace.go_to(late_ms + 1)
    assert pace.claim([late]) == [late]
    assert pace.held == {early: 0, late: late_ms + 1}
    assert pace.kept() == [0, late_ms + 1]


def test_what_one_thread_sends_has_slots_one_call_apart(clock: StandingClock) -> None:
    pace = Pace("4/second", clock, notifications=5)
    ids = pace.release(apart_ms=50)[0]
    assert len(ids) == 4
    pace.go_to(20)
    assert pace.claim(ids, apart_ms=50) == ids
    assert list(pace.held.values()) == [0, 50, 100, 150]
    pace.go_to(1079)
    assert pace.release()[0] == []
    pace.go_to(1080)
    assert len(pace.release()[0]) == 1, "the window counts from each slot, and not from the message"


def test_a_message_that_comes_too_late_gets_other_slots_one_call_apart(clock: StandingClock) -> None:
    pace = Pace("5/second", clock, notifications=3)
    ids = pace.release(apart_ms=50)[0]
    pace.go_to(33)
    assert pace.claim(ids, apart_ms=50) == ids
    assert list(pace.held.values()) == [33, 83, 133]
    assert pace.kept() == [33, 83, 133]


def test_a_late_claim_frees_no_more_than_its_own_slot(clock: StandingClock) -> None:
    pace = Pace("2/second", clock, notifications=4)
    first, second = pace.release()[0]
    pace.claim([first])
    pace.go_to(33)
    assert pace.claim([second]) == [second]
    assert pace.release()[0] == []
    assert pace.kept() == [0, 33]


def test_a_slot_that_is_taken_for_a_late_one_costs_the_announcement_no_turn(clock: StandingClock) -> None:
    """It was paced twice: a row that came 40 ms late made the next one wait for another slot of 216 ms."""
    pace = Pace("5/second", clock)
    pace.announce(rows=12)
    claimed: list[str] = []
    while len(claimed) < 12:
        ids, again_ms = pace.release()
        pace.go_to(pace.now_ms + (40 if ids else again_ms or 0))
        claimed += pace.claim(ids)
    assert pace.now_ms <= 11 * 216 + 3 * 40  # of each window, what it came late by


def test_a_late_claim_takes_a_slot_before_those_that_are_reserved_and_keeps_the_quota(clock: StandingClock) -> None:
    """It was refused: the slot was looked for behind the latest one."""
    pace = Pace("3/second", clock, notifications=6)
    first, *_ = pace.release(room=1)[0]
    pace.claim([first])
    pace.held[first] = None
    pace.go_to(400)
    [late] = pace.release(room=1)[0]
    assert pace.renew(first, max_wait_ms=1500) == 400
    pace.held[first] = None
    assert pace.renew(first, max_wait_ms=1500) == 1080
    pace.go_to(600)
    assert pace.claim([late]) == [late]
    assert pace.kept() == [0, 400, 600, 1080]
    assert most_in_any_window(pace.kept(), 1080) <= 3


def test_a_late_row_takes_no_slot_from_an_event_that_waits(clock: StandingClock) -> None:
    pace = Pace("1/second", clock)
    pace.announce(rows=1)
    [row] = pace.release()[0]
    pace.accept(1)
    pace.go_to(33)
    assert pace.claim([row]) == []
    [event] = pace.release()[0]
    assert event != row
    assert pace.kept() == [33]


def test_a_renewal_reserves_the_next_slot_and_nobody_else_gets_it(clock: StandingClock) -> None:
    pace = Pace("1/second", clock, notifications=3)
    [id] = pace.claim(pace.release()[0])
    pace.held[id] = None
    assert pace.renew(id, max_wait_ms=1079) is None
    assert pace.renew(id, max_wait_ms=1080) == 1080
    pace.go_to(1080)
    assert pace.release()[0] == []
    pace.go_to(2160)
    assert len(pace.release()[0]) == 1


def test_a_reserved_slot_given_back_before_its_time_does_not_open_the_window_that_it_waited_for(
    clock: StandingClock,
) -> None:
    """The slots were kept by number: reserving the second pushed out the first, and giving it back left none."""
    pace = Pace("1/second", clock, notifications=2)
    [id] = pace.claim(pace.release()[0])
    pace.held[id] = None
    assert pace.renew(id, max_wait_ms=1500) == 1080
    pace.go_to(500)
    pace.record(id, State.QUEUED)
    assert pace.release()[0] == []
    pace.go_to(1080)
    assert pace.release()[0] == [id]


def test_slots_are_kept_in_order_of_time_when_one_is_granted_before_another_that_is_reserved(
    clock: StandingClock,
) -> None:
    """Granted at the end of the list it would be taken for the latest, and later give-backs pair the wrong two."""
    pace = Pace("3/second", clock, notifications=6)
    held = []
    for at_ms in (0, 100, 200):
        pace.go_to(at_ms)
        held += pace.claim(pace.release(room=1)[0])
    for id in held:
        pace.held[id] = None
    assert [pace.renew(id, max_wait_ms=1500) for id in held] == [1080, 1180, 1280]
    pace.record(held[0], State.QUEUED)
    pace.record(held[1], State.QUEUED)
    pace.go_to(1180)
    assert len(pace.release()[0]) == 1
    kept = [int(at) - START_MS for at in pace.ledger.redis.lrange(pace.ledger.keys.slots("default"), 0, -1)]
    assert kept == sorted(kept, reverse=True)
    assert pace.keeps_its_quota()


def test_a_released_notification_that_nobody_claimed_leaves_its_slot_to_others(clock: StandingClock) -> None:
    pace = Pace("1/10second", clock, notifications=1)
    [id] = pace.release()[0]
    pace.go_to(RELEASED_LEASE_MS)
    assert pace.leases.sweep([pace.desk])[0].returned == 1
    assert pace.release()[0] == [id]  # no call was made: the window of ten seconds is still free


def test_what_is_cancelled_after_its_release_leaves_its_slot_to_others(clock: StandingClock) -> None:
    pace = Pace("1/10second", clock, notifications=2)
    gone = pace.release()[0]
    pace.ledger.cancel(gone, by="ada")
    assert pace.claim(gone) == []
    pace.go_to(RELEASED_LEASE_MS)
    assert not any(pace.leases.sweep([pace.desk])[0])
    assert len(pace.release()[0]) == 1


def test_a_throttle_stops_the_slots_and_does_not_bunch_them_afterwards(clock: StandingClock) -> None:
    pace = Pace("5/second", clock, notifications=50)
    pace.release()
    pace.leases.hold(pace.desk, "throttled", 10_000, "429")
    for at_ms in (1080, 5000, 9999):
        pace.go_to(at_ms)
        assert pace.release()[0] == []
    pace.go_to(10_000)
    assert len(pace.release()[0]) == 5
    assert pace.release()[0] == []


@pytest.mark.parametrize("rate", ["100/minute", "10/second", "5/second; 20/10second"])
@pytest.mark.parametrize("seed", few(range(4), one_in=4))
def test_a_strict_server_never_sees_one_call_too_many(clock: StandingClock, rate: str, seed: int) -> None:
    """A call starts up to the late limit after its slot, and arrives up to the rest of the slack after that."""
    pace = Pace(rate, clock, notifications=60 if rate != "100/minute" else 220)
    rng = random.Random(seed)
    arrivals: list[int] = []
    rest_ms = min(map(slack_ms, pace.desk.rate)) - pace.late_ms - 1
    for _ in range(12):
        ids, _ = pace.release()
        for id in pace.claim(ids):
            pace.held[id] = None
            pace.record(id, State.DELIVERED)
        start_ms = [pace.now_ms + rng.choice((0, pace.late_ms, rng.randint(0, pace.late_ms))) for _ in ids]
        arrivals += [ms + rng.choice((0, rest_ms, rng.randint(0, rest_ms))) for ms in start_ms]
        pace.go_to(pace.now_ms + (pace.release(room=0)[1] or 0))
    assert len(arrivals) > pace.desk.rate[0].calls
    for limit in pace.desk.rate:
        assert most_in_any_window(arrivals, limit.seconds * 1000) <= limit.calls


ACTS = st.one_of(
    st.tuples(st.just("pass"), st.sampled_from([1, 32, 33, 100, 500, 1080, 2500, 9000])),
    st.tuples(st.just("release"), st.integers(1, 8)),
    st.tuples(st.just("claim"), st.integers(1, 4)),
    st.tuples(st.just("send"), st.integers(1, 4)),
    st.tuples(st.just("renew"), st.just(1500)),
    st.tuples(st.just("renew"), st.sampled_from([0, 700, 1500, 12_000])),
    st.tuples(st.just("hand back"), st.integers(0, 3)),
    st.tuples(st.just("deliver"), st.integers(0, 3)),
    st.tuples(st.just("throttle"), st.sampled_from([50, 1000])),
)


class Driven(Pace):
    """Acts on the desk as hypothesis tells it, and sees after each release that nothing is withheld."""

    def __init__(self, rate: str, clock: StandingClock) -> None:
        super().__init__(rate, clock, notifications=40)
        self.released: dict[str, int] = {}
        self.held_until_ms = 0

    def act(self, name: str, number: int) -> None:
        if name == "pass":
            self.go_to(self.now_ms + number)
        elif name == "release":
            self._release_all_that_may(number)
        elif name in ("claim", "send"):
            self._claim_some(number, called=name == "send")
        elif name == "throttle":
            self.leases.hold(self.desk, "throttled", number, "429")
            self.held_until_ms = max(self.now_ms + number, self.held_until_ms)
        elif id := self._one_held(number):
            self._go_on_with(id, name, number)

    def _release_all_that_may(self, room: int) -> None:
        ids, _ = self.release(room)
        self.released |= dict.fromkeys(ids, self.now_ms)
        if self.now_ms < self.held_until_ms:
            assert ids == []
        elif len(ids) < room and max(self.slots, default=0) <= self.now_ms:
            assert self._waiting() == 0 or not self._has_a_slot(), "a slot was withheld"

    def _waiting(self) -> int:
        return int(self.ledger.redis.llen(self.ledger.keys.waiting("e_default")))

    def _has_a_slot(self) -> bool:
        return all(
            sum(self.now_ms - limit.seconds * 1000 - slack_ms(limit) < slot for slot in self.slots) < limit.calls
            for limit in self.desk.rate
        )

    def _claim_some(self, number: int, *, called: bool) -> None:
        ids = list(self.released)[:number]
        claimed = self.claim(ids) if ids else []
        self.held |= {id: None for id in claimed if called}
        for id in ids:
            slot = self.released.pop(id)
            if self.now_ms - slot > self.late_ms or id not in claimed:
                assert id in claimed or self.now_ms < self.held_until_ms or not self._has_a_slot()
                self.slots.remove(slot)
                self.slots += [self.now_ms] * (id in claimed)

    def _one_held(self, number: int) -> str | None:
        ids = list(self.held)
        return ids[number % len(ids)] if ids else None

    def _go_on_with(self, id: str, name: str, number: int) -> None:
        if name == "renew":
            self.renew(id, number)
        else:
            self.record(id, State.DELIVERED if name == "deliver" else State.QUEUED)


@examples(few=30, many=150)
def test_whatever_happens_no_window_has_more_slots_than_the_quota_and_none_is_withheld(examples: int) -> None:
    @settings(max_examples=examples * TIMES, derandomize=TIMES == 1, deadline=None)
    @given(rate=st.sampled_from(["3/second", "2/second; 5/10second", "1/second"]), acts=st.lists(ACTS, max_size=60))
    def holds(rate: str, acts: list[tuple[str, int]]) -> None:
        clock = StandingClock()
        with patch("time.time", clock):
            pace = Driven(rate, clock)
            for name, number in acts:
                pace.act(name, number)
                assert pace.keeps_its_quota()

    holds()


def test_slots_that_are_too_old_to_count_are_dropped_in_time(clock: StandingClock) -> None:
    pace = Pace("3/second", clock, notifications=240)
    for turn in range(80):
        pace.go_to(turn * 1080)
        for id in pace.claim(pace.release()[0]):
            pace.held[id] = None
            pace.record(id, State.DELIVERED)
    assert len(pace.slots) == 240
    assert pace.keeps_its_quota()
    assert 3 <= len(pace.kept()) <= 3 + 64


def test_slots_that_an_older_version_let_expire_stay_once_a_worker_has_started(clock: StandingClock) -> None:
    pace = Pace("1/minute", clock, notifications=2)
    pace.release()
    key = pace.ledger.keys.slots("default")
    pace.ledger.redis.pexpire(key, 30_000)
    pace.leases.resume(pace.desk, if_changed=True)
    assert pace.ledger.redis.pttl(key) == -1
