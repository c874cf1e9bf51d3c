"""How many notifications of a desk without limits go into one message."""

import pytest

from worker.release import BATCH_MS, LARGEST_BATCH, CallDurations, batch_size


@pytest.mark.parametrize(
    ("call_ms", "size"),
    [(None, 1), (0.2, LARGEST_BATCH), (5, LARGEST_BATCH), (50, 12), (150, 4), (400, 1), (20_000, 1)],
)
def test_a_message_holds_what_a_thread_sends_in_a_moment(call_ms: float | None, size: int) -> None:
    """Of 600 ms."""
    assert batch_size(call_ms) == size


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_the_duration_follows_the_latest_calls() -> None:
    clock = Clock()
    durations = CallDurations(clock)
    assert durations.recent_ms is None
    for _ in range(20):
        with durations.call():
            clock.seconds += 0.05
    assert durations.recent_ms == pytest.approx(50)
    with durations.call():
        clock.seconds += 0.15
    assert durations.recent_ms == pytest.approx(70)  # 50 + a fifth of 100


def test_a_call_that_goes_on_for_long_tells_before_it_ends() -> None:
    clock = Clock()
    durations = CallDurations(clock)
    with durations.call():
        clock.seconds += 0.01
        assert durations.recent_ms is None, "it has just begun, which says nothing"
        clock.seconds += 2 * BATCH_MS / 1000
        assert durations.recent_ms == pytest.approx(10 + 2 * BATCH_MS)
