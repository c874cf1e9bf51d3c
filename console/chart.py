"""The chart of the last hour: stacked bars, one per minute, as shapes for an SVG template."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from ledger.tally import Minute

__all__ = ["SERIES", "Bars", "Chart", "chart_of", "scale_of"]

#: The stacked series, from the bottom up.
SERIES = ("delivered", "rerouted", "deferred", "failed")
#: In SVG units: the size of the drawing, and the space above the highest bar.
WIDTH, HEIGHT, HEADROOM = 600, 100, 6
#: The share of a minute's width that its bar takes.
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
    """`top` is the value at the upper end of the scale."""

    bars: tuple[Bars, ...]
    top: int
    minutes: Sequence[Minute]

    @property
    def total(self) -> int:
        return sum(bars.total for bars in self.bars)

    @property
    def values(self) -> str:
        """JSON for console.js: when the first minute began, and the counts of each minute by SERIES."""
        begins_ms = self.minutes[0].at_ms if self.minutes else 0
        return orjson.dumps([begins_ms, *map(_stack, self.minutes)]).decode()


def chart_of(minutes: Sequence[Minute]) -> Chart:
    """Deferred and failed are on top, where they are most visible."""
    top = scale_of(max((sum(_stack(minute)) for minute in minutes), default=0))
    unit = (HEIGHT - HEADROOM) / top
    bars = (
        Bars(name, _path(minutes, place, unit), sum(minute.counts.get(name, 0) for minute in minutes))
        for place, name in enumerate(SERIES)
    )
    return Chart(tuple(bars), top, minutes)


def scale_of(highest: int) -> int:
    """The next round number, at least 10: a single notification must not fill the chart."""
    power = 1
    while True:
        for step in _ROUND:
            if highest <= step * power:
                return step * power
        power *= 10


def _stack(minute: Minute) -> list[int]:
    return [minute.counts.get(name, 0) for name in SERIES]


def _path(minutes: Sequence[Minute], place: int, unit: float) -> str:
    return "".join(_bar(column, len(minutes), _stack(minute), place, unit) for column, minute in enumerate(minutes))


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
