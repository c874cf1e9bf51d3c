"""When an announcement that is not started yet would be sent, beside all else that its desk has to send."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.announcement import Spec
from ledger.ledger import Ledger
from ledger.redis_clock import time_ms
from ledger.states import AnnouncementState, State
from ledger.times import unix_ms
from producers.announcements.forecast import Share, calls_per_second, finish_ms, shares_of, start_ms

__all__ = ["MOST_DUE", "Timing", "timing_of"]

#: Times of single rows that the forecast looks at: rows in between count for the next one.
MOST_DUE = 50
#: A start within this is one at once, ms.
_AT_ONCE_MS = 30_000

#: Times that rows are sent at, Unix ms, and how many rows are due then or later; the earliest first.
Due = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Timing:
    """As of `now_ms`, if it started then."""

    others: int  #: announcements of the desk that run
    now_ms: int
    starts_ms: int | None  #: None when it is beyond what is planned ahead
    finishes_ms: int | None  #: None without a quota, and when it is beyond what is planned ahead
    expires_ms: int | None

    @property
    def seconds(self) -> float | None:
        """Until it is finished."""
        return None if self.finishes_ms is None else (self.finishes_ms - self.now_ms) / 1000

    @property
    def is_at_once(self) -> bool:
        """Whether the first row goes out as soon as it is accepted, or after the events that wait now."""
        return self.starts_ms is not None and self.starts_ms - self.now_ms < _AT_ONCE_MS

    @property
    def is_too_late(self) -> bool:
        """Whether rows will expire before their turn comes."""
        return bool(self.finishes_ms and self.expires_ms and self.finishes_ms > self.expires_ms)


def timing_of(ledger: Ledger, spec: Spec, rows: int, due: Due) -> Timing:
    """Asks the ledger which announcements are running."""
    ledger = ledger.at(spec.desk)
    now_ms = time_ms(ledger.redis.time())
    of_desk = [each for each in ledger.announcements.newest() if each.spec.desk == spec.desk]
    rate = calls_per_second(ledger.settings.desk(spec.desk))
    # Events go first, so those that wait now come before all of it.
    events_ms = round(1000 * ledger.counts(spec.desk)[State.QUEUED] / rate) if rate else 0
    others = shares_of(of_desk, now_ms + events_ms)
    return Timing(
        others=sum(each.state is AnnouncementState.RUNNING for each in of_desk),
        now_ms=now_ms,
        starts_ms=_start_ms(spec, rows, due, now_ms + events_ms),
        finishes_ms=_finish_ms(spec, rows, due, others, rate, now_ms + events_ms) if rate else None,
        expires_ms=unix_ms(spec.expires_at) or None,
    )


def _start_ms(spec: Spec, rows: int, due: Due, now_ms: int) -> int | None:
    is_timed = bool(due) and due[0][1] == rows  # each row has a time of its own
    return start_ms(Share.of(spec, 1, now_ms, due[0][0] if is_timed else 0), now_ms)


def _finish_ms(spec: Spec, rows: int, due: Due, others: Sequence[Share], rate: float, now_ms: int) -> int | None:
    """When the last row has its call: the latest of what all rows need, and those that are due at a time or later."""
    ends: list[int] = []
    for due_ms, due_rows in [(0, rows), *due]:
        end = finish_ms(Share.of(spec, due_rows, now_ms, due_ms), others, rate, now_ms)
        if end is None:
            return None
        ends.append(end)
    return max(ends)
