"""Redis' clock is set while a desk sends: the quota is kept, nothing stands still, and it is said."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event
from typing import Any
from unittest.mock import patch

import fakeredis
import pytest
import redis

from ledger.joining import Joining
from ledger.lead import ClockStep
from ledger.leases import BEGIN_WITHIN_MS, Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.rate import parse_rate
from ledger.redis_clock import RedisClock
from ledger.rescheduling import reschedule
from ledger.settings import Desk, Settings
from ledger.states import State
from tests.few import few
from worker.claimed import ClaimedNotification
from worker.leader import LEAD_MS, ClockSteps

START_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
#: The window that is kept for `5/second`: a second and the least slack.
CALLS, WINDOW_MS = 5, 1080


class Time:
    """Seconds that pass for everybody, and a clock of Redis' that may be set."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.set_by_ms = 0

    def redis(self) -> float:
        return START_MS / 1000 + self.passed + self.set_by_ms / 1000


@pytest.fixture
def time() -> Iterator[Time]:
    time = Time()
    with patch("time.time", time.redis):
        yield time


class Pacing:
    """One pacer and workers that need no time. `calls`: when they called, in seconds that passed."""

    def __init__(self, time: Time, server: fakeredis.FakeServer | None = None, me: str = "host:1:8") -> None:
        self.time, self.server, self.me = time, server or fakeredis.FakeServer(), me
        settings = Settings(_env_file=None)
        self.ledger = Ledger(settings, fakeredis.FakeRedis(server=self.server))
        self.desk: Desk = settings.desk("default").model_copy(update={"rate": parse_rate("5/second")})
        self.leases = Leases(
            self.ledger.redis, settings, longest_call_ms=1000, clock=RedisClock(lambda: self.time.passed)
        )
        self.steps = ClockSteps(self.leases, [self.desk])
        self.calls: list[float] = []

    def accept(self, count: int) -> list[str]:
        asked = [Notification.build({"receiver_id": f"ou_{number}", "text": "hi"}) for number in range(count)]
        return [accepted.id for accepted in self.ledger.accept(asked)]

    def lead(self) -> None:
        answer = self.leases.lead(self.me, LEAD_MS)
        step = self.steps.heed(answer)
        if step:
            self.steps.vouched(self.leases.lead(self.me, LEAD_MS, step))

    def send(self, seconds: float, *, every: float = 0.1) -> None:
        """For so long, a look and all calls that it allows."""
        for _ in range(round(seconds / every)):
            self.lead()
            self.look()
            self.time.passed += every

    def look(self) -> None:
        [released] = self.leases.release([(self.desk, 10, 100)])
        _, claims = self.leases.claim(self.desk, "t", released.ids)
        self.calls += [self.time.passed] * len(claims)
        self.leases.record(self.desk, "t", [Result(claim.id, State.DELIVERED) for claim in claims], "up")

    def most_in_a_window(self) -> int:
        return max(sum(first <= call < first + WINDOW_MS / 1000 for call in self.calls) for first in self.calls)

    @property
    def slots(self) -> list[int]:
        """At which ms that passed they are, by the clock as it stands."""
        found = self.ledger.redis.lrange(self.ledger.keys.slots("default"), 0, -1)
        return [int(at) - START_MS - self.time.set_by_ms for at in found]

    @property
    def clock(self) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = self.ledger.redis.hgetall(self.ledger.keys.clock)
        return found


@pytest.mark.parametrize("step_ms", few([-HOUR_MS, -600_000, -3000, 3000, HOUR_MS], one_in=4))
def test_a_desk_keeps_its_quota_and_goes_on_when_the_clock_is_set(
    time: Time, caplog: pytest.LogCaptureFixture, step_ms: int
) -> None:
    """Back, every desk stood still for as long, unsaid; forward, the window was forgotten."""
    pacing = Pacing(time)
    pacing.accept(60)
    pacing.send(2)
    time.set_by_ms += step_ms
    with caplog.at_level(logging.ERROR):
        pacing.send(4)
    assert len(pacing.calls) >= 2 + 5 * CALLS
    assert pacing.most_in_a_window() <= CALLS
    assert pacing.clock[b"steps"] == b"1"
    assert abs(int(pacing.clock[b"stepped_by"]) - step_ms) <= 2
    assert f"{'back' if step_ms < 0 else 'forward'} by {abs(step_ms) / 1000:.1f} s" in caplog.text


def test_back_and_forth_forgets_no_window(time: Time) -> None:
    """Three seconds back and forth made five calls too many."""
    pacing = Pacing(time)
    pacing.accept(200)
    for step_ms in (3000, -3000) * 5:
        pacing.send(1.3)
        time.set_by_ms += step_ms
    assert pacing.most_in_a_window() <= CALLS
    assert pacing.clock[b"steps"] == b"9"  # nobody has looked since the tenth


def test_between_the_step_and_the_next_word_of_a_leader_nothing_is_taken(time: Time) -> None:
    pacing = Pacing(time)
    pacing.accept(20)
    pacing.send(0.2)
    time.set_by_ms += HOUR_MS
    pacing.look()
    assert len(pacing.calls) == CALLS


@pytest.mark.parametrize("step_ms", [-HOUR_MS, HOUR_MS])
def test_leases_holds_and_waits_last_as_long_as_they_would_have(time: Time, step_ms: int) -> None:
    pacing = Pacing(time)
    claimed, deferred, *_ = pacing.accept(3)
    pacing.lead()
    [released] = pacing.leases.release([(pacing.desk, 2, 100)])
    assert released.ids == [claimed, deferred]
    pacing.leases.claim(pacing.desk, "t", released.ids)
    pacing.leases.record(pacing.desk, "t", [Result(deferred, State.DEFERRED, wait_ms=30_000)], "")
    pacing.leases.hold(pacing.desk, "throttled", 20_000, "429")
    time.passed += 0.1
    time.set_by_ms += step_ms
    pacing.lead()
    time.passed += pacing.leases.lease_ms / 1000 - 0.3
    pacing.lead()
    assert pacing.leases.sweep([pacing.desk]) == [(0, 0, 0)]
    time.passed += 0.4
    pacing.lead()
    assert pacing.leases.sweep([pacing.desk]) == [(0, 1, 0)]
    assert not pacing.leases.release([(pacing.desk, 1, 100)])[0].ids
    for _ in range(15):
        time.passed += 1
        pacing.lead()
    [released] = pacing.leases.release([(pacing.desk, 5, 100)])
    assert deferred in released.ids


def test_what_is_to_be_sent_at_a_time_of_day_is_sent_at_that_time(time: Time) -> None:
    pacing = Pacing(time)
    at = datetime.fromtimestamp(START_MS / 1000 + 10, UTC)
    pacing.ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "hi", "at": at.isoformat()})])
    pacing.lead()
    time.set_by_ms -= 20_000
    pacing.send(25, every=0.4)
    assert pacing.calls == []
    pacing.send(6, every=0.4)
    assert pacing.calls[0] == pytest.approx(30, abs=0.5)


def test_a_window_lasts_as_long_as_it_would_have_and_quiet_hours_end_at_their_time(time: Time) -> None:
    """Back, a digest of ten seconds would wait for an hour; one that waits for the morning waits for it still."""
    pacing = Pacing(time)
    morning = datetime.fromtimestamp(START_MS / 1000 + 60, UTC)
    night = Joining(name="night", is_quiet=True, until=morning)
    fields = {"receiver_id": "ou_a", "text": "hi"}
    window, quiet, moved = (
        accepted.into or ""
        for accepted in pacing.ledger.accept(
            [
                Notification.build({**fields, "digest": "10s"}),
                Notification.build(fields, joining=night),
                Notification.build({**fields, "digest": "20s"}),
            ]
        )
    )
    reschedule(pacing.ledger, moved, morning, "ada")
    pacing.lead()
    time.set_by_ms -= HOUR_MS
    due_ms = START_MS - HOUR_MS + 10_000
    pacing.send(9, every=0.4)
    assert pacing.calls == []
    dues = [pacing.ledger.get(id).due_ms for id in (window, quiet, moved)]
    assert dues == [pytest.approx(due_ms, abs=100), START_MS + 60_000, START_MS + 60_000]
    pacing.send(2, every=0.4)
    assert pacing.calls == [pytest.approx(10, abs=0.5)]


def test_two_pacers_that_see_one_step_move_things_once(time: Time) -> None:
    first = Pacing(time)
    second = Pacing(time, first.server, "host:2:8")
    first.accept(10)
    for pacing in (first, second):
        pacing.lead()
    first.look()
    slots = first.ledger.redis.lrange(first.ledger.keys.slots("default"), 0, -1)
    time.set_by_ms += HOUR_MS  # by Redis' clock the lead is over
    first.ledger.redis.delete(first.ledger.keys.leader)
    answers = [(pacing, pacing.leases.lead(pacing.me, LEAD_MS)) for pacing in (second,)]
    first.ledger.redis.delete(first.ledger.keys.leader)
    answers.append((first, first.leases.lead(first.me, LEAD_MS)))
    for pacing, answer in answers:
        pacing.steps.heed(answer)
    moved = first.ledger.redis.lrange(first.ledger.keys.slots("default"), 0, -1)
    assert [int(after) - int(before) for after, before in zip(moved, slots, strict=True)] == [HOUR_MS] * CALLS


@pytest.mark.parametrize("step_ms", [-HOUR_MS, HOUR_MS])
def test_pacers_that_start_after_the_step_keep_the_quota_too(time: Time, step_ms: int) -> None:
    """All of a machine was away while its clock was set."""
    before = Pacing(time)
    before.accept(40)
    before.send(1)
    time.set_by_ms += step_ms
    time.passed += 0.2
    after = Pacing(time, before.server, "host:2:8")
    after.calls = before.calls
    after.leases.lead("host:1:8", 0)
    after.send(3)
    assert after.most_in_a_window() <= CALLS
    assert len(after.calls) >= 2 + 3 * CALLS


def test_a_time_without_workers_costs_a_desk_nothing_once_they_are_back(time: Time) -> None:
    pacing = Pacing(time)
    pacing.accept(100)
    pacing.send(2)
    time.passed += 600
    sent = len(pacing.calls)
    pacing.send(2)
    assert len(pacing.calls) - sent >= CALLS
    assert pacing.most_in_a_window() <= CALLS
    assert b"steps" not in pacing.clock


def test_slots_of_a_future_that_no_pacer_saw_count_as_made_now(time: Time) -> None:
    """A ledger from before pacers vouched for the clock, which was set back."""
    pacing = Pacing(time)
    pacing.accept(10)
    ahead = START_MS + HOUR_MS
    pacing.ledger.redis.rpush(pacing.ledger.keys.slots("default"), *[ahead] * CALLS)
    pacing.ledger.redis.hset(pacing.ledger.keys.desk("default"), "pace_at", ahead)
    pacing.send(WINDOW_MS / 1000 - 0.1)
    assert pacing.calls == []
    pacing.send(0.4)
    assert len(pacing.calls) == CALLS


def test_the_lead_of_a_dead_pacer_ends_although_its_lease_is_of_a_later_time(time: Time) -> None:
    """It lasted until the clock that was set back came to its end again: nobody led for an hour."""
    dead = Pacing(time)
    dead.accept(10)
    dead.lead()
    time.set_by_ms -= HOUR_MS
    Pacing(time, dead.server, "host:2:8").send(1)
    heir = Pacing(time, dead.server, "host:3:8")
    heir.leases.lead("host:2:8", 0)
    heir.send(1)
    assert len(heir.calls) == CALLS


def test_a_step_that_another_leader_has_followed_is_not_followed_again(time: Time) -> None:
    """The second pacer had seen both steps, but had missed the first leader's word between them: leases were moved by
    an hour once more."""
    first = Pacing(time)
    second = Pacing(time, first.server, "host:2:8")
    first.accept(1)
    for pacing in (first, second):
        pacing.lead()
    first.leases.release([(first.desk, 1, 100)])
    [before] = first.ledger.redis.zrange(first.ledger.keys.leases("default"), 0, -1, withscores=True)
    time.passed += 0.1
    time.set_by_ms += HOUR_MS
    second.lead()  # it does not lead, and nobody has vouched yet
    first.lead()
    time.passed += 0.1
    time.set_by_ms -= 60_000
    first.ledger.redis.delete(first.ledger.keys.leader)
    second.lead()
    [after] = first.ledger.redis.zrange(first.ledger.keys.leases("default"), 0, -1, withscores=True)
    assert after[1] - before[1] == pytest.approx(HOUR_MS - 60_000, abs=2)


def test_a_step_that_comes_late_moves_nothing_when_another_leader_has_vouched_since(time: Time) -> None:
    """Its request had been on its way for longer than its sender waited; or its sender had been held up."""
    pacing = Pacing(time)
    pacing.accept(1)
    pacing.lead()
    pacing.leases.release([(pacing.desk, 1, 100)])
    led = pacing.leases.lead(pacing.me, LEAD_MS)
    time.passed += 0.4
    pacing.lead()
    pacing.leases.step([pacing.desk], ClockStep(1000, led.clock_state))
    assert pacing.ledger.redis.lrange(pacing.ledger.keys.slots("default"), 0, -1) == [str(START_MS).encode()]


@pytest.mark.parametrize("is_done", [False, True], ids=["request lost", "answer lost"])
@pytest.mark.parametrize("step_ms", [-HOUR_MS, -700])
def test_a_step_that_could_not_be_followed_is_followed_when_redis_is_back(
    time: Time, monkeypatch: pytest.MonkeyPatch, step_ms: int, is_done: bool
) -> None:
    """The pacer had forgotten it by then, and vouched for a clock to which nothing had been moved."""
    pacing = Pacing(time)
    pacing.accept(1)
    pacing.lead()
    pacing.leases.release([(pacing.desk, 1, 100)])
    time.passed += 1
    pacing.lead()
    time.passed += 0.4
    time.set_by_ms += step_ms
    step = pacing.leases.step

    def fail(*arguments: Any, **options: Any) -> None:
        if is_done:
            step(*arguments, **options)
        raise redis.ConnectionError

    with monkeypatch.context() as cut:
        cut.setattr(pacing.leases, "step", fail)
        with pytest.raises(redis.ConnectionError):
            pacing.lead()
    time.passed += 0.4
    pacing.lead()
    [slot] = pacing.ledger.redis.lrange(pacing.ledger.keys.slots("default"), 0, -1)
    assert int(slot) - START_MS == pytest.approx(step_ms, abs=2)


def test_what_was_accepted_before_any_worker_is_sent_although_the_clock_was_set_back_since(time: Time) -> None:
    pacing = Pacing(time)
    pacing.accept(3)
    time.set_by_ms -= HOUR_MS
    pacing.lead()
    assert pacing.ledger.redis.zscore(pacing.ledger.keys.desks, "default") == START_MS - HOUR_MS


def test_a_claim_keeps_its_lease_when_the_first_to_lead_after_a_step_is_new(time: Time) -> None:
    """It could not tell a step forward from a time without a leader, and swept calls under way: made again."""
    pacing = Pacing(time)
    pacing.accept(1)
    pacing.lead()
    [released] = pacing.leases.release([(pacing.desk, 1, 100)])
    pacing.leases.claim(pacing.desk, "t", released.ids)
    time.set_by_ms += HOUR_MS
    new = Pacing(time, pacing.server, "host:2:8")
    new.lead()
    assert new.leases.sweep([new.desk]) == [(0, 0, 0)]
    time.passed += 0.4
    new.lead()
    time.passed += new.leases.lease_ms / 1000
    new.lead()
    assert new.leases.sweep([new.desk]) == [(0, 1, 0)]


@pytest.mark.parametrize("passed", [0.0, 1.2])
def test_a_slot_from_before_a_step_back_is_not_claimed_as_one_to_come(time: Time, passed: float) -> None:
    """Its holder waited three seconds for it, and called outside of the window that it was counted in. So it did when
    the clock had nearly come back to the leader's last word."""
    pacing = Pacing(time)
    pacing.accept(1)
    pacing.lead()
    [released] = pacing.leases.release([(pacing.desk, 1, 100)])
    time.set_by_ms -= 3000
    time.passed += passed
    assert pacing.leases.claim(pacing.desk, "t", released.ids)[1] == []
    assert pacing.ledger.redis.llen(pacing.ledger.keys.slots("default")) == 0


def test_a_slot_that_was_held_while_the_clock_was_set_is_exchanged(time: Time) -> None:
    """Three seconds later it seemed to be for now, and was long over by what Redis counted."""
    pacing = Pacing(time)
    pacing.accept(1)
    pacing.lead()
    [released] = pacing.leases.release([(pacing.desk, 1, 100)])
    _, [claim] = pacing.leases.claim(pacing.desk, "t", released.ids)
    claimed = ClaimedNotification(claim, pacing.desk, pacing.leases, "t", Event(), time.passed)
    time.passed += 0.1
    time.set_by_ms -= 3000
    pacing.lead()
    time.passed += 2.9
    pacing.lead()
    claimed.take_slot()
    slots = pacing.ledger.redis.lrange(pacing.ledger.keys.slots("default"), 0, -1)
    assert START_MS <= int(slots[0]) <= START_MS + 2


@pytest.mark.parametrize("step_ms", [-HOUR_MS, HOUR_MS])
def test_what_began_between_a_step_and_its_discovery_lasts_no_longer_and_no_shorter(time: Time, step_ms: int) -> None:
    """A throttle that came just then held the desk for an hour, and a worker that was lost just then kept its claim."""
    pacing = Pacing(time)
    pacing.desk = pacing.desk.model_copy(update={"rate": ()})
    pacing.accept(2)
    pacing.lead()
    [released] = pacing.leases.release([(pacing.desk, 1, 100)])
    time.set_by_ms += step_ms
    time.passed += 0.1
    pacing.leases.claim(pacing.desk, "t", released.ids)
    pacing.leases.hold(pacing.desk, "throttled", 3000, "429")
    pacing.lead()
    time.passed += 2.8
    pacing.lead()
    assert not pacing.leases.release([(pacing.desk, 1, 100)])[0].ids
    assert pacing.leases.sweep([pacing.desk]) == [(0, 0, 0)]
    time.passed += 0.3
    pacing.lead()
    assert pacing.leases.release([(pacing.desk, 1, 100)])[0].ids
    time.passed += pacing.leases.lease_ms / 1000
    pacing.lead()
    assert sum(pacing.leases.sweep([pacing.desk])[0]) == 2


def test_a_step_that_comes_just_before_a_leaders_word_is_followed_by_the_leader_itself(time: Time) -> None:
    """It took its own word, which it had given without knowing of the step, for that of one who had followed it."""
    pacing = Pacing(time)
    pacing.accept(1)
    pacing.lead()
    time.passed += 0.4
    pacing.lead()
    time.passed += 3
    answer = pacing.leases.lead(pacing.me, LEAD_MS)
    step = pacing.steps.heed(answer)
    assert step == ClockStep(0, answer.clock_state)
    time.set_by_ms -= HOUR_MS
    pacing.steps.vouched(pacing.leases.lead(pacing.me, LEAD_MS, step))
    time.passed += 0.4
    pacing.lead()
    assert pacing.clock[b"stepped_by"] == str(-HOUR_MS).encode()


def answered_late(pacing: Pacing, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The first request of the next question is lost: it is asked again after so long, and answered at once."""
    ask = pacing.leases.verbs.call

    def repeated(*arguments: Any) -> Any:
        monkeypatch.undo()
        pacing.time.passed += seconds
        return ask(*arguments)

    monkeypatch.setattr(pacing.leases.verbs, "call", repeated)


def test_a_step_is_followed_once_although_the_next_leader_learns_of_it_by_a_late_answer(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By that answer it could not tell whether the last word was from before the step, and moved the slots that were
    reserved since by an hour: more calls than the quota."""
    first = Pacing(time)
    second = Pacing(time, first.server, "host:2:8")
    first.accept(CALLS)
    for pacing in (first, second):
        pacing.lead()
    time.passed += 0.4
    time.set_by_ms -= HOUR_MS
    first.lead()
    first.look()
    time.passed += 0.1
    answered_late(second, monkeypatch, 3)
    second.lead()
    assert first.slots == [400] * CALLS
    assert first.clock[b"steps"] == b"1"


@pytest.mark.parametrize("step_ms", [-HOUR_MS, HOUR_MS])
def test_a_step_is_measured_by_a_quick_answer(time: Time, monkeypatch: pytest.MonkeyPatch, step_ms: int) -> None:
    """The late one that told of it was wrong by a second and a half, and so were the slots."""
    pacing = Pacing(time)
    pacing.accept(1)
    pacing.lead()
    pacing.look()
    time.set_by_ms += step_ms
    answered_late(pacing, monkeypatch, 3)
    pacing.lead()
    assert pacing.slots == [0]


@pytest.mark.parametrize("is_followed", [False, True])
@pytest.mark.parametrize("step_ms", [-1000, 1000, 3000])
def test_what_was_followed_while_a_pacer_was_cut_off_is_told_by_the_ledger(
    time: Time, step_ms: int, is_followed: bool
) -> None:
    """By the time of the last word alone one cannot tell whether it was given before a short step or after it."""
    first = Pacing(time)
    second = Pacing(time, first.server, "host:2:8")
    first.accept(1)
    for pacing in (first, second):
        pacing.lead()
    first.look()
    time.passed += 0.8
    first.lead()
    time.passed += 0.1
    time.set_by_ms += step_ms
    if is_followed:
        first.lead()
    time.passed += 2.1
    first.ledger.redis.delete(first.ledger.keys.leader)
    second.lead()
    assert second.slots == pytest.approx([0], abs=2)
    assert second.clock[b"steps"] == b"1"


def test_a_step_that_a_leader_followed_without_saying_so_is_not_followed_again_but_said(time: Time) -> None:
    """It had died in between. The clock was set once more by then."""
    first = Pacing(time)
    second = Pacing(time, first.server, "host:2:8")
    first.accept(1)
    for pacing in (first, second):
        pacing.lead()
    first.look()
    time.set_by_ms += HOUR_MS
    first.steps.heed(first.leases.lead(first.me, LEAD_MS))
    assert first.slots == [0]
    time.passed += 2
    time.set_by_ms -= 5000
    first.ledger.redis.delete(first.ledger.keys.leader)
    second.lead()
    assert second.slots == pytest.approx([0], abs=2)
    assert second.clock[b"stepped_by"] == str(HOUR_MS - 5000).encode()


def test_a_leader_that_was_held_up_does_not_say_again_what_another_has_followed_since(time: Time) -> None:
    first = Pacing(time)
    second = Pacing(time, first.server, "host:2:8")
    first.accept(1)
    for pacing in (first, second):
        pacing.lead()
    first.look()
    time.set_by_ms += HOUR_MS
    step = first.steps.heed(first.leases.lead(first.me, LEAD_MS))
    time.passed += 2
    second.lead()
    second.leases.lead(second.me, 0)
    assert first.leases.lead(first.me, LEAD_MS, step).followed_ms == HOUR_MS
    first.leases.step([first.desk], ClockStep(HOUR_MS, step.clock_state if step else ""))
    assert first.slots == [0]
    assert first.clock[b"steps"] == b"1"


def test_a_step_that_no_leader_sees_is_given_up(time: Time) -> None:
    """The next leader was new, and the step too short to be told from no step. Slots of today are not moved by it."""
    first = Pacing(time)
    first.accept(2)
    first.lead()
    time.passed += 1
    time.set_by_ms -= 700
    second = Pacing(time, first.server, "host:2:8")
    first.ledger.redis.delete(first.ledger.keys.leader)
    for _ in range(4):
        second.lead()
        time.passed += 0.4
        first.lead()
    first.look()
    second.leases.lead(second.me, 0)
    first.lead()
    assert first.slots == [2600] * 2
    assert b"steps" not in first.clock


def test_a_step_that_a_leader_of_an_earlier_version_has_followed_is_not_followed_again(time: Time) -> None:
    """It says by how much alone, and keeps no sum."""
    pacing = Pacing(time)
    pacing.accept(1)
    pacing.lead()
    time.passed += 0.1
    time.set_by_ms += HOUR_MS
    now_ms = START_MS + HOUR_MS + 100
    pacing.ledger.redis.hset(pacing.ledger.keys.clock, mapping={"seen": now_ms, "steps": 1, "stepped_by": HOUR_MS})
    pacing.look()
    pacing.lead()
    assert pacing.slots == [100]
    assert pacing.clock[b"steps"] == b"1"


@pytest.mark.parametrize("is_new", [False, True], ids=["known before", "first answer"])
def test_a_slot_is_not_granted_for_after_the_end_of_a_lease_when_an_answer_was_late(time: Time, is_new: bool) -> None:
    """It was the only one after a step, or at all, and Redis was thought to be three seconds away: the slot was in
    twelve, and its holder's lease over before."""
    first = Pacing(time)
    second = Pacing(time, first.server, "host:2:8")
    first.accept(1)
    for pacing in [first] if is_new else [first, second]:
        pacing.lead()
    time.set_by_ms -= 30_000
    asked, time.passed = time.passed, 3.0
    first.lead()
    second.leases.clock.note(asked, round(time.redis() * 1000))
    [released] = second.leases.release([(second.desk, 1, 100)])
    _, [claim] = second.leases.claim(second.desk, "t", released.ids)
    assert claim.slot
    assert claim.slot.wait_ms <= BEGIN_WITHIN_MS
