"""How many threads a desk may hold."""

import pytest

from worker.release import BATCH_MS, ThreadShare

THREADS, FORGET_SECONDS = 32, 40.0
HANGS = BATCH_MS + 1


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slow(clock: Clock) -> ThreadShare:
    return ThreadShare(FORGET_SECONDS, clock)


def test_no_desk_may_hold_all_threads(slow: ThreadShare) -> None:
    assert slow.most("quick", 5, THREADS) == 24
    assert slow.most("hung", HANGS, THREADS) == 24


def test_desks_that_hang_leave_threads_to_the_next_one(slow: ThreadShare) -> None:
    held = 0
    for number in range(3):
        most = slow.most(f"hung{number}", HANGS, THREADS)
        slow.note(f"hung{number}", most)
        held += most
    assert held < THREADS


def test_a_desk_that_nobody_knows_counts_as_slow(slow: ThreadShare) -> None:
    slow.most("unknown", None, THREADS)
    assert slow.most("hung", HANGS, THREADS) == 6


def test_what_a_slow_desk_holds_is_not_forgotten_when_it_may_hold_less(slow: ThreadShare) -> None:
    """It was taken for as few as it may hold now, and the next desk had the difference."""
    slow.note("first", slow.most("first", HANGS, THREADS))
    slow.note("second", slow.most("second", HANGS, THREADS))
    assert slow.most("first", HANGS, THREADS) == 19
    assert slow.most("second", HANGS, THREADS) == 6


def test_slow_desks_come_to_equal_shares_as_their_calls_end(slow: ThreadShare) -> None:
    held = {"first": 0, "second": 0}
    for _ in range(20):
        for desk in held:
            held[desk] = slow.most(desk, HANGS, THREADS)
            slow.note(desk, held[desk])
    assert abs(held["first"] - held["second"]) <= THREADS // 8
    assert sum(held.values()) < THREADS


def test_each_desk_may_hold_one(slow: ThreadShare) -> None:
    slow.most("hung", HANGS, THREADS)
    slow.note("hung", THREADS)
    assert slow.most("other", HANGS, THREADS) == 1
    assert slow.most("quick", 5, 1) == 1


def test_a_desk_that_is_quick_again_takes_nothing_from_the_slow_ones(slow: ThreadShare) -> None:
    slow.note("hung", slow.most("hung", HANGS, THREADS))
    slow.most("hung", 5, THREADS)
    slow.note("hung", 24)
    assert slow.most("other", HANGS, THREADS) == 24


def test_a_desk_that_nobody_looks_at_any_more_holds_nothing_in_the_end(slow: ThreadShare, clock: Clock) -> None:
    slow.note("hung", slow.most("hung", HANGS, THREADS))
    clock.seconds += FORGET_SECONDS
    assert slow.most("other", HANGS, THREADS) == 24
