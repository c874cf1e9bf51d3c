"""The chart: its scale is round, its bars add up."""

import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.chart import HEADROOM, HEIGHT, SERIES, chart_of, scale_of
from console.spans import Column

__all__: list[str] = []

COUNTS = st.dictionaries(st.sampled_from(SERIES), st.integers(0, 100_000))


@pytest.mark.parametrize(
    ("highest", "scale"), [(0, 10), (10, 10), (11, 12), (12, 12), (61, 80), (100, 100), (101, 120), (4_100, 5_000)]
)
def test_the_scale_ends_at_the_next_round_number(highest: int, scale: int) -> None:
    assert scale_of(highest) == scale


def test_an_hour_without_anything_has_no_bars() -> None:
    chart = chart_of([Column(n * 60_000, {}) for n in range(60)])
    assert (chart.total, chart.top, [bars.path for bars in chart.bars]) == (0, 10, [""] * 4)


def test_a_bar_stands_on_the_one_below() -> None:
    chart = chart_of([Column(0, {"delivered": 50, "failed": 50})])
    # The scale ends at 100, so half of it is (100 - 6) / 2 = 47 high.
    assert [bars.path for bars in chart.bars] == ["M84 100v-47h432v47z", "", "", "M84 53v-47h432v47z"]


@given(st.lists(COUNTS, min_size=1, max_size=60))
def test_no_stack_is_higher_than_the_drawing_and_the_totals_are_those_of_the_minutes(
    counts: list[dict[str, int]],
) -> None:
    chart = chart_of([Column(n * 60_000, each) for n, each in enumerate(counts)])
    tops = [
        float(bottom) - float(height)
        for bars in chart.bars
        for bottom, height in re.findall(r"M[\d.]+ ([\d.]+)v-([\d.]+)h", bars.path)
    ]
    assert min(tops, default=HEIGHT) >= HEADROOM - 0.2
    assert chart.total == sum(sum(each.values()) for each in counts)


def test_what_is_not_known_is_shaded_in_one_area_and_is_no_zero() -> None:
    chart = chart_of([Column(0, None), Column(1, None), Column(2, {}), Column(3, {"failed": 5}, is_partial=True)])
    assert (chart.unknown, chart.unknown_columns) == ("M0 0h300v100h-300zM450 0h150v100h-150z", 3)
    assert orjson.loads(chart.values) == [
        [0, None, False], [1, None, False], [2, [0, 0, 0, 0], False], [3, [0, 0, 0, 5], True],
    ]  # fmt: skip
    assert chart.total == 5
