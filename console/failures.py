"""Errors grouped by code, with their meaning and remedy."""

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from feishu.codes import CodeTable, Rule
from ledger.connection import text
from ledger.health import Condition
from ledger.ids import row_number
from ledger.ledger import Ledger
from ledger.progress import Attempt
from ledger.states import State

__all__ = ["Failure", "Failures", "KnownFailures", "grouped", "meaning_of"]

#: Rows to read, the latest failures first: their codes are representative.
LOOKED_AT = 500
#: The answer is shared for this long, seconds.
FRESH_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Failure:
    """The failures with one code. Attempts without an answer have no code."""

    code: int | None
    http_status: int | None
    msg: str  #: Feishu's text, from one of them
    count: int
    means: str
    do: str


class KnownFailures(NamedTuple):
    """The most frequent code first; as they were when so many rows had failed."""

    failed: int
    failures: tuple[Failure, ...]


class Failures:
    """The failures of announcements. Each index is read every few seconds, for any number of viewers. Thread-safe."""

    def __init__(self, ledger: Ledger, codes: CodeTable) -> None:
        self._ledger, self._codes = ledger, codes
        self._known: dict[str, tuple[float, KnownFailures]] = {}
        self._turn = threading.Lock()

    def of_announcement(self, id: str, failed: int) -> KnownFailures:
        """Of the last LOOKED_AT of its failed rows, of which there are `failed` now. Raises redis-py's errors."""
        with self._turn:
            read_at, known = self._known.get(id, (0.0, KnownFailures(0, ())))
            # The first failures are shown at once: there may be no more.
            is_first = failed > 0 and not known.failures
            if is_first or time.monotonic() - read_at > FRESH_SECONDS:
                known = KnownFailures(failed, tuple(self._read(id)))
                # Only recent answers are kept.
                fresh = {
                    key: value for key, value in self._known.items() if time.monotonic() - value[0] < FRESH_SECONDS
                }
                self._known = {**fresh, id: (time.monotonic(), known)}
            return known

    def _read(self, id: str) -> list[Failure]:
        ledger = self._ledger.with_record(id)
        index = ledger.keys.row_index(id, State.FAILED)
        ids = [text(id) for id in ledger.redis.zrevrange(index, 0, LOOKED_AT - 1)]
        rows = ledger.announcements.some_rows(id, [row_number(each) for each in ids])
        return grouped((row.progress.attempts[-1] for row in rows if row.progress.attempts), self._codes)


def grouped(attempts: Iterable[Attempt], codes: CodeTable) -> list[Failure]:
    """By code and HTTP status, the most frequent first."""
    counts: Counter[tuple[int | None, int | None]] = Counter()
    said: dict[tuple[int | None, int | None], str] = {}
    for attempt in attempts:
        group = (attempt.code, attempt.http_status)
        counts[group] += 1
        said.setdefault(group, attempt.told or "")
    return [_failure(group, count, said[group], codes) for group, count in counts.most_common()]


def meaning_of(codes: CodeTable, condition: Condition) -> Rule | None:
    """What the answer that put a desk on hold means, and what to do; None for other conditions, and for older holds."""
    if condition.code is None or condition.http_status is None:
        return None
    return codes.rule(condition.code, condition.http_status, str(condition.found))


def _failure(group: tuple[int | None, int | None], count: int, msg: str, codes: CodeTable) -> Failure:
    code, http_status = group
    if http_status is None:
        return Failure(code, http_status, msg, count, "", "")
    rule = codes.rule(code, http_status, msg)
    return Failure(code, http_status, msg, count, rule.means, rule.do)
