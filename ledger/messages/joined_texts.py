"""What Deskbell itself says in messages of events, in the languages of desks: counts, and times of alerts."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from ledger.phrases import filled

__all__ = ["Fired", "Wording"]

_EN = {
    "throttled": "{n:,} more since {since}:",
    "digest": "{n:,} message since {since} | {n:,} messages since {since}",
    "group": "{group} ({n:,})",
    "left_out": "… and {n:,} more",
    "other_groups": "… and {n:,} more in other groups",
    "expired": "{n:,} expired before this could be sent",
    "fired": "Fired for {length}, since {since}",
    "days": "{n:,} d",
    "hours": "{n} h",
    "minutes": "{n} min",
    "seconds": "{n} s",
}
_ZH = {
    "throttled": "自 {since} 起另有 {n:,} 条：",
    "digest": "自 {since} 起共 {n:,} 条消息",
    "group": "{group}（{n:,}）",
    "left_out": "…… 另有 {n:,} 条",
    "other_groups": "…… 其他分组另有 {n:,} 条",
    "expired": "{n:,} 条在发送前已过期",
    "fired": "告警自 {since} 起，持续 {length}",
    "days": "{n:,} 天",
    "hours": "{n} 小时",
    "minutes": "{n} 分钟",
    "seconds": "{n} 秒",
}
_TEXTS: Mapping[str, Mapping[str, str]] = {"en": _EN, "zh": _ZH}
#: Seconds of each unit, the largest first. The two largest that are there are told.
_UNITS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
_UNITS_TOLD = 2
#: Beyond this span a time without its day would be misread, ms.
_SAME_DAY_MS = 20 * 3600 * 1000


class Fired(NamedTuple):
    """From when until when an alert fired, ms."""

    since_ms: int
    ended_ms: int


class Wording(NamedTuple):
    """The language of a message, and the time zone of its times: without one they are in UTC, and say so."""

    language: str
    zone: tzinfo | None

    def text(self, name: str, **values: object) -> str:
        return filled(_TEXTS[self.language][name], values)

    def clock(self, ms: int) -> str:
        return f"{self._time(ms):%H:%M}"

    def since(self, ms: int, until_ms: int) -> str:
        """With the day, if that is not clear from `until_ms`, which the reader knows."""
        shown = "%H:%M" if until_ms - ms < _SAME_DAY_MS else "%m-%d %H:%M"
        return self._time(ms).strftime(shown) + ("" if self.zone else " UTC")

    def fired(self, fired: Fired, told_ms: int) -> str:
        """`told_ms`: when the tool told of the end, which may have been long before."""
        length = self._length((fired.ended_ms - fired.since_ms) // 1000)
        return self.text("fired", since=self.since(fired.since_ms, max(fired.ended_ms, told_ms)), length=length)

    def _time(self, ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, self.zone or UTC)

    def _length(self, seconds: int) -> str:
        """Such as `1 h 20 min`; less than a second counts as one."""
        left, parts = max(seconds, 1), []
        for unit, length in _UNITS.items():
            parts.append((unit, left // length))
            left %= length
        first = next(index for index, (_, n) in enumerate(parts) if n)
        told = [self.text(unit, n=n) for unit, n in parts[first : first + _UNITS_TOLD] if n]
        return " ".join(told)
