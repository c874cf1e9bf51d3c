"""Sending hours: when an announcement may call, in the receivers' day."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ledger.errors import BadInput
from ledger.phrases import Phrase
from ledger.times import zone_of

__all__ = ["SendingHours", "Window", "seconds_open"]

_BETWEEN = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)$")
#: Days that are planned ahead; at 100 calls a minute for nine hours a day that is 20 million rows.
DAYS = 400


class Window(NamedTuple):
    """From `opens_ms` to before `closes_ms`, Unix time."""

    opens_ms: int
    closes_ms: int


class SendingHours(NamedTuple):
    """The same hours every day, in one time zone, including its changes to and from summer time."""

    opens: time
    closes: time  #: not later than `opens`: on the next day
    zone: ZoneInfo

    @classmethod
    def read(cls, between: str, timezone: str) -> "SendingHours":
        """Reads `09:00-18:00` and `Asia/Shanghai`. Raises BadInput."""
        match = _BETWEEN.match(between.strip())
        if match is None or (match[3] == "24" and match[4] != "00"):
            raise BadInput("between", Phrase("{given} are not valid hours: use 09:00-18:00", given=repr(between)))
        opens = time(int(match[1]), int(match[2]))
        closes = time(int(match[3]) % 24, int(match[4]))
        if opens == closes:
            raise BadInput("between", Phrase("{given} has no end: omit it to send at any hour", given=repr(between)))
        return cls(opens, closes, zone_of(timezone))

    def windows(self, start: datetime, days: int = DAYS) -> Iterator[Window]:
        """The windows that end after `start`, in order."""
        first = start.astimezone(self.zone).date() - timedelta(days=1)
        for ahead in range(days + 1):
            window = self._window(first + timedelta(days=ahead))
            # One that lies in the hour that summer time leaves out has no length.
            if window.closes_ms > max(window.opens_ms, start.timestamp() * 1000):
                yield window

    def _window(self, day: date) -> Window:
        next_day = day + timedelta(days=1) if self.closes <= self.opens else day
        return Window(self._ms(day, self.opens), self._ms(next_day, self.closes, last=True))

    def _ms(self, day: date, at: time, *, last: bool = False) -> int:
        """When clocks show it; the moment of the change if they leave it out; the `last` time if they show it twice."""
        shown = datetime.combine(day, at, self.zone)
        before, after = shown.astimezone(UTC), shown.replace(fold=1).astimezone(UTC)
        if before > after:  # left out: read by the offset of before it lies behind the change, by that of after before
            return _ms_of(_change(after, before, self.zone))
        return _ms_of(after if last else before)


def _ms_of(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment between the two, both in UTC, at which the zone's offset changes."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == offset else (before, middle)
    return after.replace(microsecond=0)


def seconds_open(windows: Iterator[Window], start_ms: int, needed_seconds: float) -> float:
    """The wall-clock time until `needed_seconds` of open time have passed."""
    left_ms = needed_seconds * 1000
    ends_ms = float(start_ms)
    for window in windows:
        opens_ms = max(window.opens_ms, start_ms)
        length_ms = window.closes_ms - opens_ms
        if length_ms <= 0:
            continue
        ends_ms = opens_ms + min(left_ms, length_ms)
        left_ms -= length_ms
        if left_ms <= 0:
            break
    return (ends_ms - start_ms) / 1000
