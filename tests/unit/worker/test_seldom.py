"""What happens again and again is said again and again, and ever more seldom."""

from worker.pacer import LONGEST_COMPLAINT_SECONDS, Seldom


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def times_said(seldom: Seldom, clock: Clock, seconds: int, what: str = "Redis is away") -> list[float]:
    said = []
    for _ in range(seconds * 2):
        if seldom.is_due(what):
            said.append(clock.now)
        clock.now += 0.5
    return said


def test_it_is_said_at_once_and_then_at_growing_intervals() -> None:
    clock = Clock()
    assert times_said(Seldom(clock), clock, 100) == [0, 2, 6, 14, 30, 62]


def test_after_a_day_it_is_still_said() -> None:
    clock = Clock()
    said = times_said(Seldom(clock), clock, 24 * 3600)
    assert said[-1] - said[-2] == LONGEST_COMPLAINT_SECONDS


def test_another_thing_is_said_at_once() -> None:
    clock = Clock()
    seldom = Seldom(clock)
    times_said(seldom, clock, 100)
    assert seldom.is_due("no more open files")


def test_when_it_comes_back_after_a_silence_it_is_news() -> None:
    clock = Clock()
    seldom = Seldom(clock)
    times_said(seldom, clock, 100)
    clock.now += 2 * 64
    assert times_said(seldom, clock, 10) == [228, 230, 234]
