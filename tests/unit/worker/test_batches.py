"""How many notifications go into one message."""

from collections.abc import Sequence

import pytest

from ledger.leases import Released, Share
from ledger.rate import parse_rate
from ledger.settings import Desk, Settings
from worker.release import BATCH_MS, LARGEST_BATCH, CallDurations, Release, batch_size


@pytest.mark.parametrize(
    ("call_ms", "size"),
    [(None, 1), (0.2, LARGEST_BATCH), (5, LARGEST_BATCH), (50, 12), (150, 4), (400, 1), (20_000, 1)],
)
def test_a_message_holds_what_a_thread_sends_in_a_moment(call_ms: float | None, size: int) -> None:
    """Of 600 ms."""
    assert batch_size(call_ms) == size


class Answers:
    """Leases of which each desk gets as many ids as it may have."""

    lease_ms = 60_000

    def __init__(self) -> None:
        self.asked: list[Share] = []

    def release(self, shares: list[Share]) -> list[Released]:
        self.asked = shares
        return [Released([f"n_{number}" for number in range(share.most)], None) for share in shares]


@pytest.mark.parametrize(
    ("desks", "call_ms", "most", "apart_ms"),
    [(8, 50, 5, 50), (8, 60, 4, 60), (8, 200, 1, 0), (8, None, 1, 0), (4, 50, 2, 0)],
)
def test_with_limits_a_message_holds_several_when_more_desks_are_due_than_messages_may_go_out(
    desks: int, call_ms: float | None, most: int, apart_ms: int
) -> None:
    answers, published = Answers(), list[tuple[Desk, Sequence[str]]]()
    limited = Settings(_env_file=None).desk("default").model_copy(update={"rate": parse_rate("600/minute")})
    release = Release(answers, published.extend, lambda *_: None, lambda _: call_ms, is_one_desk=False)  # type: ignore[arg-type]
    release([limited] * desks, 8, 32)
    assert answers.asked == [Share(limited, most, answers.asked[0].in_flight, apart_ms)] * desks
    assert len(published) == 8


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
