"""The tally: counts for metrics and charts, kept by each process and added up in Redis every 2 s.

It is not a record: a killed process loses its last two seconds. Notifications, and the calls and counts that the
ledger keeps itself (`ledger.desk_status`), are exact.
"""

import logging
import threading
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from types import MappingProxyType
from typing import Any

import redis

from ledger.connection import text
from ledger.redis_keys import RedisKeys

__all__ = [
    "BUCKETS",
    "ENDED",
    "EVERYWHERE",
    "KEPT_SECONDS",
    "LATE_MS",
    "MICROSECONDS",
    "MINUTES",
    "MINUTE_MS",
    "CounterBuffer",
    "Histogram",
    "Minute",
    "Tally",
    "bucket_of",
]

log = logging.getLogger(__name__)

#: What is counted of no desk stands under this name.
EVERYWHERE = ""
#: The first word of what is also counted by the minute.
ENDED = "ended"
#: A minute, ms.
MINUTE_MS = 60_000
#: Minutes in a chart.
MINUTES = 60
#: Processes count up to some seconds late, ms.
LATE_MS = 10_000
#: A minute is kept for this long, seconds: the chart's hour, and some more for a clock that is read a little late.
KEPT_SECONDS = 3_900


@dataclass(frozen=True, slots=True)
class Minute:
    """Results of a desk's notifications in one minute.

    The names are `delivered`, `rerouted` (delivered by `user`, since a ticket was open, and not in `delivered`),
    `deferred`, `failed`, `unknown`, `expired`, and for throttled calls `throttled`.
    """

    at_ms: int  #: when it began
    counts: Mapping[str, int]  #: what did not happen is left out


class Tally:
    """Adds and reads counts. A counter's name has one or more words, such as `attempts chat refused 154000`."""

    def __init__(self, client: redis.Redis, keys: RedisKeys) -> None:
        self._redis = client
        self._keys = keys

    def add(self, counted: Mapping[tuple[str, str], int]) -> None:
        """Adds counts by (desk, name), all or none, in the current minute of Redis' clock."""
        now_s, _ = self._redis.time()
        pipe = self._redis.pipeline()
        for desk, of_desk in groupby(sorted(counted), key=lambda place: place[0]):
            minute = self._keys.tally_minute(desk, str(now_s // 60))
            expiring = False
            for place in of_desk:
                _, name = place
                pipe.hincrby(self._keys.tally(desk), name, counted[place])
                if name.startswith(f"{ENDED} "):
                    pipe.hincrby(minute, name.removeprefix(f"{ENDED} "), counted[place])
                    expiring = True
            if expiring:
                pipe.expire(minute, KEPT_SECONDS)
        pipe.execute()

    def totals(self, desks: Sequence[str]) -> list[dict[str, int]]:
        """All counts since each desk began, by name. One round trip."""
        return list(map(_counts, self._read(map(self._keys.tally, desks))))

    def minutes(self, desk: str, minutes: range) -> list[Minute]:
        """These minutes, Unix time in minutes. One round trip, one command each."""
        found = self._read(self._keys.tally_minute(desk, str(minute)) for minute in minutes)
        return [
            Minute(minute * MINUTE_MS, MappingProxyType(_counts(counts)))
            for minute, counts in zip(minutes, found, strict=True)
        ]

    def _read(self, keys: Iterable[str]) -> list[Any]:
        pipe = self._redis.pipeline(transaction=False)
        for key in keys:
            pipe.hgetall(key)
        return pipe.execute()


def _counts(found: Mapping[bytes, bytes]) -> dict[str, int]:
    return {text(name): int(count) for name, count in found.items()}


class Histogram(StrEnum):
    """The values are also words in the names of the tally."""

    ACCEPT = "accept"  #: an HTTP request that asks to accept something, by its route
    DELIVERY = "delivery"  #: from when a notification was accepted, or was due if that is later, to what came of it
    CALL = "call"  #: one call of the Feishu API


#: Upper bounds, seconds; what takes longer than the last is counted all the same. An announcement may take days.
BUCKETS: Mapping[Histogram, tuple[float, ...]] = {
    Histogram.ACCEPT: (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    Histogram.DELIVERY: (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 43200, 86400, 604800),
    Histogram.CALL: (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25),
}


def bucket_of(latency: Histogram, seconds: float) -> str:
    """The upper bound of the bucket that so many seconds belong to, as a word; `inf` above the last one."""
    bounds = BUCKETS[latency]
    index = bisect_left(bounds, seconds)
    return f"{bounds[index]:g}" if index < len(bounds) else "inf"


#: Between two writes, seconds: what a process that is killed can lose, and how old a chart may be.
WRITE_SECONDS = 2.0
#: The last word under which the sum of a latency is counted.
MICROSECONDS = "us"


class CounterBuffer:
    """Counting takes no round trip: a thread of its own writes all of it together. Threads share the sheet.

    While Redis is away, or takes no writes, the counts wait here. After a write whose answer was lost they are written
    again, so that these seconds may count twice.
    """

    def __init__(self, tally: Tally, *, write_seconds: float = WRITE_SECONDS) -> None:
        self._tally = tally
        self._write_seconds = write_seconds
        self._noted: deque[tuple[str, tuple[str, ...], int]] = deque()  #: as told, since the last write
        self._counted: Counter[tuple[str, str]] = Counter()
        self._summing = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._written = True

    def count(self, desk: str, *words: str, by: int = 1) -> None:
        """Adds to what has the name of these words. There must be few such names: each is kept for good."""
        self._noted.append((desk, words, by))  # neither locked nor added up: that is left to the thread that writes
        if self._thread is None:
            self._start()

    def time(self, desk: str, latency: Histogram, seconds: float, *words: str) -> None:
        """Adds one case that took so long; negative by skew between clocks counts as none at all."""
        seconds = max(0.0, seconds)
        self.count(desk, latency, *words, bucket_of(latency, seconds))
        self.count(desk, latency, *words, MICROSECONDS, by=round(seconds * 1_000_000))

    def write(self) -> bool:
        """Adds what was counted to the tally, now. False when that cannot be done now, and nothing is lost."""
        with self._summing:
            self._add_up()
            counted, self._counted = self._counted, Counter()
        if not counted:
            return True
        try:
            self._tally.add(counted)
        except redis.RedisError as error:
            self._take_back(counted)
            if self._written:
                log.warning("the metrics wait for Redis: %s", error)
            self._written = False
            return False
        self._written = True
        return True

    def close(self) -> None:
        """Writes the rest. Nothing that is counted after this is written."""
        self._stopping.set()
        if self._thread:
            self._thread.join(timeout=5)
        self.write()

    def _add_up(self) -> None:
        for _ in range(len(self._noted)):  # others go on noting
            desk, words, by = self._noted.popleft()
            self._counted[desk, " ".join(words)] += by

    def _take_back(self, counted: Counter[tuple[str, str]]) -> None:
        with self._summing:
            self._counted.update(counted)

    def _start(self) -> None:
        """Not before something is counted: a process may fork, or only ask."""
        with self._summing:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tally", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(self._write_seconds):
            self.write()
