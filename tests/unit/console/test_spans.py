"""The columns of a chart: which are there, from where they come, and which are not known."""

import pytest

from console.spans import ADDED_UP_WITHIN_MS, HOUR_MS, Column, Span, columns_of
from ledger.quarters import QUARTER_MS, Counts
from ledger.tally import MINUTE_MS, Minute

__all__: list[str] = []

#: 10:07 of a day: minute 7 of the quarter with this number.
QUARTER = 2_000_000 * 4
NOW_MS = QUARTER * QUARTER_MS + 7 * MINUTE_MS + 30_000
#: Of the two quarters before and the minutes so far; one a minute.
HOUR = [Minute(NOW_MS // MINUTE_MS * MINUTE_MS - ago * MINUTE_MS, {"delivered": 1}) for ago in range(59, -1, -1)]


def day(past: dict[int, Counts], now_ms: int = NOW_MS) -> dict[int, Counts | None]:
    """By how many quarters ago."""
    columns = columns_of(Span.DAY, HOUR, past, now_ms)
    return {now_ms // QUARTER_MS - column.at_ms // QUARTER_MS: column.counts for column in columns}


def week(past: dict[int, Counts], now_ms: int = NOW_MS) -> list[Column]:
    """The latest first."""
    return columns_of(Span.WEEK, HOUR, past, now_ms)[::-1]


def test_an_hour_is_its_minutes() -> None:
    columns = columns_of(Span.HOUR, HOUR, {}, NOW_MS)
    assert [(each.at_ms, each.counts) for each in columns] == [(each.at_ms, each.counts) for each in HOUR]


def test_a_day_has_its_quarters_and_a_zero_is_not_what_is_unknown() -> None:
    found = day({QUARTER - 1: {"failed": 2}, QUARTER - 2: {}, QUARTER - 95: {"delivered": 9}, QUARTER - 96: {}})
    assert list(found) == list(range(95, -1, -1))
    assert {ago: counts for ago, counts in found.items() if counts is not None} == {
        0: {"delivered": 8}, 1: {"failed": 2}, 2: {}, 95: {"delivered": 9},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("over_for_ms", "drawn"), [(0, True), (ADDED_UP_WITHIN_MS - 1, True), (ADDED_UP_WITHIN_MS, False)]
)
def test_a_quarter_that_is_just_over_is_drawn_from_its_minutes_until_it_is_added_up(
    over_for_ms: int, drawn: bool
) -> None:
    now_ms = QUARTER * QUARTER_MS + over_for_ms
    hour = [Minute(QUARTER * QUARTER_MS - ago * MINUTE_MS, {"delivered": 1}) for ago in range(58, -2, -1)]
    columns = columns_of(Span.DAY, hour, {}, now_ms)
    assert columns[-2].counts == ({"delivered": 15} if drawn else None)
    assert columns_of(Span.DAY, hour, {QUARTER - 1: {}}, now_ms)[-2].counts == {}, "what was added up counts"


def test_the_quarter_that_is_not_over_comes_from_its_minutes_whatever_a_clock_that_was_set_back_left() -> None:
    assert day({QUARTER: {"failed": 9}, QUARTER + 1: {"failed": 9}})[0] == {"delivered": 8}


def test_seven_days_are_hours_of_four_quarters_and_what_is_known_in_part_says_so() -> None:
    first = QUARTER - 4  # of the hour before
    whole = {first + n: {"delivered": n, "failed": 1} for n in range(4)}
    found = week({**whole, first - 1: {"delivered": 5}, first - 2: {}})
    assert len(found) == 168
    assert found[0] == Column(QUARTER * QUARTER_MS, {"delivered": 8}), "the hour so far"
    assert found[1] == Column(first * QUARTER_MS, {"delivered": 6, "failed": 4})
    assert found[2] == Column(first * QUARTER_MS - HOUR_MS, {"delivered": 5}, is_partial=True)
    assert {each.counts for each in found[3:]} == {None}
    assert not any(each.is_partial for each in found[3:])


def test_the_hour_so_far_is_known_in_part_only_if_one_of_its_quarters_is_absent() -> None:
    now_ms = NOW_MS + 2 * QUARTER_MS  # 10:37, with two quarters over
    assert week({QUARTER: {"failed": 1}, QUARTER + 1: {}}, now_ms)[0].is_partial is False
    assert week({QUARTER: {"failed": 1}}, now_ms)[0].is_partial is True
