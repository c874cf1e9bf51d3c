"""When an announcement will be finished."""

from datetime import UTC, datetime

import pytest

from ledger.announcement import Spec
from ledger.rate import Limit
from ledger.sending_hours import Window
from ledger.settings import Settings
from producers.announcements.forecast import Share, calls_per_second, finish_ms

__all__: list[str] = []

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)
HOUR_MS = 3_600_000
MESSAGE = {"msg_type": "text", "content": {"text": "hi"}}


def a_share(rows: int, weight: int = 1, *windows: tuple[float, float]) -> Share:
    """Windows in hours from now; without any it is always open."""
    given = windows or ((0, 1e6),)
    return Share(rows, weight, tuple(Window(NOW_MS + int(o * HOUR_MS), NOW_MS + int(c * HOUR_MS)) for o, c in given))


def seconds(ours: Share, *others: Share, rate: float = 1.0) -> float | None:
    found = finish_ms(ours, others, rate, NOW_MS)
    return None if found is None else (found - NOW_MS) / 1000


@pytest.mark.parametrize(
    ("ours", "others", "expected"),
    [
        (a_share(0), [], 0),
        (a_share(100), [], 100),
        (a_share(100), [a_share(100)], 200),  # half each
        (a_share(100), [a_share(1000)], 200),
        (a_share(100), [a_share(20)], 120),  # 40 s with half, then alone
        (a_share(100, 3), [a_share(1000, 1)], 133.333),  # three turns of four
        (a_share(100), [a_share(1000), a_share(1000)], 300),
        (a_share(3600, 1, (2, 10)), [], 3 * 3600),  # waits two hours
        (a_share(7200, 1, (0, 1), (24, 25)), [], 25 * 3600),  # an hour today, an hour tomorrow
        (a_share(3600), [a_share(3600, 1, (5, 6))], 3600),  # the other one sleeps
        (a_share(7200), [a_share(9999, 1, (0, 1))], 9000),  # an hour with half, then 5400 rows alone
    ],
)
def test_the_calls_are_shared_by_weight_with_those_that_may_send(
    ours: Share, others: list[Share], expected: float
) -> None:
    assert seconds(ours, *others) == pytest.approx(expected, abs=0.01)


def test_beyond_the_hours_that_are_planned_nothing_is_foretold() -> None:
    assert seconds(a_share(7200, 1, (0, 1))) is None
    assert seconds(a_share(10), a_share(7200, 1, (0, 1))) == pytest.approx(20, abs=0.01)


def test_ten_thousand_rows_take_a_little_over_100_minutes_at_100_a_minute() -> None:
    desk = Settings(_env_file=None).desk("default")
    rate = calls_per_second(desk)
    assert rate is not None
    assert seconds(a_share(10_000), rate=rate) == pytest.approx(6030, rel=0.001)  # the window is kept 0.3 s longer


def test_the_tightest_limit_counts_and_without_a_quota_there_is_no_rate() -> None:
    desk = Settings(_env_file=None).desk("default")
    both = desk.model_copy(update={"rate": (Limit(calls=100, seconds=60), Limit(calls=1, seconds=1))})
    assert calls_per_second(both) == pytest.approx(1 / 1.08)
    assert calls_per_second(desk.model_copy(update={"rate": ()})) is None


def test_a_share_begins_at_its_time_and_within_its_hours() -> None:
    spec = Spec(name="n", message=MESSAGE, at=datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    assert Share.of(spec, 1, NOW_MS).windows[0].opens_ms == NOW_MS + 2 * HOUR_MS
    daily = Spec(name="n", message=MESSAGE, at=spec.at, between="09:00-18:00", timezone="UTC")
    first, second = Share.of(daily, 1, NOW_MS).windows[:2]
    assert (first.opens_ms, first.closes_ms) == (NOW_MS + 2 * HOUR_MS, NOW_MS + 8 * HOUR_MS)
    assert second.opens_ms == NOW_MS + 23 * HOUR_MS
