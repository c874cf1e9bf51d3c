"""The quota of one app: calls in any rolling window, counted at arrival, and their peaks."""

import math
import re
from collections import deque
from dataclasses import dataclass

__all__ = ["Limit", "Quota", "RollingCount", "parse_rate"]

_UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(r"^\s*(\d+)\s*/\s*(?:(\d+)\s*)?(second|minute|hour|day)s?\s*$")
#: Without a limit, peaks are counted per minute, as Feishu counts this API.
_WATCHED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `calls` in any rolling window of `seconds`."""

    calls: int
    seconds: int


def parse_rate(text: str) -> tuple[Limit, ...]:
    """Reads `100/minute`, `100/6second`, several joined by `;`, or `unlimited`. Raises ValueError."""
    if text.strip() == "unlimited":
        return ()
    return tuple(_limit(part) for part in text.split(";"))


def _limit(text: str) -> Limit:
    match = _RATE.match(text)
    if match is None or int(match[1]) < 1 or int(match[2] or 1) < 1:
        raise ValueError(
            f"{text.strip()!r} is not a valid rate: use 100/minute, 5/second or 100/6second, joined by ';'"
        )
    return Limit(int(match[1]), int(match[2] or 1) * _UNIT_SECONDS[match[3]])


class RollingCount:
    """The calls in the current window, and their peak. A call leaves the window after `seconds`."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.peak = 0
        self._times: deque[float] = deque()

    def add(self, now: float) -> None:
        self._forget(now)
        self._times.append(now)
        self.peak = max(self.peak, len(self._times))

    def wait_seconds(self, now: float, calls: int) -> float:
        """Seconds until fewer than `calls` are in the window; 0 if there are fewer now."""
        self._forget(now)
        if len(self._times) < calls:
            return 0.0
        return self._times[-calls] + self.seconds - now

    def restart_peak(self, now: float) -> None:
        self._forget(now)
        self.peak = len(self._times)

    def _forget(self, now: float) -> None:
        times, oldest = self._times, now - self.seconds
        while times and times[0] <= oldest:
            times.popleft()


class Quota:
    """One app's quota. Refused calls use none of it, but count in the peaks."""

    def __init__(self, limits: tuple[Limit, ...]) -> None:
        self._granted = [(limit, RollingCount(limit.seconds)) for limit in limits]
        self.arrived = [RollingCount(limit.seconds) for limit in limits] or [RollingCount(_WATCHED_SECONDS)]

    def take(self, now: float) -> tuple[Limit, int] | None:
        """Takes a slot, or returns the exceeded limit and the whole seconds to wait (at least 1)."""
        for count in self.arrived:
            count.add(now)
        for limit, count in self._granted:
            wait = count.wait_seconds(now, limit.calls)
            if wait > 0:
                return limit, max(1, math.ceil(wait))
        for _, count in self._granted:
            count.add(now)
        return None

    def peaks(self) -> dict[str, dict[str, int]]:
        """By window (`60s`): the most calls that arrived, and that were granted."""
        granted = {count.seconds: count.peak for _, count in self._granted}
        return {
            f"{count.seconds}s": {"arrived": count.peak, "granted": granted.get(count.seconds, count.peak)}
            for count in self.arrived
        }

    def restart_peaks(self, now: float) -> None:
        for count in [*self.arrived, *(count for _, count in self._granted)]:
            count.restart_peak(now)
