"""How much a run measures: the published figures are those of a whole one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["WHOLE", "Size", "spread"]


@dataclass(frozen=True)
class Size:
    """`rounds` of each measurement, and the share of notifications, rows and seconds in each."""

    rounds: int = 5
    share: float = 1.0

    def of(self, count: int, least: int = 10) -> int:
        return max(least, round(count * self.share))


WHOLE = Size()


def spread(values: Sequence[float], written: Callable[[float], str]) -> str:
    """The median, and the range of all rounds."""
    if len(values) == 1:
        return written(values[0])
    return f"{written(median(values))} ({written(min(values))} to {written(max(values))})"
