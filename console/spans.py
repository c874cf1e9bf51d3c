"""The spans of a chart: an hour by the minute, a day by the quarter of an hour, seven days by the hour."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ledger.quarters import QUARTER_MS, Counts
from ledger.tally import MINUTE_MS, Minute

__all__ = ["Column", "Span", "columns_of"]

#: Quarters in an hour, and an hour, ms.
QUARTERS, HOUR_MS = 4, 4 * QUARTER_MS
#: Quarters in a chart of a day, and hours in one of seven days.
QUARTERS_OF_DAY, HOURS_OF_WEEK = 96, 168
#: A quarter that was over less than this ago, ms, may not be added up yet: it is drawn from its minutes.
ADDED_UP_WITHIN_MS = 120_000

#: Quarters by their number (Unix time, in quarters).
Quarters = Mapping[int, Counts]


class Span(StrEnum):
    """As in the address of a page."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a chart."""

    at_ms: int  #: when it began
    counts: Counts | None  #: None: not known
    is_partial: bool = False  #: some of its quarters are not known

    @property
    def is_whole(self) -> bool:
        return self.counts is not None and not self.is_partial


def columns_of(span: Span, hour: Sequence[Minute], past: Quarters, now_ms: int) -> list[Column]:
    """The oldest first; the last one is not over yet."""
    match span:
        case Span.HOUR:
            return [Column(minute.at_ms, minute.counts) for minute in hour]
        case Span.DAY:
            last = now_ms // QUARTER_MS
            known = _with_edge(hour, past, now_ms)
            return [Column(n * QUARTER_MS, known.get(n)) for n in range(last - QUARTERS_OF_DAY + 1, last + 1)]
        case Span.WEEK:
            last = now_ms // HOUR_MS
            known = _with_edge(hour, past, now_ms)
            return [_hour(n, known, now_ms // QUARTER_MS) for n in range(last - HOURS_OF_WEEK + 1, last + 1)]


def _with_edge(hour: Sequence[Minute], past: Quarters, now_ms: int) -> Quarters:
    """With the quarter that is not over, and the one before until it is added up."""
    current = now_ms // QUARTER_MS
    before = current - 1
    edge = {current: _of_minutes(hour, current)}
    if before not in past and now_ms - current * QUARTER_MS < ADDED_UP_WITHIN_MS:
        edge[before] = _of_minutes(hour, before)
    return {**past, **edge}


def _of_minutes(hour: Sequence[Minute], quarter: int) -> Counts:
    begins_ms = quarter * QUARTER_MS
    last_ms = begins_ms + QUARTER_MS - MINUTE_MS
    return _sum(minute.counts for minute in hour if begins_ms <= minute.at_ms <= last_ms)


def _hour(number: int, known: Quarters, current: int) -> Column:
    begun = range(number * QUARTERS, min((number + 1) * QUARTERS, current + 1))
    found = [known[quarter] for quarter in begun if quarter in known]
    return Column(number * HOUR_MS, _sum(found) if found else None, is_partial=0 < len(found) < len(begun))


def _sum(each: Iterable[Counts]) -> Counts:
    total: Counter[str] = Counter()
    for counts in each:
        total.update(counts)
    return total
