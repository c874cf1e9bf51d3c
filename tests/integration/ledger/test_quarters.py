"""What charts of more than an hour are made of: the verb `roll` adds up the minutes of each quarter-hour."""

import fakeredis
import pytest
import redis

from ledger.inspection.inspection import broken_invariants
from ledger.ledger import Ledger
from ledger.quarters import KEPT_MS, KEPT_QUARTERS, QUARTER_MS, Counts, Quarters
from ledger.redis_clock import time_ms
from ledger.settings import Settings
from ledger.tally import KEPT_SECONDS, LATE_MS, MINUTE_MS
from tests.integration.ledger.standing_clock import StandingClock

__all__: list[str] = []

MINUTES = QUARTER_MS // MINUTE_MS
#: Later than any quarter: no leader has been there before.
NEVER_MS = 9_999_999_999_999


class Desk:
    """The desk `default` of a ledger, and its minutes and quarters."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.redis, self.key = ledger, ledger.redis, ledger.keys.quarters("default")

    @property
    def last(self) -> int:
        """The quarter that was over last, by the server's clock. A test may see the next one end: it asserts nothing of
        that."""
        return (time_ms(self.redis.time()) - LATE_MS) // QUARTER_MS - 1

    def count(self, quarter: int, minute: int = 0, **counts: int) -> None:
        key = self.ledger.keys.tally_minute("default", str(quarter * MINUTES + minute))
        for name, count in counts.items():
            self.redis.hincrby(key, name, count)
        self.redis.expire(key, KEPT_SECONDS)

    def roll(self, since_ms: int = NEVER_MS) -> None:
        assert Quarters(self.ledger).roll(["default"], since_ms) == {"default": True}

    @property
    def known(self) -> dict[int, Counts]:
        return dict(Quarters(self.ledger).read(["default"])["default"])


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return Desk(ledger)


def test_the_minutes_of_a_quarter_are_added_up_by_their_names(desk: Desk) -> None:
    last = desk.last
    desk.count(last, 0, delivered=3, failed=1)
    desk.count(last, 7, expired=2)
    desk.count(last, 14, delivered=4, rerouted=1)
    desk.count(last + 1, 0, delivered=100)
    desk.count(last - 1, 14, deferred=9)
    desk.roll()
    assert desk.known[last] == {"delivered": 7, "failed": 1, "expired": 2, "rerouted": 1}
    assert desk.known[last - 1] == {"deferred": 9}
    assert broken_invariants(desk.ledger) == []


def test_nothing_is_a_zero_where_a_leader_was_there_at_the_end_and_unknown_otherwise(desk: Desk) -> None:
    last = desk.last
    desk.count(last - 2, 3, failed=1)
    desk.roll(since_ms=(last + 1) * QUARTER_MS)
    known = desk.known
    assert (known.get(last - 2), known.get(last - 1), known.get(last)) == ({"failed": 1}, None, {})
    desk.roll(since_ms=(last + 1) * QUARTER_MS + 1)
    assert last - 1 not in desk.known


def test_what_no_worker_was_there_for_stays_unknown(desk: Desk) -> None:
    last = desk.last
    desk.roll(since_ms=(last + 1) * QUARTER_MS + 1)
    assert last not in desk.known


def test_a_second_leader_or_a_repetition_changes_nothing(desk: Desk) -> None:
    last = desk.last
    desk.count(last, delivered=3)
    desk.roll()
    desk.redis.pexpire(desk.key, 1_000_000)
    desk.count(last, delivered=5)
    for since_ms in (NEVER_MS, (last + 1) * QUARTER_MS + 1):
        desk.roll(since_ms)
    assert desk.known[last] == {"delivered": 3}
    assert 0 < desk.redis.pttl(desk.key) <= 1_000_000


def test_the_quarters_are_caught_up_whose_minutes_are_all_there(desk: Desk) -> None:
    """The minutes of one live for a little more than an hour. A part of a quarter would look like the whole."""
    last = desk.last
    for ago in range(6):
        desk.count(last - ago, delivered=ago + 1)
    desk.roll()
    known = desk.known
    assert [known.get(last - ago) for ago in range(3)] == [{"delivered": 1}, {"delivered": 2}, {"delivered": 3}]
    assert not {last - 4, last - 5} & known.keys()


def test_quarters_are_kept_for_seven_days_and_the_key_for_one_more(desk: Desk) -> None:
    last = desk.last
    old, oldest_kept = last - KEPT_QUARTERS - 5, last - KEPT_QUARTERS + 5
    written = {str(old): "{}", str(oldest_kept): '{"failed":1}', str(last + 50): "{}", "soon": "{}"}
    desk.redis.hset(desk.key, mapping=written)
    desk.count(last, delivered=1)
    desk.roll()
    assert desk.known.keys() - {last + 1} == {oldest_kept, last}
    assert KEPT_MS - 60_000 < desk.redis.pttl(desk.key) <= KEPT_MS
    assert broken_invariants(desk.ledger) == []


def test_a_desk_without_anything_has_no_key(desk: Desk) -> None:
    desk.roll()
    assert not desk.redis.exists(desk.key)
    assert desk.known == {}


@pytest.mark.parametrize("seen_ms_ago", [-60_000, 60_000])
def test_nothing_is_added_up_while_the_clock_is_in_doubt(desk: Desk, seen_ms_ago: int) -> None:
    desk.count(desk.last, delivered=1)
    desk.redis.hset(desk.ledger.keys.clock, "seen", time_ms(desk.redis.time()) - seen_ms_ago)
    assert Quarters(desk.ledger).roll(["default"], 0) == {"default": False}
    assert desk.known == {}


def test_a_damaged_minute_is_refused_for_its_desk_alone(ledger_of_desks: Ledger) -> None:
    desk = Desk(ledger_of_desks)
    desk.roll()  # the server knows the script
    desk.redis.set(ledger_of_desks.keys.tally_minute("hr", str(desk.last * MINUTES)), "damaged")
    answers = Quarters(ledger_of_desks).roll(["hr", "it"], 0)
    assert isinstance(answers["hr"], redis.ResponseError)
    assert answers["it"] is True


@pytest.mark.parametrize("value", ["{", "[]", '{"delivered":-1}', '{"delivered":"1"}'])
def test_a_damaged_quarter_is_unknown_and_named_by_doctor(desk: Desk, value: str) -> None:
    desk.redis.hset(desk.key, str(desk.last), value)
    desk.redis.pexpire(desk.key, KEPT_MS)
    assert desk.known == {}
    assert [(str(found.invariant), found.id) for found in broken_invariants(desk.ledger)] == [("quarters", "default")]


# -- by a clock of our own


@pytest.fixture
def clocked(clock: StandingClock) -> Desk:
    return Desk(Ledger(Settings(_env_file=None), fakeredis.FakeRedis()))


def test_a_quarter_is_added_up_when_late_counts_are_in(clock: StandingClock, clocked: Desk) -> None:
    quarter = clock.ms // QUARTER_MS
    clocked.count(quarter, 14, delivered=1)
    clock.ms += QUARTER_MS + LATE_MS - 1
    clocked.roll()
    assert clocked.known == {}
    clock.ms += 1
    clocked.roll()
    assert clocked.known == {quarter: {"delivered": 1}}


def test_after_a_clock_was_set_back_a_quarter_has_what_was_counted_before_and_after(
    clock: StandingClock, clocked: Desk
) -> None:
    quarter = clock.ms // QUARTER_MS
    clocked.count(quarter, 14, delivered=1)
    clock.ms += QUARTER_MS + LATE_MS
    clocked.roll()
    clock.ms -= MINUTE_MS
    clocked.roll()
    assert clocked.known == {}, "it is not over again"
    clocked.count(quarter, 14, delivered=1)
    clock.ms += MINUTE_MS
    clocked.roll()
    assert clocked.known == {quarter: {"delivered": 2}}


def test_quarters_that_a_clock_has_skipped_are_unknown(clock: StandingClock, clocked: Desk) -> None:
    quarter = clock.ms // QUARTER_MS
    clocked.count(quarter, 2, delivered=1)
    clock.ms += 3 * QUARTER_MS + LATE_MS
    clocked.roll(since_ms=clock.ms)  # what a leader says that has followed the step
    assert clocked.known == {quarter: {"delivered": 1}}


def test_minutes_that_a_clock_set_far_forward_has_ended_give_no_part_of_a_quarter(
    clock: StandingClock, clocked: Desk
) -> None:
    quarter = clock.ms // QUARTER_MS
    clocked.count(quarter, 0, delivered=1)
    clocked.count(quarter, 14, delivered=1)
    clock.ms += KEPT_SECONDS * 1000 + MINUTE_MS
    clocked.roll(since_ms=clock.ms)
    assert clocked.known == {}


def test_every_quarter_of_eight_days_is_there_for_seven(clock: StandingClock, clocked: Desk) -> None:
    first = clock.ms // QUARTER_MS
    for number in range(8 * 96):
        clocked.count(first + number, 5, delivered=number % 3)
        clock.ms += QUARTER_MS
        if number % 3 == 2 or number > 8 * 96 - 3:  # each third end has a leader
            clock.ms += LATE_MS
            clocked.roll(since_ms=0)
            clock.ms -= LATE_MS
    known = clocked.known
    assert sorted(known) == list(range(first + 96, first + 8 * 96))
    assert known[first + 8 * 96 - 1] == {"delivered": (8 * 96 - 1) % 3}
