"""Redis time as a worker tells it between two answers."""

import pytest

from ledger.redis_clock import PERIOD_SECONDS, RedisClock

#: Redis time when the worker's clock shows 0, ms.
REDIS_MS = 1_800_000_000_000


class Way:
    """Between a worker and a Redis whose clock may be set. Seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.set_by_ms = 0
        self.clock = RedisClock(lambda: self.now)

    @property
    def true_ms(self) -> float:
        return REDIS_MS + self.now * 1000 + self.set_by_ms

    def ask(self, there: float = 0.001, back: float = 0.001) -> None:
        asked = self.now
        self.now += there
        answer_ms = int(self.true_ms)
        self.now += back
        self.clock.note(asked, answer_ms)

    @property
    def wrong_by_ms(self) -> float:
        return self.clock.now_ms() - self.true_ms


def test_before_the_first_answer_there_is_no_time() -> None:
    with pytest.raises(LookupError):
        RedisClock().now_ms()


@pytest.mark.parametrize(("there", "back"), [(0.0001, 0.0001), (0.07, 0.07), (0.125, 0.125)])
def test_a_far_redis_is_as_late_there_as_back(there: float, back: float) -> None:
    way = Way()
    way.ask(there, back)
    way.now += 3
    assert abs(way.wrong_by_ms) <= 1
    assert way.clock.round_trip_ms == pytest.approx(1000 * (there + back))


def test_an_answer_that_was_held_up_says_less_than_a_quick_one() -> None:
    """After a claim whose request was held up for 0.4 s every slot seemed 0.4 s old, and none was ever good again."""
    way = Way()
    way.ask()
    way.ask(there=0.4)
    assert abs(way.wrong_by_ms) <= 1
    way.ask(back=0.4)
    assert abs(way.wrong_by_ms) <= 1


def test_one_that_was_held_up_is_forgotten_for_the_first_quick_one_without_being_taken_for_a_step() -> None:
    way = Way()
    way.ask(there=2)
    way.ask()
    assert abs(way.wrong_by_ms) <= 1
    assert way.clock.times_set == 0


@pytest.mark.parametrize("step_ms", [-3_600_000, -3000, -100, 100, 3000, 3_600_000])
def test_a_clock_that_is_set_is_followed_at_once_and_counted_once(step_ms: int) -> None:
    way = Way()
    way.ask()
    way.now += 1
    way.set_by_ms += step_ms
    way.ask()
    assert abs(way.wrong_by_ms) <= 1
    assert way.clock.times_set == 1


def test_a_slow_answer_proves_no_step_that_it_can_explain() -> None:
    way = Way()
    way.ask()
    way.ask(there=3)
    assert way.clock.times_set == 0


def test_clocks_that_drift_apart_are_followed() -> None:
    way = Way()
    for _ in range(int(PERIOD_SECONDS * 12)):
        way.ask()
        way.now += 0.5
        way.set_by_ms += 1  # two seconds in a thousand
    assert abs(way.wrong_by_ms) <= 1 + 2 * PERIOD_SECONDS * 2
    assert way.clock.times_set == 0


@pytest.mark.parametrize("step_ms", [-30_000, 30_000])
def test_redis_is_as_near_as_before_when_a_late_answer_tells_of_a_step(step_ms: int) -> None:
    """Slots were granted for twelve seconds ahead, after the end of a claim's lease."""
    way = Way()
    way.ask()
    near_ms = way.clock.round_trip_ms
    way.set_by_ms += step_ms
    way.ask(there=3)
    assert way.clock.round_trip_ms == near_ms
    way.now += PERIOD_SECONDS
    way.ask(there=1)
    way.now += PERIOD_SECONDS
    way.ask(there=1)
    assert way.clock.round_trip_ms > 1000  # it is far away now
