"""What one process has counted since it last wrote to the tally."""

import logging
import threading
from collections import Counter

import redis

from ledger.histogram import Histogram, bucket_of
from ledger.tally import Tally

__all__ = ["MICROSECONDS", "CounterBuffer"]

log = logging.getLogger(__name__)

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
        self._counted: Counter[tuple[str, str]] = Counter()
        self._counting = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._written = True

    def count(self, desk: str, *words: str, by: int = 1) -> None:
        """Adds to what has the name of these words. There must be few such names: each is kept for good."""
        with self._counting:
            self._counted[desk, " ".join(words)] += by
            self._start()

    def time(self, desk: str, latency: Histogram, seconds: float, *words: str) -> None:
        """Adds one case that took so long; negative by skew between clocks counts as none at all."""
        seconds = max(0.0, seconds)
        self.count(desk, latency, *words, bucket_of(latency, seconds))
        self.count(desk, latency, *words, MICROSECONDS, by=round(seconds * 1_000_000))

    def write(self) -> bool:
        """Adds what was counted to the tally, now. False when that cannot be done now, and nothing is lost."""
        with self._counting:
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

    def _take_back(self, counted: Counter[tuple[str, str]]) -> None:
        with self._counting:
            self._counted.update(counted)

    def _start(self) -> None:
        """Not before something is counted: a process may fork, or only ask."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="tally", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(self._write_seconds):
            self.write()
