"""The chart of a desk: stacked bars, one per column of its span, as shapes for an SVG template."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import orjson

from console.spans import Column

__all__ = ["SERIES", "Bars", "Chart", "chart_of", "scale_of"]

#: The stacked series, from the bottom up.
SERIES = ("delivered", "rerouted", "deferred", "failed")
#: In SVG units: the size of the drawing, and the space above the highest bar.
WIDTH, HEIGHT, HEADROOM = 600, 100, 6
#: The share of a column's width that its bar takes.
BAR_SHARE = 0.72
#: The ends of scales, times a power of ten.
_ROUND = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)


@dataclass(frozen=True, slots=True)
class Bars:
    """All bars of one series, as one path."""

    name: str
    path: str
    total: int


@dataclass(frozen=True, slots=True)
class Chart:
    """`top` is the value at the upper end of the scale; `unknown` shades what is not known, or only in part."""

    bars: tuple[Bars, ...]
    top: int
    columns: Sequence[Column]
    unknown: str

    @property
    def total(self) -> int:
        return sum(bars.total for bars in self.bars)

    @property
    def unknown_columns(self) -> int:
        return sum(not column.is_whole for column in self.columns)

    @property
    def values(self) -> str:
        """JSON for console.js: when each column began, its counts by SERIES, and whether more may have happened; or
        null in the place of what is not known."""
        return orjson.dumps([_values(column) for column in self.columns]).decode()


def chart_of(columns: Sequence[Column]) -> Chart:
    """Deferred and failed are on top, where they are most visible."""
    stacks = list(map(_stack, columns))
    top = scale_of(max(map(sum, stacks), default=0))
    unit = (HEIGHT - HEADROOM) / top
    bars = (
        Bars(name, _path(stacks, place, unit), sum(stack[place] for stack in stacks))
        for place, name in enumerate(SERIES)
    )
    return Chart(tuple(bars), top, columns, _shades(columns))


def scale_of(highest: int) -> int:
    """The next round number, at least 10: a single notification must not fill the chart."""
    power = 1
    while True:
        for step in _ROUND:
            if highest <= step * power:
                return step * power
        power *= 10


def _stack(column: Column) -> list[int]:
    counts = column.counts or {}
    return [counts.get(name, 0) for name in SERIES]


def _values(column: Column) -> list[object]:
    return [column.at_ms, None if column.counts is None else _stack(column), column.is_partial]


def _path(stacks: Sequence[Sequence[int]], place: int, unit: float) -> str:
    return "".join(_bar(column, len(stacks), stack, place, unit) for column, stack in enumerate(stacks))


def _shades(columns: Sequence[Column]) -> str:
    """One area for each run of columns."""
    width, place, path = WIDTH / len(columns) if columns else 0, 0, ""
    for is_whole, run in groupby(columns, key=lambda column: column.is_whole):
        length = len(list(run))
        if not is_whole:
            path += f"M{_short(place * width)} 0h{_short(length * width)}v{HEIGHT}h-{_short(length * width)}z"
        place += length
    return path


def _bar(column: int, columns: int, stack: Sequence[int], place: int, unit: float) -> str:
    height = stack[place] * unit
    if not height:
        return ""
    slot = WIDTH / columns
    left = column * slot + slot * (1 - BAR_SHARE) / 2
    bottom = HEIGHT - sum(stack[:place]) * unit
    return f"M{_short(left)} {_short(bottom)}v-{_short(height)}h{_short(slot * BAR_SHARE)}v{_short(height)}z"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
